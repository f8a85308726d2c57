//! What a gRPC server can do to a batch.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use devpulse_agent::http::HttpOptions;
use devpulse_agent::origin::ProxyUrl;
use devpulse_agent::server::{KeySource, ServerApi, ServerUplink};
use devpulse_agent::settings::GrpcFallback;
use devpulse_grpc::{Details, status};
use devpulse_pipeline::verdict::Trouble;
use devpulse_pipeline::{
    Call, GrpcCode, Outcome, OutgoingBatch, ProxyFault, TlsFault, TransportFault, Uplink, Verdict,
};
use devpulse_protocol::{ApiKey, BatchId, EventId, ProblemCode};
use devpulse_server::{EventQuery, RunningServer, Server, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Code, Status};

use crate::faults::secured;
use crate::server::{closing, identity, impatient, silent, url};
use crate::uplink::Device;

const SEND_BATCH: &str = "/devpulse.v1.DevPulse/SendBatch";

/// A gRPC call as it reached the server.
#[derive(Clone, Debug)]
struct SeenCall {
    path: String,
    is_compressed: bool,
    token: String,
    key: String,
    body: Bytes,
}

type Calls = Arc<Mutex<Vec<SeenCall>>>;

/// A device at a reference server before which a script stands: where the script answers a
/// call, the server does not hear of it.
async fn scripted(
    script: impl Fn(&SeenCall) -> Option<Response> + Clone + Send + Sync + 'static,
) -> (Device, Calls) {
    scripted_with(HttpOptions::default(), script).await
}

async fn scripted_with(
    options: HttpOptions,
    script: impl Fn(&SeenCall) -> Option<Response> + Clone + Send + Sync + 'static,
) -> (Device, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let layer = move |router: Router| {
        router.layer(from_fn(move |request: Request, next: Next| {
            let (script, seen) = (script.clone(), Arc::clone(&seen));
            async move { intercept(request, next, &script, &seen).await }
        }))
    };
    let server = Server::start_with(ServerOptions::default(), layer).await.unwrap();
    let api = ServerApi::new(url(&server.grpc_url()), &options).unwrap();
    (Device::with(server, api).await, calls)
}

async fn intercept(
    request: Request,
    next: Next,
    script: &(impl Fn(&SeenCall) -> Option<Response> + Send + Sync),
    seen: &Calls,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let header =
        |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let call = SeenCall {
        path: parts.uri.path().to_owned(),
        is_compressed: header("grpc-encoding") == "gzip",
        token: header("authorization"),
        key: header("idempotency-key"),
        body: body.clone(),
    };
    seen.lock().unwrap().push(call.clone());
    match script(&call) {
        Some(response) => response,
        None => next.run(Request::from_parts(parts, Body::from(body))).await,
    }
}

fn calls_of(calls: &Calls, path: &str) -> Vec<SeenCall> {
    calls.lock().unwrap().iter().filter(|call| call.path == path).cloned().collect()
}

