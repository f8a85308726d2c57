//! Enrollment, tokens, and what a revoked device is told.

use std::time::Duration;

use devpulse_protocol::{
    CONFIG_PATH, DEVICE_SELF_PATH, DeviceId, ENROLL_PATH, EnrollResponse, HEALTH_PATH, TOKEN_PATH,
    Username,
};
use devpulse_server::{
    EnrollmentPolicy, Reenrollment, SecretRequest, Server, ServerOptions, Standing,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Call, Device, client, enrollment, get, open_secret, post, start};

#[tokio::test]
async fn health_needs_neither_a_token_nor_a_version() {
    let server = start().await;
    let answer = get(&server, HEALTH_PATH).without("devpulse-protocol").send().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "ok");
}

#[tokio::test]
async fn every_other_request_needs_the_version() {
    let server = start().await;
    for (method, path) in [
        (Method::POST, ENROLL_PATH),
        (Method::POST, TOKEN_PATH),
        (Method::GET, CONFIG_PATH),
        (Method::POST, devpulse_protocol::BATCH_PATH),
        (Method::PUT, &format!("{}/{}", devpulse_protocol::SCREENSHOTS_PATH, "0".repeat(64))),
        (Method::DELETE, DEVICE_SELF_PATH),
    ] {
        for version in [None, Some("2")] {
            let mut call = Call::new(method.clone(), format!("{}{path}", server.url()))
                .without("devpulse-protocol");
            if let Some(version) = version {
                call = call.header("devpulse-protocol", version);
            }
            call.send().await.is_problem(400, "unsupported_protocol");
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let server = start().await;
    get(&server, "/api/v1/nothing").send().await.is_problem(404, "not_found");
    get(&server, ENROLL_PATH).send().await.is_problem(405, "method_not_allowed");
    post(&server, HEALTH_PATH).send().await.is_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_device_enrolls_and_gets_what_the_contract_promises() {
    let server = start().await;
    let secret = open_secret(&server).await;
    let answer = post(&server, ENROLL_PATH).json(&enrollment("ada", "m1", &secret)).send().await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let response: EnrollResponse = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(response.config["version"], 1);
    assert_eq!(answer.json()["expires_at"], json!(null));
    let devices = server.admin().devices().await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].device_id, response.device_id);
    assert_eq!(devices[0].user_id, response.user_id);
    assert_eq!(devices[0].device.os_version.as_deref(), Some("Debian 12"));
}

#[tokio::test]
async fn a_request_that_is_not_what_is_expected_is_invalid() {
    let server = start().await;
    let secret = open_secret(&server).await;
    let mut nameless = enrollment(" ", "m1", &secret);
    let call = |body: &str| post(&server, ENROLL_PATH).body(body).send();
    call(&nameless.to_string()).await.is_problem(400, "invalid");
    nameless["username"] = json!("ada");
    nameless["platform"] = json!("amiga");
    call(&nameless.to_string()).await.is_problem(400, "invalid");
    call("{").await.is_problem(400, "invalid");
    call("").await.is_problem(400, "invalid");
    call(&format!("\"{}\"", "x".repeat(2 << 20))).await.is_problem(413, "too_large");
    post(&server, ENROLL_PATH)
        .header("content-type", "text/plain")
        .body("{}")
        .send()
        .await
        .is_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_secret_that_is_unknown_spent_ended_or_of_another_person_is_bad() {
    let server = start().await;
    let admin = server.admin();
    let issue =
        async |request| admin.create_secret(request).await.unwrap().secret.expose().to_owned();
    let once = issue(SecretRequest { max_uses: Some(1), ..Default::default() }).await;
    let ended = issue(SecretRequest { expires_in_s: Some(0), ..Default::default() }).await;
    let of_grace =
        issue(SecretRequest { username: Some(Username::new("grace")), ..Default::default() }).await;
    let enroll = async |username: &str, machine: &str, secret: &str| {
        post(&server, ENROLL_PATH).json(&enrollment(username, machine, secret)).send().await
    };
    assert_eq!(enroll("ada", "m1", &once).await.status, StatusCode::CREATED);
    enroll("ada", "m2", &once).await.is_problem(401, "bad_secret");
    enroll("ada", "m2", &ended).await.is_problem(401, "bad_secret");
    enroll("ada", "m2", "dps_guess").await.is_problem(401, "bad_secret");
    enroll("ada", "m2", &of_grace).await.is_problem(401, "bad_secret");
    assert_eq!(enroll("grace", "m2", &of_grace).await.status, StatusCode::CREATED);
    let secrets = admin.secrets().await.unwrap();
    assert_eq!(secrets.iter().map(|secret| secret.uses).collect::<Vec<_>>(), [1, 0, 1]);
}

#[tokio::test]
async fn a_suspended_person_may_not_enroll_until_they_may_again() {
    let server = start().await;
    let secret = open_secret(&server).await;
    let ada = Username::new("ada");
    let enroll =
        async || post(&server, ENROLL_PATH).json(&enrollment("ada", "m1", &secret)).send().await;
    server.admin().set_standing(ada.clone(), Standing::Suspended).await.unwrap();
    enroll().await.is_problem(403, "user_suspended");
    assert_eq!(server.admin().secrets().await.unwrap()[0].uses, 0);
    server.admin().set_standing(ada, Standing::Active).await.unwrap();
    assert_eq!(enroll().await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn enrolling_a_machine_again_keeps_its_id_and_ends_its_former_key_and_tokens() {
    let server = start().await;
    let former = Device::enroll(&server, "ada").await;
    let new = Device::enroll(&server, "ada").await;
    assert_eq!(former.id, new.id);
    former.ask_token().await.is_problem(401, "bad_key");
    former.call(Method::GET, CONFIG_PATH).send().await.is_problem(401, "bad_token");
    assert_eq!(new.call(Method::GET, CONFIG_PATH).send().await.status, StatusCode::OK);
    let other = Device::enroll(&server, "grace").await;
    assert_ne!(other.id, new.id);
}

#[tokio::test]
async fn a_revoked_device_may_come_back_with_a_new_key() {
    let server = start().await;
    let former = Device::enroll(&server, "ada").await;
    server.admin().revoke(DeviceId::new(former.id.as_str())).await.unwrap();
    let new = Device::enroll(&server, "ada").await;
    assert_eq!(former.id, new.id);
    assert_eq!(new.call(Method::GET, CONFIG_PATH).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn strict_enrollment_refuses_a_live_machine_and_takes_a_revoked_one() {
    let enrollment_policy =
        EnrollmentPolicy { reenrollment: Reenrollment::Refuse, key_lifetime: None };
    let options = ServerOptions { enrollment: enrollment_policy, ..Default::default() };
    let server = Server::start(options).await.unwrap();
    let device = Device::enroll(&server, "ada").await;
    let secret = open_secret(&server).await;
    let again =
        async || post(&server, ENROLL_PATH).json(&enrollment("ada", "m1", &secret)).send().await;
    again().await.is_problem(409, "already_enrolled");
    assert_eq!(device.ask_token().await.status, StatusCode::OK);
    server.admin().revoke(DeviceId::new(device.id.as_str())).await.unwrap();
    assert_eq!(again().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_tells_its_life_in_whole_seconds() {
    let options =
        ServerOptions { token_lifetime: Duration::from_millis(90_500), ..Default::default() };
    let server = Server::start(options).await.unwrap();
    let device = Device::enroll(&server, "ada").await;
    let answer = device.ask_token().await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], json!(90));
}

#[tokio::test]
async fn wrong_and_ended_keys_and_tokens_are_told_apart() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let mut stranger = device.clone();
    stranger.key = "dpk_guess".to_owned();
    stranger.ask_token().await.is_problem(401, "bad_key");
    stranger.id = "nobody".to_owned();
    stranger.ask_token().await.is_problem(401, "bad_key");
    server.admin().expire_key(DeviceId::new(device.id.as_str())).await.unwrap();
    device.ask_token().await.is_problem(401, "key_expired");

    assert_eq!(device.call(Method::GET, CONFIG_PATH).send().await.status, StatusCode::OK);
    server.admin().expire_tokens().await.unwrap();
    let ended = device.call(Method::GET, CONFIG_PATH).send().await;
    ended.is_problem(401, "bad_token");
    assert_eq!(ended.headers["www-authenticate"], "Bearer");
    get(&server, CONFIG_PATH).send().await.is_problem(401, "bad_token");
    get(&server, CONFIG_PATH)
        .header("authorization", "Basic YTpi")
        .send()
        .await
        .is_problem(401, "bad_token");
}

#[tokio::test]
async fn a_key_with_a_life_says_when_it_ends() {
    let policy = EnrollmentPolicy {
        reenrollment: Reenrollment::ReplaceKey,
        key_lifetime: Some(Duration::from_secs(3600)),
    };
    let options = ServerOptions { enrollment: policy, ..Default::default() };
    let server = Server::start(options).await.unwrap();
    let secret = open_secret(&server).await;
    let answer = post(&server, ENROLL_PATH).json(&enrollment("ada", "m1", &secret)).send().await;
    let response: EnrollResponse = serde_json::from_slice(&answer.body).unwrap();
    let life = response.expires_at.unwrap().since(devpulse_protocol::Timestamp::now());
    assert!(life > Duration::from_secs(3500) && life <= Duration::from_secs(3600));
}

#[tokio::test]
async fn a_revoked_device_is_told_so_on_every_route() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let image = format!("{}/{}", devpulse_protocol::SCREENSHOTS_PATH, "0".repeat(64));
    assert!(server.admin().revoke(DeviceId::new(device.id.as_str())).await.unwrap());
    device.ask_token().await.is_problem(403, "device_revoked");
    device.send(&[device.event(1, "")]).await.is_problem(403, "device_revoked");
    device.call(Method::GET, CONFIG_PATH).send().await.is_problem(403, "device_revoked");
    device.call(Method::PUT, &image).send().await.is_problem(403, "device_revoked");
    device.call(Method::DELETE, DEVICE_SELF_PATH).send().await.is_problem(403, "device_revoked");
    assert_eq!(server.admin().event_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_device_can_revoke_itself() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let answer = device.call(Method::DELETE, DEVICE_SELF_PATH).send().await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    device.ask_token().await.is_problem(403, "device_revoked");
    assert!(server.admin().devices().await.unwrap()[0].revoked_at.is_some());
}

#[tokio::test]
async fn secrets_keys_and_tokens_are_nowhere_in_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let database = devpulse_server::Database::File(path.clone());
    let server = Server::start(ServerOptions { database, ..Default::default() }).await.unwrap();
    let secret = open_secret(&server).await;
    let device = Device::enroll_with(&server.url(), "ada", &secret, client()).await;
    server.shutdown().await;
    let bytes = std::fs::read(&path).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&device.id), "the scan finds what is there");
    for kept in [&secret, &device.key, &device.token] {
        assert!(!holds(kept) && !holds(&kept[4..]));
    }
}
