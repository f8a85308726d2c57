//! Servers that do as a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use devpulse_agent::credentials::DeviceIdentity;
use devpulse_agent::http::HttpOptions;
use devpulse_agent::origin::{PlainHttp, ServerUrl};
use devpulse_agent::server::{KeySource, ServerApi, ServerUplink};
use devpulse_pipeline::{HttpAnswer, Outcome, OutgoingBatch};
use devpulse_protocol::{ApiKey, BatchId, DeviceId, EventId, TOKEN_PATH, Username};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request as it reached the server.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A server that notes every request and answers as a closure says.
pub(crate) struct Scripted {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Script = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;

impl Scripted {
    /// The closure is not asked for tokens: they are `t1`, `t2` and so on, good for an hour.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let state = (Arc::clone(&seen), Arc::new(script) as Script);
        let router = Router::new().fallback(answer).with_state(state);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// The requests so far, those for tokens apart.
    pub(crate) fn seen(&self) -> (Vec<Seen>, Vec<Seen>) {
        let seen = self.seen.lock().unwrap().clone();
        seen.into_iter().partition(|request| request.path == TOKEN_PATH)
    }
}

async fn answer(
    State((log, script)): State<(Arc<Mutex<Vec<Seen>>>, Script)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen { method, path: uri.path().to_owned(), headers, body };
    let tokens = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.iter().filter(|request| request.path == TOKEN_PATH).count()
    };
    if seen.path == TOKEN_PATH {
        let body = format!(
            "{{\"access_token\":\"t{tokens}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}"
        );
        return ([("content-type", "application/json")], body).into_response();
    }
    script(&seen)
}

/// A server of bare bytes: it reads a request's head, writes these and closes.
pub(crate) async fn raw(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|window| window == b"\r\n\r\n") {
                if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            stream.write_all(answer).await.ok();
        }
    });
    url
}

/// A server that hangs up as soon as it is spoken to.
pub(crate) async fn closing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.read_u8().await.ok();
        }
    });
    url
}

/// A server that takes connections and says nothing.
pub(crate) async fn silent() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

pub(crate) fn url(text: &str) -> ServerUrl {
    ServerUrl::parse(text, PlainHttp::Anywhere).unwrap()
}

/// Options that wait for so long, and for the rest practically for ever.
pub(crate) fn impatient(connect: Option<Duration>, answer: Option<Duration>) -> HttpOptions {
    const LONG: Duration = Duration::from_secs(60);
    HttpOptions {
        connect_timeout: connect.unwrap_or(LONG),
        timeout: answer.unwrap_or(LONG),
        ..HttpOptions::default()
    }
}

pub(crate) fn api(server: &str) -> ServerApi {
    ServerApi::new(url(server), &HttpOptions::default()).unwrap()
}

pub(crate) fn identity(server: &str) -> DeviceIdentity {
    DeviceIdentity {
        server_url: url(server),
        device_id: DeviceId::new("dev-1"),
        user_id: None,
        username: Username::new("ada"),
        issued_at: None,
        expires_at: None,
    }
}

pub(crate) fn uplink(server: &str) -> ServerUplink {
    let key = KeySource::Held(ApiKey::new("hunter2"));
    ServerUplink::new(api(server), &identity(server), key).unwrap()
}

pub(crate) fn batch() -> OutgoingBatch {
    OutgoingBatch {
        batch_id: BatchId::new(),
        body: Bytes::from("{\"events\":[]}".repeat(50)),
        event_ids: vec![EventId::new()],
    }
}

pub(crate) fn http(outcome: Outcome) -> HttpAnswer {
    match outcome {
        Outcome::Http(answer) => answer,
        other => panic!("{other:?}"),
    }
}
