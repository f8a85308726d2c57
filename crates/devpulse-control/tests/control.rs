//! The control socket as a front end and as an adversary sees it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "control/bench.rs"]
mod bench;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use bench::{Bench, Raw, deadline, raw, sample};
use devpulse_control::{
    ClientError, ControlClient, ControlServer, ErrorCode, EventsQuery, MAX_CONNECTIONS,
    MAX_FRAME_BYTES, PauseRequest, Presence, Resumption, SyncRequest, SyncResult, SyncUpdate,
    Which,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn sixty_four_front_ends_are_answered_at_once() {
    let bench = Bench::start();
    let mut clients = Vec::new();
    for _ in 0..64 {
        clients.push(bench.client().await);
    }
    let mut answers = tokio::task::JoinSet::new();
    for client in clients.clone() {
        answers.spawn(async move { client.status().await.map(|status| status.enrolled) });
    }
    while let Some(answer) = deadline(answers.join_next()).await {
        assert!(answer.unwrap().unwrap());
    }
    assert_eq!(clients[0].agent().pid, std::process::id());
}

#[tokio::test]
async fn more_than_128_front_ends_are_told_that_the_agent_is_busy() {
    let bench = Bench::start();
    let mut clients = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        clients.push(bench.client().await);
    }
    let Err(ClientError::Refused(error)) = ControlClient::connect(bench.path()).await else {
        panic!("one more was let in");
    };
    assert_eq!(error.code, ErrorCode::Busy);
    clients.pop();
    deadline(async {
        while ControlClient::connect(bench.path()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(deadline(clients[0].status()).await.is_ok());
}

#[tokio::test]
async fn pipelined_events_keep_their_order_and_are_answered_once_durable() {
    let bench = Bench::start();
    let client = bench.client().await;
    let mut waiting = Vec::new();
    for n in 0..1000 {
        waiting.push(client.emit(&format!("n{n}"), raw(&json!(n))).await.unwrap());
    }
    let names: Vec<String> = (0..1000).map(|n| format!("n{n}")).collect();
    deadline(bench.controller().emitted(1000)).await;
    assert_eq!(bench.controller().names(), names);

    bench.controller().make_durable(999);
    let last = waiting.pop().unwrap();
    let mut ids = Vec::new();
    for emission in waiting {
        ids.push(deadline(emission.durable()).await.unwrap());
    }
    assert_eq!(ids, bench.controller().ids()[..999]);
    let unanswered = tokio::spawn(last.durable());
    assert!(deadline(client.status()).await.is_ok(), "the connection waits for one event");
    assert!(!unanswered.is_finished());
    bench.controller().make_durable(1);
    assert_eq!(deadline(unanswered).await.unwrap().unwrap(), bench.controller().ids()[999]);
}

#[tokio::test]
async fn an_event_that_the_agent_refuses_does_not_stop_the_ones_behind_it() {
    let bench = Bench::start();
    let client = bench.client().await;
    bench.controller().make_durable(1);
    let bad = client.emit("refuse me", raw(&json!(1))).await.unwrap();
    let good = client.emit("good", raw(&json!(2))).await.unwrap();
    let Err(ClientError::Refused(error)) = deadline(bad.durable()).await else {
        panic!("the event was taken");
    };
    assert_eq!(error.code, ErrorCode::Invalid);
    assert!(deadline(good.durable()).await.is_ok());
}

#[tokio::test]
async fn a_frame_beyond_the_limit_ends_only_its_own_connection() {
    let bench = Bench::start();
    let other = bench.client().await;
    let mut raw_client = Raw::greeted(bench.path()).await;
    raw_client.write(&u32::try_from(MAX_FRAME_BYTES + 1).unwrap().to_be_bytes()).await;
    let answer = raw_client.frame().await.unwrap();
    assert_eq!(answer["error"]["code"], "too_large");
    assert!(raw_client.frame().await.is_none());
    assert!(deadline(other.status()).await.is_ok());
}

#[tokio::test]
async fn garbage_is_answered_with_an_error_before_and_after_the_greeting() {
    let bench = Bench::start();
    for greeted in [false, true] {
        let mut raw_client = if greeted {
            Raw::greeted(bench.path()).await
        } else {
            Raw::connected(bench.path()).await
        };
        raw_client.send(b"\xff\xfe not json").await;
        let answer = raw_client.frame().await.unwrap();
        assert_eq!(answer["error"]["code"], "invalid", "greeted: {greeted}");
        assert!(raw_client.frame().await.is_none());
    }
    assert!(deadline(bench.client().await.status()).await.is_ok());
}

#[tokio::test]
async fn an_unknown_request_and_bad_parameters_leave_the_connection_open() {
    let bench = Bench::start();
    let mut raw_client = Raw::greeted(bench.path()).await;
    raw_client.send(br#"{"id":1,"request":"teleport","params":{"to":"home"}}"#).await;
    let answer = raw_client.frame().await.unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!("unsupported")));
    raw_client.send(br#"{"id":2,"request":"sync","params":{"timeout_s":-1}}"#).await;
    let answer = raw_client.frame().await.unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(2), &json!("invalid")));
    raw_client.send(br#"{"id":3,"request":"status"}"#).await;
    let answer = raw_client.frame().await.unwrap();
    assert_eq!((&answer["id"], &answer["done"]["enrolled"]), (&json!(3), &json!(true)));
}

#[tokio::test]
async fn a_front_end_of_another_protocol_is_told_so() {
    let bench = Bench::start();
    let mut raw_client = Raw::connected(bench.path()).await;
    raw_client.send(br#"{"protocol":99,"version":"9.9.9","pid":1}"#).await;
    let answer = raw_client.frame().await.unwrap();
    assert_eq!(answer["error"]["code"], "version");
    assert!(answer["error"]["message"].as_str().unwrap().contains("99"));
}

#[tokio::test]
async fn an_agent_of_another_protocol_is_a_typed_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let agent = tokio::spawn(async move {
        let mut raw_agent = Raw::over(listener.accept().await.unwrap().0);
        raw_agent.send(br#"{"protocol":99,"version":"9.9.9","pid":1,"new":"field"}"#).await;
        assert!(raw_agent.frame().await.is_none());
    });
    let error = deadline(ControlClient::connect(&path)).await.unwrap_err();
    assert!(matches!(&error, ClientError::Version { theirs: 99, version } if version == "9.9.9"));
    assert!(error.to_string().contains("control protocol 99"));
    deadline(agent).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_connects_and_says_nothing_is_disconnected() {
    let bench = Bench::start();
    let mut raw_client = Raw::connected(bench.path()).await;
    assert!(raw_client.frame().await.is_none());
}

#[tokio::test]
async fn no_socket_and_a_stale_socket_both_mean_that_no_agent_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let absent = ControlClient::connect(&path).await;
    assert!(matches!(absent, Err(ClientError::NoAgent)));
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let stale = ControlClient::connect(&path).await;
    assert!(matches!(stale, Err(ClientError::NoAgent)));
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_the_own_one_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let bench = Bench::start_at(folder);
    assert!(deadline(bench.client().await.status()).await.is_ok());
    let folder = bench.stop().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_socket_is_its_owners_alone() {
    let bench = Bench::start();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(bench.path()), 0o600);

    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made/deep/agent.sock");
    let _server = ControlServer::bind(&made).unwrap();
    assert_eq!(mode(made.parent().unwrap()), 0o700);

    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(ControlServer::bind(&open.join("agent.sock")).is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_home_with_a_long_path_has_a_socket_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/".repeat(40)).join("agent.sock");
    let server = ControlServer::bind(&path).unwrap();
    let stop = CancellationToken::new();
    let controller = bench::TestController::new();
    let serving = tokio::spawn(server.serve(controller, stop.clone()));
    let client = deadline(ControlClient::connect(&path)).await.unwrap();
    assert!(deadline(client.status()).await.is_ok());
    stop.cancel();
    deadline(serving).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn an_agent_that_vanishes_fails_every_request_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let agent = tokio::spawn(async move {
        let mut raw_agent = Raw::over(listener.accept().await.unwrap().0);
        raw_agent.send(br#"{"protocol":1,"version":"0.1.0","pid":1}"#).await;
        for _ in 0..3 {
            raw_agent.frame().await.unwrap();
        }
    });
    let client = deadline(ControlClient::connect(&path)).await.unwrap();
    let first = client.emit("first", raw(&json!(1))).await.unwrap();
    let second = client.emit("second", raw(&json!(2))).await.unwrap();
    deadline(agent).await.unwrap();
    assert!(matches!(deadline(first.durable()).await, Err(ClientError::Lost)));
    assert!(matches!(deadline(second.durable()).await, Err(ClientError::Lost)));
    assert!(matches!(deadline(client.status()).await, Err(ClientError::Lost)));
}

#[tokio::test]
async fn an_agent_that_stops_says_so_to_whoever_waits() {
    let bench = Bench::start();
    let client = bench.client().await;
    let waiting = client.emit("never durable", raw(&json!(1))).await.unwrap();
    deadline(bench.controller().emitted(1)).await;
    let ending = tokio::spawn(bench.stop());
    let error = deadline(waiting.durable()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused(cause) if cause.code == ErrorCode::Stopping));
    assert!(error.is_loss());
    deadline(ending).await.unwrap();
}

#[tokio::test]
async fn events_taken_before_a_stop_are_answered_once_durable() {
    let bench = Bench::start();
    let client = bench.client().await;
    let waiting = client.emit("just in time", raw(&json!(1))).await.unwrap();
    let controller = Arc::clone(bench.controller());
    deadline(controller.emitted(1)).await;
    let ending = tokio::spawn(bench.stop());
    controller.make_durable(1);
    assert_eq!(deadline(waiting.durable()).await.unwrap(), controller.ids()[0]);
    deadline(ending).await.unwrap();
}

#[tokio::test]
async fn a_synchronisation_reports_and_ends_beside_other_requests() {
    let bench = Bench::start();
    let client = bench.client().await;
    let request = SyncRequest { timeout: Duration::from_secs(60) };
    let mut sync = client.sync(request).await.unwrap();
    let SyncUpdate::Progress(progress) = deadline(sync.next()).await.unwrap() else {
        panic!("it ended before it began");
    };
    assert_eq!(progress.pending, 60);
    assert!(deadline(client.status()).await.is_ok());
    bench.controller().finish_sync();
    let SyncUpdate::Ended(outcome) = deadline(sync.next()).await.unwrap() else {
        panic!("it goes on");
    };
    assert_eq!(outcome.result, SyncResult::Drained);
}

#[tokio::test]
async fn a_synchronisation_that_nobody_waits_for_is_dropped_by_the_server() {
    let bench = Bench::start();
    let client = bench.client().await;
    for leave_the_connection in [false, true] {
        let request = SyncRequest { timeout: Duration::from_secs(60) };
        let mut sync = client.sync(request).await.unwrap();
        deadline(sync.next()).await.unwrap();
        assert_eq!(bench.controller().syncs(), 1);
        drop(sync);
        if leave_the_connection {
            drop(client);
            deadline(bench.controller().no_syncs()).await;
            break;
        }
        deadline(bench.controller().no_syncs()).await;
    }
}

#[tokio::test]
async fn a_listing_comes_whole_and_ends() {
    let bench = Bench::start();
    let client = bench.client().await;
    let query = EventsQuery { which: Which::Dead, limit: Some(500) };
    let mut listing = client.events(query).await.unwrap();
    let mut count = 0;
    while let Some(event) = deadline(listing.next()).await.unwrap() {
        assert_eq!(event.json.get(), format!(r#"{{"n": {count}}}"#));
        assert_eq!((event.reason.as_deref(), event.status), (Some("invalid"), Some(422)));
        count += 1;
    }
    assert_eq!(count, 500);
    assert!(deadline(listing.next()).await.unwrap().is_none());
    assert!(deadline(client.hand_over()).await.is_ok());
}

#[tokio::test]
async fn a_front_end_that_reads_nothing_holds_up_nobody() {
    let bench = Bench::start();
    let mut lazy = Raw::greeted(bench.path()).await;
    lazy.send(br#"{"id":1,"request":"events","params":{"which":"pending","limit":null}}"#).await;
    deadline(bench.controller().listing_stalled()).await;
    assert!(deadline(bench.client().await.status()).await.is_ok());
    deadline(bench.stop()).await;
}

#[tokio::test]
async fn a_front_end_in_the_same_process_needs_no_socket() {
    let (server, connector) = ControlServer::in_memory();
    let stop = CancellationToken::new();
    let controller = bench::TestController::new();
    controller.make_durable(1);
    let serving = tokio::spawn(server.serve(controller, stop.clone()));
    let client = deadline(ControlClient::connect_in_memory(&connector)).await.unwrap();
    assert!(deadline(client.emit_durably("x", raw(&json!(null)))).await.is_ok());
    stop.cancel();
    deadline(serving).await.unwrap();
    assert!(matches!(
        deadline(ControlClient::connect_in_memory(&connector)).await,
        Err(ClientError::NoAgent)
    ));
}

#[tokio::test]
async fn what_steers_the_agent_is_carried_to_it_and_its_answers_back() {
    let bench = Bench::start();
    let client = bench.client().await;
    let request = PauseRequest { minutes: Some(2), reason: Some("a call".to_owned()) };
    let pause = client.pause(request).await.unwrap();
    assert_eq!(pause.until.since(pause.since), Duration::from_secs(120));
    assert_eq!(pause.reason.as_deref(), Some("a call"));
    let pause = client.pause(PauseRequest::default()).await.unwrap();
    assert_eq!((pause.until, pause.reason), (pause.since, None));
    assert_eq!(client.resume().await.unwrap(), Resumption::NotPaused);
    assert_eq!(client.replay(None).await.unwrap(), 7);
    let unknown = client.replay(Some(devpulse_protocol::EventId::new())).await;
    assert!(
        matches!(unknown, Err(ClientError::Refused(error)) if error.code == ErrorCode::Invalid)
    );
    let trend = client.trend().await.unwrap();
    assert_eq!((trend.len(), trend[60]), (61, sample(60)));
    let present = client.present().await.unwrap();
    assert_eq!(present.presence, Presence::Active);
    assert_eq!(present.window.unwrap().window_title.as_deref(), Some("notes"));
    client.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_controller_does_not_do_is_unsupported() {
    let bench = Bench::start();
    let Err(ClientError::Refused(error)) = bench.client().await.screenshot().await else {
        panic!("a test controller took a screenshot");
    };
    assert_eq!(error.code, ErrorCode::Unsupported);
    assert_eq!(error.message, "the agent knows no request \"screenshot\"");
}
