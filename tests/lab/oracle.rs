//! The laboratory itself: it has to be able to fail.

use devpulse_lab::{Account, Audit, Device, Fault, FaultProxy, Oracle, Spoil, Teeth, TestServer};
use serde_json::json;

/// Twenty events over a wire of which `fault` spoils the first batch.
fn run(fault: Fault) -> Account {
    let server = TestServer::start();
    server.set_config(json!({"batch": {"max_interval_ms": 100}}));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "oracle");
    let mut first = Some(fault);
    proxy.set(move |request| {
        request.is_batch().then(|| first.take()).flatten().unwrap_or(Fault::Pass)
    });
    let agent = device.start_agent();
    let mut oracle = Oracle::default();
    oracle.promise(agent.emit(20));
    device.run(&["sync"]).expect_exit(0);
    oracle.audit(&Audit::of(&device, &server, &proxy))
}

#[test]
fn a_run_in_which_nothing_goes_wrong_proves_nothing() {
    let account = run(Fault::Pass);
    assert_eq!(account.faults, Vec::<String>::new());
    assert_eq!(account.bite(&Teeth::default()), ["nothing went wrong, so nothing is proven"]);
}

#[test]
fn an_answer_that_is_lost_makes_a_resend_of_what_the_server_has() {
    let account = run(Fault::After(Spoil::Reset));
    account.expect(&Teeth { resends: 1, repeated: 1, ..Teeth::default() });
    assert_eq!(account.bite(&Teeth { resends: 100, ..Teeth::default() }).len(), 1);
}

#[test]
fn what_is_missing_or_there_twice_is_found() {
    let event = |id: &str, seq: u64| json!({"event_id": id, "epoch": "e", "seq": seq, "data": seq});
    let mut oracle = Oracle::default();
    oracle.promise(["a".to_owned(), "b".to_owned()]);
    oracle.promise_data("c".to_owned(), json!(3));
    let faults = |held: Vec<serde_json::Value>, captured| {
        let ledger = devpulse_lab::Ledger {
            captured,
            delivered: held.len() as u64,
            ..devpulse_lab::Ledger::default()
        };
        oracle.audit(&Audit { ledger, held, ..Audit::default() }).faults
    };
    let whole = vec![event("a", 1), event("b", 2), event("c", 3)];
    assert_eq!(faults(whole.clone(), 3), Vec::<String>::new());
    assert_eq!(faults(whole.clone(), 4).len(), 1, "the ledger does not add up");
    assert_eq!(faults(whole[..2].to_vec(), 2).len(), 1, "one is missing");
    assert_eq!(faults([whole.clone(), vec![event("a", 4)]].concat(), 4).len(), 1, "one is twice");
    assert_eq!(faults([whole, vec![event("d", 3)]].concat(), 4).len(), 1, "one place twice");
    let altered = vec![event("a", 1), event("b", 2), event("c", 4)];
    assert_eq!(faults(altered, 3).len(), 1, "another content than promised");
}
