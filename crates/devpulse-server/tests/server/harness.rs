//! A server on a free port, and a device that speaks to it.

use std::sync::Once;

use devpulse_protocol::{
    BATCH_PATH, BatchId, ENROLL_PATH, EventId, IDEMPOTENCY_KEY, PROTOCOL_HEADER, Problem,
    ProblemCode, Receipt, TOKEN_PATH,
};
use devpulse_server::{EventQuery, RunningServer, SecretRequest, Server, ServerOptions};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

pub(crate) fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().unwrap();
    });
    Client::builder().no_proxy().build().unwrap()
}

pub(crate) async fn start() -> RunningServer {
    Server::start(ServerOptions::default()).await.unwrap()
}

/// A secret that anyone may use.
pub(crate) async fn open_secret(server: &RunningServer) -> String {
    let issued = server.admin().create_secret(SecretRequest::default()).await.unwrap();
    issued.secret.expose().to_owned()
}

pub(crate) async fn stored(server: &RunningServer) -> Vec<String> {
    server.admin().events(EventQuery::default()).await.unwrap()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn receipt(&self) -> Receipt {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks that this is a problem as the contract words them.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers["content-type"], Problem::MEDIA_TYPE);
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, status);
        assert_eq!(problem.code, Some(ProblemCode::from(code.to_owned())), "{problem:?}");
        assert!(problem.detail.is_some_and(|detail| !detail.is_empty()));
    }
}

/// A request that bears the protocol version unless told otherwise.
pub(crate) struct Call {
    client: Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(method: Method, url: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(PROTOCOL_HEADER, HeaderValue::from_static("1"));
        Self { client: client(), method, url, headers, body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn with(mut self, client: &Client) -> Self {
        self.client = client.clone();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.client.request(self.method, self.url).headers(self.headers);
        let response = request.body(self.body).send().await.unwrap();
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }
}

pub(crate) fn get(server: &RunningServer, path: &str) -> Call {
    Call::new(Method::GET, format!("{}{path}", server.url()))
}

pub(crate) fn post(server: &RunningServer, path: &str) -> Call {
    Call::new(Method::POST, format!("{}{path}", server.url()))
}

pub(crate) fn enrollment(username: &str, machine: &str, secret: &str) -> Value {
    json!({
        "username": username,
        "hostname": "desk",
        "platform": "linux",
        "enrollment_secret": secret,
        "device": {"os_version": "Debian 12", "arch": "x86_64", "client_version": "0.1.0",
                   "machine_id": machine},
    })
}

/// A device that is enrolled and has a token.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) url: String,
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) token: String,
    client: Client,
}

impl Device {
    pub(crate) async fn enroll(server: &RunningServer, username: &str) -> Self {
        let secret = open_secret(server).await;
        Self::enroll_with(&server.url(), username, &secret, client()).await
    }

    pub(crate) async fn enroll_with(
        url: &str,
        username: &str,
        secret: &str,
        client: Client,
    ) -> Self {
        let answer = Call::new(Method::POST, format!("{url}{ENROLL_PATH}"))
            .json(&enrollment(username, "m1", secret))
            .with(&client)
            .send()
            .await;
        assert!(answer.status.is_success(), "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        let mut device = Self {
            url: url.to_owned(),
            id: text("device_id"),
            key: text("api_key"),
            token: String::new(),
            client,
        };
        device.token = device.ask_token().await.json()["access_token"].as_str().unwrap().to_owned();
        device
    }

    pub(crate) async fn ask_token(&self) -> Answer {
        Call::new(Method::POST, format!("{}{TOKEN_PATH}", self.url))
            .json(&json!({"api_key": self.key, "client_id": self.id}))
            .with(&self.client)
            .send()
            .await
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call::new(method, format!("{}{path}", self.url)).bearer(&self.token).with(&self.client)
    }

    /// An event of this device, with `extra` after its last field.
    pub(crate) fn event(&self, seq: i64, extra: &str) -> String {
        self.event_with(EventId::new(), seq, extra)
    }

    pub(crate) fn event_with(&self, id: EventId, seq: i64, extra: &str) -> String {
        let client_id = &self.id;
        format!(
            r#"{{"event_id":"{id}","epoch":"00000000000000ff","seq":{seq},"event_type":"custom","timestamp":"2026-01-02T03:04:05.678Z","username":"ada","client_id":"{client_id}","name":"n","data":{seq}{extra}}}"#
        )
    }

    pub(crate) fn batch_call(&self, id: BatchId, body: impl Into<Vec<u8>>) -> Call {
        self.call(Method::POST, BATCH_PATH)
            .header("content-type", "application/json")
            .header(IDEMPOTENCY_KEY, &id.to_string())
            .body(body)
    }

    pub(crate) async fn send(&self, events: &[String]) -> Answer {
        let id = BatchId::new();
        self.batch_call(id, batch(id, events)).send().await
    }
}

pub(crate) fn batch(id: BatchId, events: &[String]) -> String {
    format!(
        r#"{{"batch_id":"{id}","created_at":"2026-01-02T03:04:05.678Z","event_count":{},"events":[{}]}}"#,
        events.len(),
        events.join(",")
    )
}
