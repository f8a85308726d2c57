//! The command line over gRPC, as it is over HTTPS.

use std::collections::HashSet;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use devpulse_server::{SecretRequest, Server, ServerOptions};
use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};

#[test]
fn the_whole_command_line_works_over_https() {
    from_enrolling_to_the_end("https", "answers within");
}

#[test]
fn the_whole_command_line_works_over_grpc() {
    from_enrolling_to_the_end("grpc", "answers over gRPC within");
}

#[test]
fn the_whole_command_line_works_over_grpcs() {
    from_enrolling_to_the_end("grpcs", "answers over gRPC within");
}

fn from_enrolling_to_the_end(scheme: &'static str, reached: &str) {
    let mut server = TestServer::start_over(scheme);
    server.set_config(json!({"config_poll_s": 1, "batch": {"max_events": 50}}));
    let device = Device::enrolled(&server);
    let status = device.status();
    assert_eq!(status["server_url"], server.url());
    let agent = device.start_agent();
    let mut emitted = agent.emit(300);
    device.run(&["sync"]).expect_exit(0);

    server.stop();
    emitted.extend(agent.emit(200));
    device.run(&["sync", "--timeout", "1"]).expect_exit(7);
    let pipeline = device.status()["pipeline"].clone();
    assert!(["offline", "sending"].contains(&pipeline["state"].as_str().unwrap()), "{pipeline}");
    server.start_again();
    server.set_config(json!({"config_poll_s": 1, "idle_threshold_s": 77}));
    device.run(&["sync"]).expect_exit(0);
    let stored = server.events();
    let ids: Vec<_> = stored.iter().filter(|event| event["event_type"] == "custom").collect();
    assert_eq!(ids.len(), emitted.len());
    let ids: HashSet<_> = ids.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids, emitted.iter().map(String::as_str).collect());
    wait("the changed configuration is in force", || {
        let settings = device.run(&["config", "show", "--json"]).expect_exit(0).json();
        let rows = settings.as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == "idle_threshold_s").unwrap();
        (row["value"] == 77).then_some(())
    });

    let sent = device.listed("--sent");
    let listed: HashSet<_> = sent.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert!(emitted.iter().all(|id| listed.contains(id.as_str())), "{} listed", listed.len());
    assert!(device.listed("--dead").is_empty());

    let report = device.run(&["doctor", "--json"]).expect_exit(0).json();
    let detail = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["state"], "ok", "{check}");
        check["detail"].as_str().unwrap().to_owned()
    };
    assert!(detail("server").contains(reached), "{}", detail("server"));
    let tls = if scheme.ends_with('s') { "is trusted" } else { "on this machine" };
    assert!(detail("tls").contains(tls), "{}", detail("tls"));
    assert!(detail("clock").contains("agrees"), "{}", detail("clock"));

    device.run(&["unenroll", "--yes"]).expect_exit(0);
    assert_eq!(device.status()["enrolled"], false);
    let key = server.devices();
    assert!(key.iter().all(|device| !device["revoked_at"].is_null()), "{key:?}");
    drop(agent);
}

#[test]
fn a_server_that_is_not_trusted_gets_nothing_over_grpcs() {
    let server = TestServer::start_over("grpcs");
    let device = Device::new();
    let arguments = ["enroll", "--username", "ada", "--server", &server.url()];
    let secret = server.secret();
    let arguments = [&arguments[..], &["--enrollment-secret", &secret]].concat();
    let (cause, hint) = device.run(&arguments).expect_exit(4).cause_and_hint();
    assert!(cause.contains("unknown authority"), "{cause}");
    assert!(hint.contains("DEVPULSE_CA_CERT"), "{hint}");
    assert_eq!(server.devices(), Vec::<Value>::new());
}

#[test]
fn grpc_in_the_clear_is_for_this_machine_only() {
    let device = Device::new();
    let enroll = ["enroll", "--server", "grpc://devpulse.example", "--enrollment-secret", "s"];
    let (cause, hint) = device.run(&enroll).expect_exit(2).cause_and_hint();
    assert!(cause.contains("grpcs, or grpc to this machine only"), "{cause}");
    assert!(hint.contains("DEVPULSE_ALLOW_HTTP"), "{hint}");
}

