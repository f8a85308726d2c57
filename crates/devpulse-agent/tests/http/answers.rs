//! Single calls: answers come back as they were sent.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use devpulse_pipeline::{Outcome, TransportFault, Uplink};

use crate::server::{Scripted, api, batch, http, raw, uplink};

#[tokio::test]
async fn an_answer_comes_back_with_all_that_a_verdict_needs() {
    let server = Scripted::start(|_| {
        let headers = [
            ("content-type", "application/problem+json"),
            ("retry-after", "Sun, 22 Nov 2026 09:02:00 GMT"),
            ("date", "Sun, 22 Nov 2026 09:00:00 GMT"),
        ];
        (StatusCode::SERVICE_UNAVAILABLE, headers, "{\"code\":\"internal\"}").into_response()
    })
    .await;
    let answer = http(api(&server.url).health().await);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.content_type.as_deref(), Some("application/problem+json"));
    assert_eq!(answer.retry_after.as_deref(), Some("Sun, 22 Nov 2026 09:02:00 GMT"));
    assert_eq!(answer.date.as_deref(), Some("Sun, 22 Nov 2026 09:00:00 GMT"));
    assert_eq!(&answer.body[..], b"{\"code\":\"internal\"}");
}

#[tokio::test]
async fn every_request_names_the_protocol_and_the_program() {
    let server = Scripted::start(|_| StatusCode::OK.into_response()).await;
    uplink(&server.url).send_batch(&batch()).await;
    api(&server.url).health().await;
    let (tokens, others) = server.seen();
    assert_eq!((tokens.len(), others.len()), (1, 2));
    for request in tokens.iter().chain(&others) {
        assert_eq!(request.header("devpulse-protocol"), "1");
        let agent = format!("devpulse-client/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(request.header("user-agent"), agent);
    }
}

#[tokio::test]
async fn a_server_below_a_path_is_reached_there() {
    let server = Scripted::start(|_| StatusCode::OK.into_response()).await;
    api(&format!("{}/devpulse/", server.url)).health().await;
    assert_eq!(server.seen().1[0].path, "/devpulse/health");
}

#[tokio::test]
async fn a_redirect_to_the_same_origin_is_followed_once() {
    let server = Scripted::start(|request| match request.path.as_str() {
        "/health" => (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")]).into_response(),
        "/api/v1/enroll" => {
            (StatusCode::PERMANENT_REDIRECT, [("location", "/health")]).into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    })
    .await;
    assert_eq!(http(api(&server.url).health().await).status, 204);
    let twice = Scripted::start(|_| {
        (StatusCode::TEMPORARY_REDIRECT, [("location", "/again")]).into_response()
    })
    .await;
    assert_eq!(http(api(&twice.url).health().await).status, 307);
    assert_eq!(twice.seen().1.len(), 2);
}

#[tokio::test]
async fn a_redirected_batch_keeps_its_body_and_its_token() {
    let server = Scripted::start(|request| match request.path.as_str() {
        "/moved" => StatusCode::OK.into_response(),
        _ => (StatusCode::TEMPORARY_REDIRECT, [("location", "/moved")]).into_response(),
    })
    .await;
    uplink(&server.url).send_batch(&batch()).await;
    let (_, sent) = server.seen();
    assert_eq!(sent[0].body, sent[1].body);
    assert_eq!(sent[1].method, "POST");
    assert_eq!(sent[1].header("authorization"), "Bearer t1");
    assert_eq!(sent[0].header("idempotency-key"), sent[1].header("idempotency-key"));
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let other = Scripted::start(|_| StatusCode::OK.into_response()).await;
    let elsewhere = format!("{}/health", other.url);
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.clone();
        let server = Scripted::start(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("location", location.clone())]).into_response()
        })
        .await;
        assert_eq!(http(api(&server.url).health().await).status, status);
    }
    assert!(other.seen().1.is_empty());
}

#[tokio::test]
async fn an_answer_of_more_than_a_mebibyte_is_too_long() {
    let longest = Scripted::start(|_| vec![b'x'; 1024 * 1024].into_response()).await;
    assert_eq!(http(api(&longest.url).health().await).body.len(), 1024 * 1024);
    let longer = Scripted::start(|_| vec![b'x'; 1024 * 1024 + 1].into_response()).await;
    assert_eq!(api(&longer.url).health().await, Outcome::Fault(TransportFault::TooLong));
}

#[tokio::test]
async fn a_header_that_is_not_text_does_no_harm() {
    let url = raw(b"HTTP/1.1 200 OK\r\ncontent-type: \xff\xfe\r\ncontent-length: 0\r\n\r\n").await;
    let answer = http(api(&url).health().await);
    assert_eq!(answer.content_type.as_deref(), Some("\u{fffd}\u{fffd}"));
}
