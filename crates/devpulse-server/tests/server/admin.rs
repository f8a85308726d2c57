//! The admin interface over HTTP.

use std::net::SocketAddr;
use std::path::Path;

use devpulse_protocol::{ADMIN_PREFIX, ENROLL_PATH};
use devpulse_server::{AdminListener, RunningServer, Server, ServerOptions};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Call, Device, client, enrollment, post};

struct Office {
    server: RunningServer,
    token: String,
}

impl Office {
    async fn open(directory: &Path) -> Self {
        let token_file = directory.join("token");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let admin = Some(AdminListener { listen, token_file: token_file.clone() });
        let options = ServerOptions { admin, ..Default::default() };
        let server = Server::start(options).await.unwrap();
        let token = std::fs::read_to_string(token_file).unwrap().trim().to_owned();
        Self { server, token }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let url = self.server.admin_url().unwrap();
        Call::new(method, format!("{url}{ADMIN_PREFIX}{path}"))
            .without("devpulse-protocol")
            .bearer(&self.token)
    }

    async fn secret(&self) -> String {
        let answer = self.call(Method::POST, "/secrets").json(&json!({"label": "desk"})).send();
        let answer = answer.await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["secret"].as_str().unwrap().to_owned()
    }

    async fn device(&self, username: &str) -> Device {
        Device::enroll_with(&self.server.url(), username, &self.secret().await, client()).await
    }
}

#[tokio::test]
async fn nothing_is_told_without_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let office = Office::open(directory.path()).await;
    for path in ["/secrets", "/devices", "/events", "/nothing"] {
        let call = || office.call(Method::GET, path);
        call().without("authorization").send().await.is_problem(401, "bad_token");
        call().bearer("dpa_guess").send().await.is_problem(401, "bad_token");
    }
    office.call(Method::GET, "/nothing").send().await.is_problem(404, "not_found");
    office.call(Method::PATCH, "/config").send().await.is_problem(405, "method_not_allowed");
    let public = format!("{}{ADMIN_PREFIX}/secrets", office.server.url());
    Call::new(Method::GET, public).bearer(&office.token).send().await.is_problem(404, "not_found");
}

#[tokio::test]
async fn secrets_are_shown_once_listed_without_themselves_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let office = Office::open(directory.path()).await;
    let secret = office.secret().await;
    let listed = office.call(Method::GET, "/secrets").send().await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&secret));
    let first = &listed.json()["secrets"][0];
    assert_eq!((&first["label"], &first["uses"]), (&json!("desk"), &json!(0)));
    let path = format!("/secrets/{}", first["id"]);
    let deleted = office.call(Method::DELETE, &path).send().await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    office.call(Method::DELETE, &path).send().await.is_problem(404, "not_found");
    let spent = enrollment("ada", "m1", &secret);
    post(&office.server, ENROLL_PATH).json(&spent).send().await.is_problem(401, "bad_secret");
    let typo = json!({"max_use": 1});
    office.call(Method::POST, "/secrets").json(&typo).send().await.is_problem(400, "invalid");
}

#[tokio::test]
async fn devices_are_listed_and_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let office = Office::open(directory.path()).await;
    let device = office.device("ada").await;
    let listed = office.call(Method::GET, "/devices").send().await.json();
    assert_eq!(listed["devices"][0]["device_id"], device.id);
    assert_eq!(listed["devices"][0]["username"], "ada");
    let path = format!("/devices/{}", device.id);
    assert_eq!(office.call(Method::GET, &path).send().await.json()["revoked_at"], json!(null));
    let revoked = office.call(Method::POST, &format!("{path}/revoke")).send().await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    device.ask_token().await.is_problem(403, "device_revoked");
    assert!(office.call(Method::GET, &path).send().await.json()["revoked_at"].is_string());
    office.call(Method::GET, "/devices/nobody").send().await.is_problem(404, "not_found");
    office.call(Method::POST, "/devices/nobody/revoke").send().await.is_problem(404, "not_found");
}