#[test]
fn a_key_that_was_issued_over_grpc_is_not_sent_elsewhere() {
    let server = TestServer::start_over("grpc");
    let device = Device::enrolled(&server);
    let other = server.url().replace("grpc:", "http:");
    let (cause, _) = device.run(&["run", "--server", &other]).expect_exit(1).cause_and_hint();
    assert!(cause.contains(&server.url()), "{cause}");
}

#[test]
fn a_server_that_restarts_during_a_drain_over_grpc_gets_each_event_once() {
    let mut server = TestServer::start_over("grpcs");
    server.set_config(json!({"batch": {"max_events": 20, "max_interval_ms": 100}}));
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    let emitted: HashSet<String> = agent.emit(3_000).into_iter().collect();
    for held in [200, 1_000, 2_000] {
        server.start_again();
        let sync = device.command(&["sync", "--timeout", "50"]).spawn().unwrap();
        wait("some of it has arrived", || (server.events().len() >= held).then_some(()));
        // With calls under way: the connection is told to go away.
        server.stop();
        drop(sync);
    }
    server.start_again();
    device.run(&["sync", "--timeout", "50"]).expect_exit(0);
    let events = server.events();
    let ids: Vec<_> = events.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "an event was stored twice");
    let stored: HashSet<String> = ids.into_iter().map(str::to_owned).collect();
    assert!(emitted.is_subset(&stored));
    let pipeline = &device.status()["pipeline"];
    assert_eq!((&pipeline["dropped"], &pipeline["dead_letter"]), (&json!(0), &json!(0)));
}

#[test]
fn what_the_server_refuses_over_grpc_is_told_as_over_http() {
    let server = TestServer::start_over("grpc");
    let enroll = ["enroll", "--server", &server.url(), "--enrollment-secret", "wrong"];
    let (cause, hint) = Device::new().run(&enroll).expect_exit(5).cause_and_hint();
    assert!(cause.contains("does not accept the enrollment secret"), "{cause}");
    assert!(hint.contains("ask your administrator"), "{hint}");

    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    server.revoke_all();
    agent.emit(3);
    device.run(&["sync", "--timeout", "20"]).expect_exit(5);
    let pipeline = device.status()["pipeline"].clone();
    assert_eq!(pipeline["state"], "revoked", "{pipeline}");
    let error = pipeline["last_error"].as_str().unwrap();
    assert!(error.contains("PERMISSION_DENIED device_revoked"), "{error}");
}

/// A server that says of batches over gRPC that it has no such method.
fn without_the_method(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| {
        if request.uri().path() != "/devpulse.v1.DevPulse/SendBatch" {
            return next.run(request).await;
        }
        let unimplemented = [
            ("content-type", "application/grpc"),
            ("grpc-status", "12"),
            ("grpc-message", "unknown method"),
        ];
        unimplemented.into_response()
    }))
}

#[test]
fn a_server_without_the_method_gets_events_over_http_only_where_that_is_set() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let starting = Server::start_with(ServerOptions::default(), without_the_method);
    let server = runtime.block_on(starting).unwrap();
    let admin = server.admin();
    let stored = || runtime.block_on(admin.event_count()).unwrap();
    let issued = runtime.block_on(admin.create_secret(SecretRequest::default())).unwrap();
    let (url, secret) = (server.grpc_url(), issued.secret.expose().to_owned());
    let device = Device::new();
    let enroll = ["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
    device.run(&enroll).expect_exit(0);
    let agent = device.start_agent();
    agent.emit(3);
    device.run(&["sync", "--timeout", "3"]).expect_exit(7);
    let pipeline = device.status()["pipeline"].clone();
    assert_eq!(pipeline["state"], "config_blocked", "{pipeline}");
    let error = pipeline["last_error"].as_str().unwrap();
    assert!(error.contains("UNIMPLEMENTED") && error.contains("unknown method"), "{error}");
    agent.signal("-TERM");
    assert_eq!(stored(), 0);

    let waiting = device.status()["pipeline"]["pending"].as_u64().unwrap();
    std::fs::write(device.home().join("config.toml"), "[sender]\ngrpc_fallback = \"https\"\n")
        .unwrap();
    let _agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    assert!(stored() >= waiting, "{} of {waiting}", stored());
}
