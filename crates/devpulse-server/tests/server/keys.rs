//! Exchanging a device's key: ordered, issued, in force from its first use on.

use std::time::Duration;

use devpulse_protocol::{CONFIG_PATH, DEVICE_KEY_PATH, DeviceId, IDEMPOTENCY_KEY};
use devpulse_server::{EnrollmentPolicy, Reenrollment, RunningServer, Server, ServerOptions};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::harness::{Device, start};

async fn config(device: &Device) -> Value {
    device.call(Method::GET, CONFIG_PATH).send().await.json()
}

async fn issue(device: &Device, idempotency_key: &str) -> Value {
    let call = device.call(Method::POST, DEVICE_KEY_PATH);
    let answer = call.header(IDEMPOTENCY_KEY, idempotency_key).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

fn with_key(device: &Device, issued: &Value) -> Device {
    let mut device = device.clone();
    device.key = issued["api_key"].as_str().unwrap().to_owned();
    device
}

async fn order(server: &RunningServer, device: &Device) {
    assert!(server.admin().rotate_key(DeviceId::new(device.id.as_str())).await.unwrap());
}

#[tokio::test]
async fn an_order_reaches_the_device_under_another_version_and_goes_with_the_new_key() {
    let server = start().await;
    let (device, other) =
        (Device::enroll(&server, "ada").await, Device::enroll(&server, "grace").await);
    let before = config(&device).await;
    assert_eq!(before.get("rotate_key"), None);
    order(&server, &device).await;
    let ordered = config(&device).await;
    assert!(ordered["rotate_key"].is_string());
    assert!(ordered["version"].as_i64() > before["version"].as_i64());
    let receipt = device.send(&[device.event(1, "")]).await.receipt();
    assert_eq!(receipt.config_version, ordered["version"].as_i64());
    assert_eq!(config(&other).await.get("rotate_key"), None);

    let new = with_key(&device, &issue(&device, "a").await);
    assert!(config(&device).await["rotate_key"].is_string());
    let mut new = new;
    new.token = new.ask_token().await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(config(&new).await.get("rotate_key"), None);
    assert!(!server.admin().rotate_key(DeviceId::new("nobody")).await.unwrap());
}

#[tokio::test]
async fn the_former_key_and_its_tokens_end_with_the_first_use_of_the_new_one() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let new = with_key(&device, &issue(&device, "a").await);
    assert_eq!(device.ask_token().await.status, StatusCode::OK);
    assert_eq!(device.call(Method::GET, CONFIG_PATH).send().await.status, StatusCode::OK);
    assert_eq!(new.ask_token().await.status, StatusCode::OK);
    device.ask_token().await.is_problem(401, "bad_key");
    device.call(Method::GET, CONFIG_PATH).send().await.is_problem(401, "bad_token");
    assert_eq!(new.ask_token().await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_same_question_has_the_same_answer_and_another_one_ends_what_was_not_used() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let first = issue(&device, "a").await;
    assert_eq!(issue(&device, "a").await, first);
    let second = issue(&device, "b").await;
    assert_ne!(second, first);
    with_key(&device, &first).ask_token().await.is_problem(401, "bad_key");
    assert_eq!(with_key(&device, &second).ask_token().await.status, StatusCode::OK);
    let grace = Device::enroll(&server, "grace").await;
    assert_ne!(issue(&grace, "a").await, first);
}

#[tokio::test]
async fn a_key_that_is_about_to_end_is_ordered_to_be_exchanged_by_itself() {
    let policy = EnrollmentPolicy {
        reenrollment: Reenrollment::ReplaceKey,
        key_lifetime: Some(Duration::from_secs(3)),
    };
    let options = ServerOptions { enrollment: policy, ..Default::default() };
    let server = Server::start(options).await.unwrap();
    let device = Device::enroll(&server, "ada").await;
    let ends = server.admin().devices().await.unwrap()[0].key_expires_at.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let order = loop {
        let config = config(&device).await;
        if let Some(order) = config.get("rotate_key") {
            break order.as_str().unwrap().to_owned();
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing was ordered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(order, format!("ends-{}", ends.as_millis()));
    let issued = issue(&device, "a").await;
    let new_end: devpulse_protocol::Timestamp =
        issued["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(new_end > ends);
    assert_eq!(with_key(&device, &issued).ask_token().await.status, StatusCode::OK);
    assert_eq!(server.admin().devices().await.unwrap()[0].key_expires_at, Some(new_end));
}

#[tokio::test]
async fn a_database_of_the_first_version_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let database = devpulse_server::Database::File(path.clone());
    let options = ServerOptions { database, ..Default::default() };
    let server = Server::start(options.clone()).await.unwrap();
    let mut device = Device::enroll(&server, "ada").await;
    server.shutdown().await;
    let former = rusqlite::Connection::open(&path).unwrap();
    for column in [
        "key_issued_ms",
        "next_key_digest",
        "next_key_expires_ms",
        "next_key_issued_ms",
        "rotation",
    ] {
        former.execute_batch(&format!("ALTER TABLE device DROP COLUMN {column}")).unwrap();
    }
    former.execute_batch("PRAGMA user_version=1").unwrap();
    drop(former);
    let server = Server::start(options).await.unwrap();
    device.url = server.url();
    assert_eq!(device.ask_token().await.status, StatusCode::OK);
    order(&server, &device).await;
    assert!(config(&device).await["rotate_key"].is_string());
}
