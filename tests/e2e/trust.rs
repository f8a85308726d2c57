//! Whom the device trusts and what it proves itself with, over HTTPS and gRPC alike: each
//! fault is explained, and nothing is sent.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use devpulse_lab::{Authority, Certified, Finished, Validity};
use devpulse_server::ServerOptions;
use serde_json::Value;

use crate::agent::{Device, TestServer, wait};
use crate::proxies::process::private_directory;

const SCHEMES: [&str; 2] = ["https", "grpcs"];
const HERE: &[&str] = &["127.0.0.1"];

fn start(scheme: &'static str, authority: &Authority, certified: &Certified) -> TestServer {
    TestServer::start_certified(scheme, authority, ServerOptions::default(), certified)
}

fn trusting(authority: &Authority) -> Device {
    Device::new().with("DEVPULSE_CA_CERT", authority.path().to_str().unwrap())
}

fn enroll(device: &Device, server: &TestServer) -> Finished {
    let (url, secret) = (server.url(), server.secret());
    device.run(&["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret])
}

/// The pin of a certificate's key, computed as the documentation says.
fn pin(certified: &Certified) -> String {
    let script = "openssl x509 -in \"$1\" -noout -pubkey | openssl pkey -pubin -outform DER \
                  | openssl dgst -sha256 -binary | openssl base64 -A";
    let path = certified.certificate.to_str().unwrap();
    let computed = Command::new("sh").args(["-c", script, "sh", path]).output().unwrap();
    assert!(computed.status.success(), "{computed:?}");
    format!("sha256/{}", String::from_utf8(computed.stdout).unwrap())
}

#[track_caller]
fn check(device: &Device, name: &str) -> Value {
    let report: Value = serde_json::from_str(&device.run(&["doctor", "--json"]).stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap().clone()
}

/// Enrolling fails for this reason, `doctor` says the same, and the server saw no request.
#[track_caller]
fn expect_refused(device: &Device, server: &TestServer, cause: &str, hint: &str) {
    let before = server.requests();
    let told = enroll(device, server).expect_exit(4).cause_and_hint();
    assert!(told.0.contains(cause) && told.0.contains(&server.url()), "{told:?}");
    assert!(told.1.contains(hint), "{told:?}");
    let url = server.url();
    let report = device.command(&["doctor", "--json"]).env("DEVPULSE_SERVER_URL", url).output();
    let report: Value = serde_json::from_slice(&report.unwrap().stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let tls = checks.iter().find(|check| check["name"] == "tls").unwrap();
    assert_eq!(tls["state"], "failed", "{tls}");
    assert!(tls["detail"].as_str().unwrap().contains(cause), "{tls}");
    assert!(tls["remedy"].as_str().unwrap().contains(hint), "{tls}");
    assert_eq!(server.requests(), before, "something was sent");
    assert_eq!(device.status()["enrolled"], false);
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused_for_its_own_reason() {
    let authority = Authority::new();
    let faults = [
        (HERE, Validity::Over, "has expired", "clock"),
        (HERE, Validity::Later, "is not valid yet; this computer's clock may be wrong", "clock"),
        (&["elsewhere.example"], Validity::Now, "is for another name", "use the name"),
    ];
    for scheme in SCHEMES {
        for (names, validity, cause, hint) in faults {
            let server = start(scheme, &authority, &authority.certify(names, validity));
            expect_refused(&trusting(&authority), &server, cause, hint);
        }
        let server = start(scheme, &authority, &authority.certify(HERE, Validity::Now));
        for device in [Device::new(), trusting(&Authority::new())] {
            expect_refused(&device, &server, "unknown authority", "DEVPULSE_CA_CERT");
        }
        enroll(&trusting(&authority), &server).expect_exit(0);
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_not_spoken_to_without() {
    let server = TestServer::start();
    for scheme in SCHEMES {
        let url = server.url().replace("http", scheme);
        let arguments = ["enroll", "--server", &url, "--enrollment-secret", "s"];
        let told = Device::new().run(&arguments).expect_exit(4).cause_and_hint();
        assert!(told.0.contains("does not speak TLS"), "{told:?}");
        assert!(told.1.contains("port"), "{told:?}");
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn another_key_than_the_pinned_ones_gets_nothing_until_a_pinned_one_is_back() {
    for scheme in SCHEMES {
        let authority = Authority::new();
        let [first, second] = [(); 2].map(|()| authority.certify(HERE, Validity::Now));
        let mut server = start(scheme, &authority, &first);
        let stranger = trusting(&authority).with("DEVPULSE_SERVER_PIN", &pin(&second));
        expect_refused(&stranger, &server, "none of those that are pinned", "server_pin");

        let device = trusting(&authority).with("DEVPULSE_SERVER_PIN", &pin(&first));
        enroll(&device, &server).expect_exit(0);
        let tls = check(&device, "tls");
        assert!(tls["detail"].as_str().unwrap().contains("one that is pinned"), "{tls}");
        let agent = device.start_agent();
        let mut emitted: HashSet<_> = agent.emit(3).into_iter().collect();
        device.run(&["sync"]).expect_exit(0);

        server.stop();
        server.certify_again(&second, None);
        server.start_again();
        let before = server.requests();
        emitted.extend(agent.emit(5));
        let told = device.run(&["sync", "--timeout", "3"]).expect_exit(7).stderr;
        assert!(told.contains("none of those that are pinned"), "{told}");
        let pipeline = device.status()["pipeline"].clone();
        assert_eq!(pipeline["state"], "config_blocked", "{pipeline}");
        let error = pipeline["last_error"].as_str().unwrap();
        assert!(error.contains("none of those that are pinned"), "{pipeline}");
        assert!(pipeline["pending"].as_u64().unwrap() >= 5, "{pipeline}");
        let tls = check(&device, "tls");
        assert_eq!(tls["state"], "failed", "{tls}");
        emitted.extend(agent.emit(2));
        assert_eq!(server.requests(), before, "something was sent to another key");

        server.stop();
        server.certify_again(&first, None);
        server.start_again();
        device.run(&["sync"]).expect_exit(0);
        let events = server.events();
        let custom = events.iter().filter(|event| event["event_type"] == "custom");
        let stored: Vec<_> = custom.map(|event| event["event_id"].as_str().unwrap()).collect();
        assert_eq!(stored.len(), emitted.len());
        assert!(stored.iter().all(|id| emitted.contains(*id)));
    }
}

#[test]
fn with_a_backup_pinned_the_key_may_be_changed_under_a_running_agent() {
    let authority = Authority::new();
    let [first, second] = [(); 2].map(|()| authority.certify(HERE, Validity::Now));
    let mut server = start("https", &authority, &first);
    let device = trusting(&authority);
    private_directory(&device.home());
    let config = format!("server_pin = [\"{}\", \"{}\"]\n", pin(&first), pin(&second));
    std::fs::write(device.home().join("config.toml"), config).unwrap();
    enroll(&device, &server).expect_exit(0);
    let shown = device.run(&["config", "show"]).expect_exit(0).stdout;
    assert!(shown.contains(&pin(&second)), "{shown}");
    let agent = device.start_agent();
    for certified in [&second, &first] {
        server.stop();
        server.certify_again(certified, None);
        server.start_again();
        agent.emit(3);
        device.run(&["sync"]).expect_exit(0);
    }
}

#[test]
fn a_pin_that_is_changed_is_in_force_at_the_next_start_and_nothing_is_lost_until_then() {
    let authority = Authority::new();
    let [first, second] = [(); 2].map(|()| authority.certify(HERE, Validity::Now));
    let mut server = start("https", &authority, &first);
    let device = trusting(&authority);
    private_directory(&device.home());
    let pinned = |certified: &Certified| {
        let config = format!("server_pin = [\"{}\"]\n", pin(certified));
        std::fs::write(device.home().join("config.toml"), config).unwrap();
    };
    pinned(&first);
    enroll(&device, &server).expect_exit(0);
    let agent = device.start_agent();
    server.stop();
    server.certify_again(&second, None);
    server.start_again();
    let mut emitted = agent.emit(3);
    device.run(&["sync", "--timeout", "2"]).expect_exit(7);
    assert_eq!(check(&device, "tls")["state"], "failed");

    pinned(&second);
    assert_eq!(check(&device, "tls")["state"], "ok", "doctor looks with what is set now");
    device.run(&["sync", "--timeout", "2"]).expect_exit(7);
    emitted.extend(agent.emit(2));
    agent.signal("-TERM");
    let _agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    let events = server.events();
    let arrived = |id: &String| events.iter().filter(|event| event["event_id"] == **id).count();
    assert!(emitted.iter().all(|id| arrived(id) == 1));
}

#[test]
fn a_pin_makes_no_certificate_trusted_and_is_for_tls_only() {
    let authority = Authority::new();
    let certified = authority.certify(HERE, Validity::Over);
    let server = start("https", &authority, &certified);
    let device = trusting(&authority).with("DEVPULSE_SERVER_PIN", &pin(&certified));
    expect_refused(&device, &server, "has expired", "clock");

    let plain = TestServer::start();
    let told = enroll(&device, &plain).expect_exit(1).cause_and_hint();
    assert!(told.0.contains("does not speak TLS"), "{told:?}");
    assert_eq!(plain.requests(), 0);
}

#[test]
fn the_configuration_of_the_server_pins_nothing() {
    let authority = Authority::new();
    let server = start("https", &authority, &authority.certify(HERE, Validity::Now));
    let other = pin(&authority.certify(HERE, Validity::Now));
    server.set_config_unchecked(serde_json::json!({"server_pin": other, "idle_threshold_s": 77}));
    let device = trusting(&authority);
    enroll(&device, &server).expect_exit(0);
    let shown = device.run(&["config", "show"]).expect_exit(0).stdout;
    assert!(shown.contains("idle_threshold_s = 77") && !shown.contains(&other), "{shown}");
    let _agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
}

#[test]
fn a_server_that_asks_for_a_client_certificate_gets_the_right_one() {
    for scheme in SCHEMES {
        let (authority, devices) = (Authority::new(), Authority::new());
        let certified = authority.certify(HERE, Validity::Now);
        let mut server = start(scheme, &authority, &certified);
        server.stop();
        server.certify_again(&certified, Some(&devices));
        server.start_again();

        let with = |shown: &Certified| {
            trusting(&authority)
                .with("DEVPULSE_CLIENT_CERT", shown.certificate.to_str().unwrap())
                .with("DEVPULSE_CLIENT_KEY", shown.key.to_str().unwrap())
        };
        expect_refused(&trusting(&authority), &server, "there is none", "DEVPULSE_CLIENT_CERT");
        for wrong in [
            Authority::new().certify_device("ada", Validity::Now),
            devices.certify_device("ada", Validity::Over),
        ] {
            let cause = "does not accept this device's client certificate";
            expect_refused(&with(&wrong), &server, cause, "expired");
        }

        let shown = devices.certify_device("ada", Validity::Now);
        let device = with(&shown);
        enroll(&device, &server).expect_exit(0);
        let agent = device.start_agent();
        agent.emit(3);
        device.run(&["sync"]).expect_exit(0);

        // One that ends under a running agent blocks, and a renewed one is found by itself.
        shown.replace_by(&devices.certify_device("ada", Validity::Over));
        server.stop();
        server.start_again();
        let before = server.requests();
        agent.emit(3);
        device.run(&["sync", "--timeout", "3"]).expect_exit(7);
        let pipeline = device.status()["pipeline"].clone();
        assert_eq!(pipeline["state"], "config_blocked", "{pipeline}");
        assert!(pipeline["last_error"].as_str().unwrap().contains("client certificate"));
        assert_eq!(server.requests(), before, "something was sent");
        shown.replace_by(&devices.certify_device("ada", Validity::Now));
        device.run(&["sync"]).expect_exit(0);
        wait("all of it has arrived", || (server.events().len() >= 7).then_some(()));
    }
}

#[test]
fn a_client_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let (authority, devices) = (Authority::new(), Authority::new());
    let server = start("https", &authority, &authority.certify(HERE, Validity::Now));
    let shown = devices.certify_device("ada", Validity::Now);
    std::fs::set_permissions(&shown.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let certificate = shown.certificate.to_str().unwrap().to_owned();
    let device = trusting(&authority).with("DEVPULSE_CLIENT_CERT", &certificate);
    let exposed = device.with("DEVPULSE_CLIENT_KEY", shown.key.to_str().unwrap());
    let told = enroll(&exposed, &server).expect_exit(1).cause_and_hint();
    assert!(told.0.contains("key.pem can be read by other users"), "{told:?}");
    assert!(told.1.contains("chmod 600"), "{told:?}");
    assert_eq!(
        check(&exposed.with("DEVPULSE_SERVER_URL", &server.url()), "tls")["state"],
        "failed"
    );

    let other = devices.certify_device("ada", Validity::Now);
    let device = trusting(&authority)
        .with("DEVPULSE_CLIENT_CERT", &certificate)
        .with("DEVPULSE_CLIENT_KEY", other.key.to_str().unwrap());
    let told = enroll(&device, &server).expect_exit(1).cause_and_hint();
    assert!(told.1.contains("belongs to the certificate"), "{told:?}");
    assert_eq!(server.requests(), 0);
}