/// A server that answers every batch so.
async fn answering(status: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Device {
    scripted(move |call| (call.path == SEND_BATCH).then(&status)).await.0
}

fn said(code: Code, message: &str) -> Response {
    Status::new(code, message).into_http()
}

#[tokio::test]
async fn every_status_reaches_the_verdict_for_small_and_large_batches() {
    let told = Arc::new(Mutex::new(Code::Ok));
    let tell = Arc::clone(&told);
    let device = answering(move || said(*tell.lock().unwrap(), "of the test")).await;
    for number in 1..=16 {
        *told.lock().unwrap() = Code::from_i32(number);
        for events in [1, 500] {
            let batch = device.batch(events);
            let answer = device.uplink.send_batch(&batch).await;
            let Outcome::Grpc(grpc) = &answer.outcome else { panic!("{answer:?}") };
            assert_eq!(grpc.code, GrpcCode::from_number(number));
            assert_eq!(&*grpc.message, "of the test");
            assert!(grpc.date.is_some());
            let verdict = device.verdict(&batch).await;
            let expected = match number {
                7 | 16 => matches!(verdict, Verdict::AuthBlocked { .. }),
                5 | 9 | 12 => matches!(verdict, Verdict::ConfigBlocked { .. }),
                6 => matches!(verdict, Verdict::Rename { .. }),
                3 | 11 => matches!(verdict, Verdict::Bisect(_)),
                2 | 13 | 15 => matches!(verdict, Verdict::Retry { trouble: Trouble::Failed, .. }),
                _ => matches!(verdict, Verdict::Retry { trouble: Trouble::Busy, .. }),
            };
            assert!(expected, "{number} is {verdict:?}");
        }
    }
    assert_eq!(device.server.admin().event_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_wait_that_is_asked_for_and_a_code_that_is_named_are_heard() {
    let device = answering(|| {
        let details = Details {
            code: Some(ProblemCode::RateLimited),
            retry_delay: Some(Duration::from_secs(17)),
        };
        status(Code::ResourceExhausted, "slowly", &details).into_http()
    })
    .await;
    let Verdict::Retry { not_before, cause, .. } = device.verdict(&device.batch(1)).await else {
        panic!("no retry")
    };
    assert_eq!(not_before, Some(Duration::from_secs(17)));
    assert_eq!(cause, "the server answered the batch with RESOURCE_EXHAUSTED rate_limited: slowly");
}

#[tokio::test]
async fn a_message_beyond_a_servers_limit_is_halved_and_one_within_ours_arrives() {
    let large = |call: &SeenCall| {
        let is_large = call.path == SEND_BATCH && call.body.len() > 64 * 1024;
        is_large.then(|| {
            said(Code::ResourceExhausted, "grpc: received message larger than max (1 vs. 2)")
        })
    };
    let (device, _) = scripted(large).await;
    assert!(matches!(device.verdict(&device.batch(20_000)).await, Verdict::Halve(_)));
    let (device, _) = scripted(|_| None).await;
    let batch = device.batch(24_000);
    assert!(batch.body.len() > 5 * 1024 * 1024, "{}", batch.body.len());
    assert!(matches!(device.verdict(&batch).await, Verdict::Acknowledged(_)));
    assert_eq!(device.server.admin().event_count().await.unwrap(), 24_000);
}

#[tokio::test]
async fn what_speaks_no_grpc_is_judged_as_the_http_answer_that_it_is() {
    let device = answering(|| {
        ([("content-type", "text/html")], "<h1>Welcome to the hotel</h1>").into_response()
    })
    .await;
    let verdict = device.verdict(&device.batch(1)).await;
    let Verdict::Retry { trouble: Trouble::NoReceipt, cause, .. } = verdict else {
        panic!("{verdict:?}")
    };
    assert!(cause.contains("sign-in page"), "{cause}");

    let device = answering(|| {
        (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "9")], "proxy").into_response()
    })
    .await;
    let verdict = device.verdict(&device.batch(1)).await;
    let expected = Some(Duration::from_secs(9));
    assert!(
        matches!(&verdict, Verdict::Retry { not_before, .. } if *not_before == expected),
        "{verdict:?}"
    );
    let device = answering(|| StatusCode::NOT_FOUND.into_response()).await;
    let verdict = device.verdict(&device.batch(1)).await;
    assert!(matches!(verdict, Verdict::ConfigBlocked { .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_reply_that_is_no_receipt_acknowledges_nothing() {
    for body in [
        // A message that is cut, one that is empty, one that is longer than any may be.
        Bytes::from_static(&[0, 0, 0, 0, 9, 1]),
        Bytes::from_static(&[0, 0, 0, 0, 0]),
        Bytes::from(vec![0xff; 3 * 1024 * 1024]),
        Bytes::new(),
    ] {
        let told = body.clone();
        let device = answering(move || {
            ([("content-type", "application/grpc")], told.clone()).into_response()
        })
        .await;
        let verdict = device.verdict(&device.batch(1)).await;
        assert!(matches!(verdict, Verdict::Retry { .. }), "{} bytes: {verdict:?}", body.len());
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_same_message_sent_again() {
    let first = Arc::new(Mutex::new(None::<String>));
    let (device, calls) = scripted(move |call| {
        if call.path != SEND_BATCH {
            return None;
        }
        let is_first = *first.lock().unwrap().get_or_insert(call.token.clone()) == call.token;
        is_first.then(|| said(Code::Unauthenticated, "no"))
    })
    .await;
    let batch = device.batch(3);
    let verdict = device.verdict(&batch).await;
    assert!(matches!(verdict, Verdict::Acknowledged(_)), "{verdict:?}");
    let sent = calls_of(&calls, SEND_BATCH);
    assert_eq!(sent.len(), 2);
    assert_eq!(calls_of(&calls, "/devpulse.v1.DevPulse/IssueToken").len(), 2);
    for call in &sent {
        assert_eq!((&call.body, &call.key), (&sent[0].body, &batch.batch_id.to_string()));
        assert!(call.is_compressed);
    }
}

#[tokio::test]
async fn a_server_that_takes_nothing_compressed_gets_it_plain_from_then_on() {
    let (device, calls) = scripted(|call| {
        let refused = call.path == SEND_BATCH && call.is_compressed;
        refused.then(|| said(Code::Unimplemented, "Content is compressed with `gzip`"))
    })
    .await;
    for _ in 0..2 {
        let verdict = device.verdict(&device.batch(1)).await;
        assert!(matches!(verdict, Verdict::Acknowledged(_)), "{verdict:?}");
    }
    let compressed: Vec<_> =
        calls_of(&calls, SEND_BATCH).iter().map(|call| call.is_compressed).collect();
    assert_eq!(compressed, [true, false, false]);
}

#[tokio::test]
async fn a_server_without_the_method_is_spoken_to_in_http_only_where_that_is_allowed() {
    for (fallback, arrives) in [(GrpcFallback::Off, 0), (GrpcFallback::Https, 2)] {
        let options = HttpOptions { grpc_fallback: fallback, ..HttpOptions::default() };
        let (device, calls) = scripted_with(options, |call| {
            (call.path == SEND_BATCH).then(|| said(Code::Unimplemented, "unknown method"))
        })
        .await;
        for _ in 0..2 {
            let batch = device.batch(1);
            match (fallback, device.verdict(&batch).await) {
                (GrpcFallback::Off, Verdict::ConfigBlocked { cause }) => {
                    assert!(cause.contains("UNIMPLEMENTED: unknown method"), "{cause}");
                }
                (GrpcFallback::Https, Verdict::Acknowledged(_)) => {
                    let over_http = calls_of(&calls, "/api/v1/events/batch");
                    assert_eq!(over_http.last().unwrap().key, batch.batch_id.to_string());
                }
                (_, verdict) => panic!("{fallback:?}: {verdict:?}"),
            }
        }
        assert_eq!(device.server.admin().event_count().await.unwrap(), arrives);
        if fallback == GrpcFallback::Https {
            // Once compressed, once plain; then HTTP is remembered.
            assert_eq!(calls_of(&calls, SEND_BATCH).len(), 2);
        }
    }
}

#[tokio::test]
async fn a_batch_that_went_over_grpc_is_the_same_one_over_http() {
    let (device, _) = scripted(|_| None).await;
    let (batch_id, event_id) = (BatchId::new(), EventId::new());
    // In the order in which the log writes it.
    let body = format!(
        r#"{{"batch_id":"{batch_id}","created_at":"2026-11-22T09:30:02.000Z","event_count":1,"events":[{{"event_id":"{event_id}","timestamp":"2026-11-22T09:30:00.050Z","username":"ada","client_id":"{}","event_type":"custom","name":"note","data":{{ "a" : 1.50 }},"epoch":"00000000000000ff","seq":1}}]}}"#,
        device.enrolled.device_id
    );
    let batch = OutgoingBatch { batch_id, body: body.clone().into(), event_ids: vec![event_id] };
    assert!(matches!(device.verdict(&batch).await, Verdict::Acknowledged(_)));
    let stored = device.server.admin().events(EventQuery::default()).await.unwrap();
    assert!(body.contains(&stored[0]), "{stored:?}");
    let mut identity = identity(&device.server.url());
    identity.device_id = device.enrolled.device_id.clone();
    let api = ServerApi::new(url(&device.server.url()), &HttpOptions::default()).unwrap();
    let key = KeySource::Held(device.enrolled.api_key.clone());
    let uplink = ServerUplink::new(api, &identity, key).unwrap();
    let device = Device { uplink, ..device };
    // Another content under the same id would be 409.
    let verdict = device.verdict(&batch).await;
    assert!(matches!(verdict, Verdict::Acknowledged(_)), "{verdict:?}");
    assert_eq!(device.server.admin().event_count().await.unwrap(), 1);
}

fn uplink(address: &str, options: &HttpOptions) -> ServerUplink {
    let key = KeySource::Held(ApiKey::new("hunter2"));
    let api = ServerApi::new(url(address), options).unwrap();
    ServerUplink::new(api, &identity(address), key).unwrap()
}

#[tokio::test]
async fn a_server_that_hangs_or_hangs_up_is_given_up_in_time() {
    let options = impatient(None, Some(Duration::from_millis(300)));
    let health = |address: String, options: HttpOptions| async move {
        ServerApi::new(url(&address), &options).unwrap().health().await
    };
    let hanging = health(format!("grpc://{}", silent().await), options.clone()).await;
    assert_eq!(hanging, Outcome::Fault(TransportFault::AnswerTimeout));
    let gone = closing().await.replace("http:", "grpc:");
    let outcome = health(gone, options.clone()).await;
    assert!(matches!(outcome, Outcome::Fault(_)), "{outcome:?}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("grpc://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = health(free.clone(), options.clone()).await;
    assert_eq!(outcome, Outcome::Fault(TransportFault::Unreachable));
    let (device, _) = scripted(|_| None).await;
    let answer = uplink(&free, &options).send_batch(&device.batch(1)).await;
    assert_eq!(answer.call, Call::Token);
}

#[tokio::test]
async fn a_server_that_restarts_is_reached_again_over_a_new_connection() {
    let directory = tempfile::tempdir().unwrap();
    let database = devpulse_server::Database::File(directory.path().join("server.db"));
    let options = ServerOptions { database, ..ServerOptions::default() };
    let server = Server::start(options.clone()).await.unwrap();
    let options = ServerOptions { listen: server.address(), ..options };
    let mut device = Device::at(server, RunningServer::grpc_url).await;
    for _ in 0..3 {
        let batch = device.batch(5);
        let verdict = device.verdict(&batch).await;
        assert!(matches!(verdict, Verdict::Acknowledged(_)), "{verdict:?}");
        // It says GOAWAY, and the next call does not stumble over the old connection.
        let Device { server, uplink, enrolled } = device;
        server.shutdown().await;
        let server = Server::start(options.clone()).await.unwrap();
        device = Device { server, uplink, enrolled };
    }
    assert_eq!(device.server.admin().event_count().await.unwrap(), 15);
}

#[tokio::test]
async fn trust_is_the_same_as_over_https() {
    let secured = secured("127.0.0.1", |_| {}).await;
    let address = secured.server.grpc_url();
    assert!(address.starts_with("grpcs://"), "{address}");
    let health = |options: HttpOptions| {
        let api = ServerApi::new(url(&address), &options).unwrap();
        async move { api.health().await }
    };
    let outcome = health(secured.options.clone()).await;
    assert!(
        matches!(&outcome, Outcome::Grpc(answer) if answer.code == GrpcCode::Ok),
        "{outcome:?}"
    );
    let outcome = health(HttpOptions::default()).await;
    assert_eq!(outcome, Outcome::Fault(TransportFault::Tls(TlsFault::UnknownIssuer)));
}

/// A proxy that leads every CONNECT to one address, and says what it was asked for.
pub(crate) async fn tunnel(to: SocketAddr) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            log.lock().unwrap().push(head.lines().next().unwrap().to_owned());
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(to).await.unwrap();
            tokio::spawn(async move {
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    (url, asked)
}

#[tokio::test]
async fn a_proxy_is_gone_through_as_over_https() {
    let secured = secured("devpulse.example", |_| {}).await;
    let (proxy, asked) = tunnel(secured.server.address()).await;
    let options = HttpOptions { proxy: ProxyUrl::parse(&proxy), ..secured.options.clone() };
    let api = ServerApi::new(url("grpcs://devpulse.example"), &options).unwrap();
    let outcome = api.health().await;
    assert!(
        matches!(&outcome, Outcome::Grpc(answer) if answer.code == GrpcCode::Ok),
        "{outcome:?}"
    );
    assert_eq!(*asked.lock().unwrap(), ["CONNECT devpulse.example:443 HTTP/1.1"]);
    let refusing = crate::server::raw(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let options = HttpOptions { proxy: ProxyUrl::parse(&refusing), ..options };
    let api = ServerApi::new(url("grpcs://devpulse.example"), &options).unwrap();
    assert_eq!(api.health().await, Outcome::Fault(TransportFault::Proxy(ProxyFault::Refused)));
}

#[tokio::test]
async fn a_server_that_speaks_only_http_1_is_told_from_one_that_is_not_there() {
    let plain = crate::server::raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let api =
        ServerApi::new(url(&plain.replace("http:", "grpc:")), &HttpOptions::default()).unwrap();
    let outcome = api.health().await;
    assert_eq!(outcome, Outcome::Fault(TransportFault::Broken));
}
