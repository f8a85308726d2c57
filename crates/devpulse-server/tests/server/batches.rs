//! Batches: receipts, idempotence, rejection, encodings and bounds.

use std::io::Write;

use devpulse_protocol::{BatchId, EventId, IDEMPOTENCY_KEY, ProblemCode};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Device, batch, start, stored};

#[tokio::test]
async fn events_are_kept_byte_for_byte_and_in_order() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let events = [
        device.event(1, r#","x": 1.500e0,"big":12345678901234567890123,"é":"\u00e9 é" "#),
        device.event(2, ""),
    ];
    let receipt = device.send(&events).await.receipt();
    assert_eq!((receipt.accepted, receipt.duplicates), (2, 0));
    assert_eq!(receipt.config_version, Some(1));
    assert_eq!(stored(&server).await, events);
}

#[tokio::test]
async fn the_receipt_has_exactly_the_fields_of_the_contract() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let id = BatchId::new();
    let answer = device.batch_call(id, batch(id, &[device.event(1, "")])).send().await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(
        answer.json(),
        json!({"batch_id": id.to_string(), "accepted": 1, "duplicates": 0, "rejected": [],
               "config_version": 1})
    );
}

#[tokio::test]
async fn a_batch_sent_again_gets_the_very_receipt_it_got() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let id = BatchId::new();
    let body = batch(id, &[device.event(1, ""), device.event(2, "")]);
    let first = device.batch_call(id, body.clone()).send().await;
    server.admin().set_config(json!({"config_poll_s": 5})).await.unwrap();
    let packed = zstd::encode_all(body.as_bytes(), 3).unwrap();
    let second = device.batch_call(id, packed).header("content-encoding", "zstd").send().await;
    assert_eq!(first.body, second.body);
    assert_eq!(server.admin().event_count().await.unwrap(), 2);
}

#[tokio::test]
async fn an_event_in_another_batch_is_a_duplicate() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let (one, two, three) = (device.event(1, ""), device.event(2, ""), device.event(3, ""));
    device.send(&[one.clone(), two.clone()]).await.receipt();
    let receipt = device.send(&[two, three.clone(), three, one]).await.receipt();
    assert_eq!((receipt.accepted, receipt.duplicates), (1, 3));
    assert_eq!(stored(&server).await.len(), 3);
}

#[tokio::test]
async fn a_batch_id_used_for_another_batch_is_a_mismatch() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let id = BatchId::new();
    device.batch_call(id, batch(id, &[device.event(1, "")])).send().await.receipt();
    let other = device.batch_call(id, batch(id, &[device.event(2, "")])).send().await;
    other.is_problem(409, "batch_mismatch");
    assert_eq!(stored(&server).await.len(), 1);
    let neighbour = Device::enroll(&server, "grace").await;
    let receipt =
        neighbour.batch_call(id, batch(id, &[neighbour.event(1, "")])).send().await.receipt();
    assert_eq!(receipt.accepted, 1, "a batch id belongs to its device");
}

#[tokio::test]
async fn the_idempotency_key_has_to_be_the_batch_id() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let id = BatchId::new();
    let body = batch(id, &[device.event(1, "")]);
    let call = || device.batch_call(id, body.clone());
    call().without(IDEMPOTENCY_KEY).send().await.is_problem(400, "invalid");
    for key in [BatchId::new().to_string(), "x".to_owned(), String::new()] {
        call().header(IDEMPOTENCY_KEY, &key).send().await.is_problem(400, "invalid");
    }
    assert_eq!(call().send().await.receipt().accepted, 1);
}

#[tokio::test]
async fn a_body_that_is_no_batch_is_invalid() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let id = BatchId::new();
    let good = batch(id, &[device.event(1, "")]);
    let cut = &good[..good.len() - 2];
    let miscounted = good.replace("\"event_count\":1", "\"event_count\":2");
    let undated = good.replace("created_at", "created");
    for body in ["", "[]", "{}", cut, &miscounted, &undated] {
        device.batch_call(id, body).send().await.is_problem(400, "invalid");
    }
    let mut latin = good.clone().into_bytes();
    latin.insert(good.len() - 3, 0xe9);
    device.batch_call(id, latin).send().await.is_problem(400, "invalid");
    let nameless = batch(id, &["{\"seq\":1}".to_owned()]);
    device.batch_call(id, nameless).send().await.is_problem(400, "invalid");
    device
        .batch_call(id, good)
        .header("content-type", "text/csv")
        .send()
        .await
        .is_problem(415, "unsupported_media_type");
    assert_eq!(server.admin().event_count().await.unwrap(), 0);
}