#[tokio::test]
async fn people_are_suspended_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let office = Office::open(directory.path()).await;
    let secret = office.secret().await;
    let suspended = office.call(Method::POST, "/users/ada%20l/suspend").send().await;
    assert_eq!(suspended.status, StatusCode::NO_CONTENT);
    let request = enrollment("ada l", "m1", &secret);
    post(&office.server, ENROLL_PATH).json(&request).send().await.is_problem(403, "user_suspended");
    let listed = office.call(Method::GET, "/users").send().await.json();
    assert_eq!(listed["users"][0]["standing"], "suspended");
    office.call(Method::POST, "/users/ada%20l/unsuspend").send().await;
    let answer = post(&office.server, ENROLL_PATH).json(&request).send().await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn events_are_read_by_device_type_and_time_page_by_page() {
    let directory = tempfile::tempdir().unwrap();
    let office = Office::open(directory.path()).await;
    let (ada, grace) = (office.device("ada").await, office.device("grace").await);
    let at = |device: &Device, seq, time: &str| device.event(seq, "").replace("03:04:05", time);
    let events: Vec<String> = (0..5).map(|seq| at(&ada, seq, &format!("03:04:0{seq}"))).collect();
    ada.send(&events).await.receipt();
    let beat = at(&grace, 9, "04:00:00").replace("\"custom\"", "\"heartbeat\"");
    grace.send(std::slice::from_ref(&beat)).await.receipt();

    let read = async |query: &str| {
        let answer = office.call(Method::GET, &format!("/events?{query}")).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let text = String::from_utf8(answer.body.clone()).unwrap();
        let body = answer.json();
        (body["events"].as_array().unwrap().len(), body["next_cursor"].clone(), text)
    };
    let (count, _, text) = read(&format!("device={}", ada.id)).await;
    assert!(count == 5 && text.contains(&events[0]), "events are given as they were sent");
    let (count, _, text) = read("type=heartbeat").await;
    assert!(count == 1 && text.contains(&beat));
    let span = "from=2026-01-02T03:04:01.678Z&to=2026-01-02T03:04:03.678Z";
    assert_eq!(read(span).await.0, 2);
    let (count, cursor, _) = read("limit=4").await;
    assert_eq!(count, 4);
    let (count, cursor, _) = read(&format!("limit=4&cursor={cursor}")).await;
    assert_eq!(count, 2);
    let (count, last, _) = read(&format!("cursor={cursor}")).await;
    assert_eq!((count, last), (0, cursor));
    for bad in ["type=dream", "from=yesterday", "cursor=x", "colour=red"] {
        let answer = office.call(Method::GET, &format!("/events?{bad}")).send().await;
        answer.is_problem(400, "invalid");
    }

    let counts = office.call(Method::GET, "/counts").send().await.json();
    assert_eq!(
        counts["counts"],
        json!([{"device_id": ada.id, "event_type": "custom", "count": 5},
               {"device_id": grace.id, "event_type": "heartbeat", "count": 1}])
    );
}

#[tokio::test]
async fn the_configuration_is_read_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let office = Office::open(directory.path()).await;
    let device = office.device("ada").await;
    let put = async |path: &str, config| office.call(Method::PUT, path).json(&config).send().await;
    let answer = put("/config", json!({"idle_threshold_s": 30})).await;
    assert_eq!(answer.json(), json!({"version": 2}));
    let refused = put("/config", json!({"idle_threshold_s": 0})).await;
    refused.is_problem(400, "invalid");
    assert!(refused.json()["detail"].as_str().unwrap().contains("idle_threshold_s is 0"));
    let own = format!("/devices/{}/config", device.id);
    put(&own, json!({"config_poll_s": 9})).await;
    let got = office.call(Method::GET, &own).send().await.json();
    assert_eq!(got["config"], json!({"version": 3, "idle_threshold_s": 30, "config_poll_s": 9}));
    office.call(Method::DELETE, &own).send().await;
    assert_eq!(office.call(Method::GET, &own).send().await.json()["version"], 4);
    let global = office.call(Method::GET, "/config").send().await.json();
    assert_eq!(global, json!({"version": 2, "config": {"version": 2, "idle_threshold_s": 30}}));
    put("/devices/nobody/config", json!({})).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn images_are_listed_and_fetched() {
    use sha2::Digest;

    let directory = tempfile::tempdir().unwrap();
    let office = Office::open(directory.path()).await;
    let device = office.device("ada").await;
    let name: String =
        sha2::Sha256::digest(b"image").iter().map(|byte| format!("{byte:02x}")).collect();
    device
        .call(Method::PUT, &format!("{}/{name}", devpulse_protocol::SCREENSHOTS_PATH))
        .header("content-type", "image/png")
        .body("image")
        .send()
        .await;
    let listed = office.call(Method::GET, "/screenshots").send().await.json();
    assert_eq!(listed["screenshots"][0]["sha256"], name);
    let image = office.call(Method::GET, &format!("/screenshots/{name}")).send().await;
    assert_eq!(image.headers["content-type"], "image/png");
    assert_eq!(image.body, b"image");
    office.call(Method::GET, "/screenshots/abc").send().await.is_problem(404, "not_found");
}
