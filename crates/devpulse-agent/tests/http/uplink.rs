//! Tokens, content encodings, and what goes to the reference server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use devpulse_agent::credentials::{SecretStore, SecretStoreError, Secrets};
use devpulse_agent::home::Home;
use devpulse_agent::http::HttpOptions;
use devpulse_agent::machine;
use devpulse_agent::server::{ConfigFetch, KeySource, RefusedCall, ServerApi, ServerUplink};
use devpulse_pipeline::{Call, Outcome, OutgoingBatch, OutgoingImage, Uplink, Verdict, verdict};
use devpulse_protocol::{
    ApiKey, BatchEnvelope, BatchId, Custom, EnrollRequest, EnrollResponse, Epoch, Event, EventBody,
    EventHeader, EventId, Platform, Seq, Timestamp, Username,
};
use devpulse_server::{RunningServer, SecretRequest, Server, ServerOptions};
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::server::{Scripted, Seen, api, batch, http, identity, uplink, url};

fn unauthorised_unless(token: &str, request: &Seen) -> Response {
    if request.header("authorization") == format!("Bearer {token}") {
        StatusCode::OK.into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

#[tokio::test]
async fn a_token_is_got_once_for_many_batches_and_images() {
    let server = Scripted::start(|_| StatusCode::OK.into_response()).await;
    let uplink = Arc::new(uplink(&server.url));
    let sends: Vec<_> = (0..10)
        .map(|_| {
            let uplink = Arc::clone(&uplink);
            tokio::spawn(async move { uplink.send_batch(&batch()).await })
        })
        .collect();
    for send in sends {
        assert_eq!(send.await.unwrap().call, Call::Batch);
    }
    let (tokens, others) = server.seen();
    assert_eq!((tokens.len(), others.len()), (1, 10));
}

#[tokio::test]
async fn the_key_goes_to_the_token_route_only() {
    let server = Scripted::start(|_| StatusCode::OK.into_response()).await;
    let uplink = uplink(&server.url);
    uplink.send_batch(&batch()).await;
    uplink.fetch_config(None).await.unwrap_err();
    let (tokens, others) = server.seen();
    let asked: serde_json::Value = serde_json::from_slice(&tokens[0].body).unwrap();
    assert_eq!(asked, json!({"api_key": "hunter2", "client_id": "dev-1"}));
    assert_eq!(tokens[0].header("authorization"), "");
    for request in others {
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_same_batch_sent_again() {
    let server = Scripted::start(|request| unauthorised_unless("t2", request)).await;
    let uplink = uplink(&server.url);
    let answer = uplink.send_batch(&batch()).await;
    assert_eq!((answer.call, http(answer.outcome).status), (Call::Batch, 200));
    let (tokens, sent) = server.seen();
    assert_eq!((tokens.len(), sent.len()), (2, 2));
    assert_eq!(sent[0].body, sent[1].body);
    assert_eq!(sent[0].header("idempotency-key"), sent[1].header("idempotency-key"));

    let never = Scripted::start(|request| unauthorised_unless("none", request)).await;
    let answer = crate::server::uplink(&never.url).send_batch(&batch()).await;
    assert_eq!((answer.call, http(answer.outcome).status), (Call::Batch, 401));
    let (tokens, sent) = never.seen();
    assert_eq!((tokens.len(), sent.len()), (2, 2));
}

#[tokio::test]
async fn a_token_that_is_not_given_is_an_answer_of_the_token_call() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let answer = uplink(&server.url()).send_batch(&batch()).await;
    assert_eq!((answer.call, http(answer.outcome).status), (Call::Token, 401));
}

#[tokio::test]
async fn an_encoding_that_is_refused_gives_way_to_a_weaker_one_for_good() {
    let server = Scripted::start(|request| match request.header("content-encoding") {
        "" => StatusCode::OK.into_response(),
        _ => StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
    })
    .await;
    let uplink = uplink(&server.url);
    let batch = batch();
    for _ in 0..2 {
        assert_eq!(http(uplink.send_batch(&batch).await.outcome).status, 200);
    }
    let (_, sent) = server.seen();
    let encodings: Vec<_> = sent.iter().map(|seen| seen.header("content-encoding")).collect();
    assert_eq!(encodings, ["zstd", "gzip", "", ""]);
    assert_eq!(zstd::bulk::decompress(&sent[0].body, 1 << 20).unwrap(), batch.body);
    assert_eq!(sent[2].body, batch.body);

    let stubborn = Scripted::start(|_| StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response()).await;
    let answer = crate::server::uplink(&stubborn.url).send_batch(&batch).await;
    assert_eq!(http(answer.outcome).status, 415);
    assert_eq!(stubborn.seen().1.len(), 3);
}

#[tokio::test]
async fn a_key_is_not_sent_to_another_origin() {
    let key = KeySource::Held(ApiKey::new("hunter2"));
    let issuer = identity("https://a.example");
    let error = ServerUplink::new(api("https://b.example"), &issuer, key).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the device's key was issued by https://a.example:443 and is not sent to \
         https://b.example:443"
    );
    assert!(!format!("{:?}", KeySource::Held(ApiKey::new("hunter2"))).contains("hunter2"));
}

/// A keychain that a person unlocks later.
#[derive(Default)]
struct Locked(AtomicBool);

impl SecretStore for Locked {
    fn is_present(&self) -> bool {
        true
    }
    fn put(&self, _: &str, _: &Secrets) -> Result<(), SecretStoreError> {
        Err(SecretStoreError::Busy)
    }
    fn get(&self, _: &str) -> Result<Option<Secrets>, SecretStoreError> {
        if self.0.load(Ordering::SeqCst) {
            Ok(Some(Secrets {
                api_key: ApiKey::new("hunter2"),
                next_api_key: None,
                log_keys: Vec::new(),
            }))
        } else {
            Err(SecretStoreError::TimedOut(5))
        }
    }
    fn remove(&self, _: &str) -> Result<(), SecretStoreError> {
        Err(SecretStoreError::Busy)
    }
}

#[tokio::test]
async fn a_locked_keychain_is_asked_again_at_the_next_attempt() {
    let server = Scripted::start(|_| StatusCode::OK.into_response()).await;
    let scratch = tempfile::tempdir().unwrap();
    let store = Arc::new(Locked::default());
    let key = KeySource::Stored { store: store.clone(), home: Home::at(scratch.path()) };
    let uplink = ServerUplink::new(api(&server.url), &identity(&server.url), key).unwrap();
    let answer = uplink.send_batch(&batch()).await;
    assert_eq!(answer.call, Call::Token);
    let cause = "the keychain did not answer within 5 s".to_owned();
    assert_eq!(answer.outcome, Outcome::NoKey(cause));
    assert!(server.seen().1.is_empty());
    store.0.store(true, Ordering::SeqCst);
    assert_eq!(uplink.send_batch(&batch()).await.call, Call::Batch);
}

/// A device that the reference server took in.
pub(crate) struct Device {
    pub(crate) server: RunningServer,
    pub(crate) uplink: ServerUplink,
    pub(crate) enrolled: EnrollResponse,
}

/// The ways to reach the reference server.
pub(crate) const WAYS: [fn(&RunningServer) -> String; 2] =
    [RunningServer::url, RunningServer::grpc_url];

async fn device(way: fn(&RunningServer) -> String) -> Device {
    Device::at(Server::start(ServerOptions::default()).await.unwrap(), way).await
}

impl Device {
    /// Enrolled at a server, which it reaches in a certain way.
    pub(crate) async fn at(server: RunningServer, way: fn(&RunningServer) -> String) -> Self {
        let address = way(&server);
        let options = HttpOptions::default();
        Self::with(server, ServerApi::new(url(&address), &options).unwrap()).await
    }

    pub(crate) async fn with(server: RunningServer, api: ServerApi) -> Self {
        let issued = server.admin().create_secret(SecretRequest::default()).await.unwrap();
        let request = EnrollRequest {
            username: Username::new("ada"),
            hostname: "desk".to_owned(),
            platform: Platform::current(),
            enrollment_secret: issued.secret,
            device: machine::device_info(api.server().over_http().origin()),
        };
        let answer = api.enroll(&request).await;
        let reply = answer.success().unwrap_or_else(|| panic!("{answer:?}"));
        let enrolled: EnrollResponse = serde_json::from_slice(reply).unwrap();
        let mut identity = identity(api.server().as_str());
        identity.device_id = enrolled.device_id.clone();
        let key = KeySource::Held(enrolled.api_key.clone());
        let uplink = ServerUplink::new(api, &identity, key).unwrap();
        Self { server, uplink, enrolled }
    }

    pub(crate) fn batch(&self, count: i64) -> OutgoingBatch {
        let event = |seq| Event {
            header: EventHeader {
                event_id: EventId::new(),
                epoch: Epoch::from_bits(1),
                seq: Seq(seq),
                timestamp: Timestamp::now(),
                username: Username::new("ada"),
                client_id: self.enrolled.device_id.clone(),
            },
            body: EventBody::Custom(Custom::new("test", to_raw_value(&seq).unwrap()).unwrap()),
            other: serde_json::Map::new(),
        };
        let events: Vec<_> = (1..=count).map(event).collect();
        let event_ids = events.iter().map(|event| event.header.event_id).collect();
        let batch_id = BatchId::new();
        let created_at = Timestamp::now();
        let envelope = BatchEnvelope { batch_id, created_at, event_count: events.len(), events };
        OutgoingBatch { batch_id, body: serde_json::to_vec(&envelope).unwrap().into(), event_ids }
    }

    pub(crate) async fn verdict(&self, batch: &OutgoingBatch) -> Verdict {
        let answer = self.uplink.send_batch(batch).await;
        let now = std::time::SystemTime::now();
        verdict::of_batch(
            &answer,
            batch.batch_id,
            &batch.event_ids,
            verdict::ReceiptMode::Receipt,
            now,
        )
    }
}

#[tokio::test]
async fn a_batch_reaches_the_reference_server_once_however_often_it_is_sent() {
    for way in WAYS {
        let device = device(way).await;
        let batch = device.batch(3);
        for _ in 0..2 {
            let verdict = device.verdict(&batch).await;
            assert!(matches!(verdict, Verdict::Acknowledged(_)), "{verdict:?}");
        }
        assert_eq!(device.server.admin().event_count().await.unwrap(), 3);
        device.server.admin().expire_tokens().await.unwrap();
        let verdict = device.verdict(&device.batch(2)).await;
        assert!(matches!(verdict, Verdict::Acknowledged(_)), "{verdict:?}");
        assert_eq!(device.server.admin().event_count().await.unwrap(), 5);
    }
}

#[tokio::test]
async fn an_image_reaches_the_reference_server() {
    use sha2::{Digest, Sha256};

    for way in WAYS {
        let device = device(way).await;
        // Several of the pieces in which gRPC sends it.
        let bytes = Bytes::from(b"\x89PNG\r\n\x1a\n and so on".repeat(40_000));
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let image = OutgoingImage { sha256, media_type: "image/png".to_owned(), bytes };
        let answer = device.uplink.send_image(&image).await;
        assert_eq!(answer.call, Call::Image);
        let verdict = verdict::of_image(&answer, std::time::SystemTime::now());
        assert_eq!(verdict, Verdict::Stored, "{answer:?}");
        let stored = device.server.admin().screenshot(&image.sha256).await.unwrap();
        assert_eq!(stored.unwrap().bytes, image.bytes);
    }
}

#[tokio::test]
async fn the_configuration_is_fetched_only_when_it_changed() {
    for way in WAYS {
        let device = device(way).await;
        let ConfigFetch::Changed(first) = device.uplink.fetch_config(None).await.unwrap() else {
            panic!()
        };
        assert!(first.etag.is_some());
        let same = device.uplink.fetch_config(first.etag.as_deref()).await.unwrap();
        assert_eq!(same, ConfigFetch::Unchanged);
        device.server.admin().set_config(json!({"idle_threshold_s": 11})).await.unwrap();
        let changed = device.uplink.fetch_config(first.etag.as_deref()).await.unwrap();
        let ConfigFetch::Changed(second) = changed else { panic!() };
        assert_eq!(second.config["idle_threshold_s"], 11);
        assert_ne!(first.etag, second.etag);
    }
}

#[tokio::test]
async fn what_is_no_configuration_is_not_taken_for_one() {
    let portal = Scripted::start(|_| "<h1>sign in</h1>".into_response()).await;
    let refused = uplink(&portal.url).fetch_config(None).await.unwrap_err();
    assert_eq!(refused, RefusedCall::NotDevPulse { status: 200 });
    let unasked = Scripted::start(|_| StatusCode::NOT_MODIFIED.into_response()).await;
    let refused = uplink(&unasked.url).fetch_config(None).await.unwrap_err();
    assert_eq!(refused.to_string(), "the server answered 304");
}

#[tokio::test]
async fn a_device_that_revokes_itself_is_revoked() {
    for way in WAYS {
        let device = device(way).await;
        device.uplink.revoke_self().await.unwrap();
        let refused = device.uplink.fetch_config(None).await.unwrap_err();
        assert!(refused.is_revoked(), "{refused}");
        let verdict = device.verdict(&device.batch(1)).await;
        assert!(matches!(verdict, Verdict::Revoked { .. }), "{verdict:?}");
    }
}