#[tokio::test]
async fn bad_events_are_rejected_one_by_one_and_the_sum_adds_up() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let known = device.event(1, "");
    device.send(std::slice::from_ref(&known)).await.receipt();
    let bad: Vec<EventId> = (0..3).map(|_| EventId::new()).collect();
    let events = [
        device.event_with(bad[0], 2, "").replace("\"custom\"", "\"dream\""),
        device.event(3, ""),
        device.event_with(bad[1], 4, "").replace(&device.id, "someone-else"),
        known,
        device
            .event_with(bad[2], 5, "")
            .replace("\"data\":5", &format!("\"data\":\"{}\"", "x".repeat(64 * 1024))),
    ];
    let id = BatchId::new();
    let receipt = device.batch_call(id, batch(id, &events)).send().await.receipt();
    assert_eq!((receipt.accepted, receipt.duplicates), (1, 1));
    let rejected: Vec<EventId> = receipt.rejected.iter().map(|event| event.event_id).collect();
    assert_eq!(rejected, bad);
    for rejection in &receipt.rejected {
        assert_eq!(rejection.code, ProblemCode::Invalid);
        assert!(!rejection.message.is_empty());
    }
    assert_eq!(stored(&server).await.len(), 2);
}

#[tokio::test]
async fn bodies_may_be_packed_with_zstd_or_gzip_and_nothing_else() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let id = BatchId::new();
    let body = batch(id, &[device.event(1, "")]);
    let zstd = zstd::encode_all(body.as_bytes(), 3).unwrap();
    assert_eq!(
        device
            .batch_call(id, zstd.clone())
            .header("content-encoding", "zstd")
            .send()
            .await
            .receipt()
            .accepted,
        1
    );
    let id = BatchId::new();
    let body = batch(id, &[device.event(2, "")]);
    let gzip = gzip(body.as_bytes());
    let answer = device.batch_call(id, gzip).header("content-encoding", "gzip").send().await;
    assert_eq!(answer.receipt().accepted, 1);
    for encoding in ["br", "zstd, gzip", "deflate"] {
        let answer = device.batch_call(id, "x").header("content-encoding", encoding).send().await;
        answer.is_problem(415, "unsupported_encoding");
    }
    for broken in [&zstd[..zstd.len() / 2], b"not zstd at all"] {
        let answer = device.batch_call(id, broken).header("content-encoding", "zstd").send().await;
        answer.is_problem(400, "invalid");
    }
}

#[tokio::test]
async fn a_bomb_is_too_large_however_it_is_packed() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let zeros = vec![b' '; 33 * 1024 * 1024];
    let id = BatchId::new();
    let zstd = zstd::encode_all(zeros.as_slice(), 3).unwrap();
    assert!(zstd.len() < 1024 * 1024);
    let answer = device.batch_call(id, zstd).header("content-encoding", "zstd").send().await;
    answer.is_problem(413, "too_large");
    let answer =
        device.batch_call(id, gzip(&zeros)).header("content-encoding", "gzip").send().await;
    answer.is_problem(413, "too_large");
    device.batch_call(id, zeros).send().await.is_problem(413, "too_large");
}

#[tokio::test]
async fn parallel_senders_lose_and_repeat_nothing() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let shared: Vec<String> = (0..50).map(|seq| device.event(seq, "")).collect();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..8 {
        let (device, shared) = (device.clone(), shared.clone());
        senders.spawn(async move {
            let own = (0..50).map(|seq| device.event(1000 * (sender + 1) + seq, ""));
            let events: Vec<String> = own.chain(shared).collect();
            let id = BatchId::new();
            let body = batch(id, &events);
            let receipt = device.batch_call(id, body.clone()).send().await.receipt();
            let again = device.batch_call(id, body).send().await.receipt();
            assert_eq!(receipt, again);
            (receipt.accepted, receipt.duplicates)
        });
    }
    let counts: Vec<(u64, u64)> = senders.join_all().await;
    assert_eq!(counts.iter().map(|(accepted, _)| accepted).sum::<u64>(), 8 * 50 + 50);
    assert_eq!(counts.iter().map(|(_, duplicates)| duplicates).sum::<u64>(), 7 * 50);
    assert_eq!(server.admin().event_count().await.unwrap(), 450);
    assert_eq!(stored(&server).await.len(), 450);
}

#[tokio::test]
async fn an_empty_batch_is_acknowledged() {
    let server = start().await;
    let device = Device::enroll(&server, "ada").await;
    let answer = device.send(&[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.receipt().accepted, 0);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
