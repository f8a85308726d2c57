//! Every documented answer is given by a running server, and none that is not documented.

use std::collections::BTreeSet;

use devpulse_protocol::{DeviceId, PROTOCOL_HEADER, Username};
use devpulse_server::{
    Database, EnrollmentPolicy, PublicRoute, Reenrollment, RunningServer, Server, ServerOptions,
    Standing,
};
use serde_json::{Value, json};

use super::document::{Document, PROBLEM, object};
use super::requests::{batch_of, call, good_call, token_request};
use crate::harness::{Answer, Call, Device, batch, client, enrollment, open_secret, post, start};

/// An answer: the route, the status and the code, where it is a problem.
type Outcome = (PublicRoute, u16, Option<String>);

/// Headers of answers that mean something to a device.
const MEANINGFUL: [&str; 6] =
    ["allow", "cache-control", "etag", "location", "retry-after", "www-authenticate"];

/// Compares answers with the file, and remembers them.
struct Witness {
    document: Document,
    seen: BTreeSet<Outcome>,
}

#[tokio::test]
async fn each_documented_answer_is_given_and_each_answer_given_is_documented() {
    let mut witness = Witness { document: Document::read(), seen: BTreeSet::new() };
    let server = start().await;
    witness.requests_are_granted(&server).await;
    witness.versions_are_refused(&server).await;
    witness.enrollments_are_refused(&server).await;
    witness.keys_are_refused(&server).await;
    witness.tokens_are_refused(&server).await;
    witness.bodies_are_refused(&server).await;
    witness.batches_are_refused(&server).await;
    witness.keyless_exchanges_are_refused(&server).await;
    witness.revoked_devices_are_refused(&server).await;
    witness.live_machines_are_refused().await;
    witness.a_broken_database_is_a_failure().await;
    witness.a_closed_database_is_a_pause().await;
    let documented = witness.documented();
    let never: Vec<&Outcome> = documented.difference(&witness.seen).collect();
    assert!(never.is_empty(), "documented, but never given: {never:?}");
    assert_eq!(witness.seen, documented);
}

impl Witness {
    async fn requests_are_granted(&mut self, server: &RunningServer) {
        let secret = open_secret(server).await;
        let request = enrollment("grace", "m1", &secret);
        self.request_fits(PublicRoute::Enroll, &request);
        for _ in 0..2 {
            let answer = post(server, &PublicRoute::Enroll.path()).json(&request).send().await;
            self.saw(PublicRoute::Enroll, &answer);
        }
        let device = Device::enroll(server, "ada").await;
        self.request_fits(PublicRoute::Token, &token_request(&device));
        self.request_fits(PublicRoute::Batch, &serde_json::from_str(&batch_of(&device).1).unwrap());
        server.admin().set_config(every_section()).await.unwrap();
        for route in [
            PublicRoute::Health,
            PublicRoute::Token,
            PublicRoute::Config,
            PublicRoute::Batch,
            PublicRoute::Screenshot,
            PublicRoute::Screenshot,
            PublicRoute::Key,
        ] {
            let answer = good_call(route, &device).send().await;
            assert!(answer.status.is_success(), "{route:?}: {answer:?}");
            self.saw(route, &answer);
        }
        let call = good_call(PublicRoute::Config, &device).header("if-none-match", "*");
        self.saw(PublicRoute::Config, &call.send().await);
        let (id, _) = batch_of(&device);
        let events = [device.event(2, "").replace("\"custom\"", "\"dream\"")];
        let rejecting = device.batch_call(id, batch(id, &events)).send().await;
        assert_eq!(rejecting.receipt().rejected.len(), 1);
        self.saw(PublicRoute::Batch, &rejecting);
        let farewell = good_call(PublicRoute::RevokeSelf, &device).send().await;
        self.saw(PublicRoute::RevokeSelf, &farewell);
    }

    async fn versions_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        for route in PublicRoute::ALL {
            self.sends(route, good_call(route, &device).header(PROTOCOL_HEADER, "2")).await;
        }
    }

    async fn enrollments_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        self.sends(PublicRoute::Enroll, good_call(PublicRoute::Enroll, &device)).await;
        let secret = open_secret(server).await;
        let mallory = Username::new("mallory");
        server.admin().set_standing(mallory, Standing::Suspended).await.unwrap();
        let request = enrollment("mallory", "m1", &secret);
        self.sends(PublicRoute::Enroll, call(PublicRoute::Enroll, &device).json(&request)).await;
    }

    async fn keys_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        let mut stranger = device.clone();
        stranger.key = "dpk_guess".to_owned();
        self.sends(PublicRoute::Token, good_call(PublicRoute::Token, &stranger)).await;
        server.admin().expire_key(DeviceId::new(device.id.as_str())).await.unwrap();
        self.sends(PublicRoute::Token, good_call(PublicRoute::Token, &device)).await;
    }

    async fn tokens_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        for route in with_token() {
            self.sends(route, good_call(route, &device).bearer("dpt_guess")).await;
        }
    }

    async fn bodies_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        for (route, limit) in [
            (PublicRoute::Enroll, 1 << 20),
            (PublicRoute::Token, 1 << 20),
            (PublicRoute::Batch, 32 << 20),
            (PublicRoute::Screenshot, 16 << 20),
        ] {
            let typed = |media_type| good_call(route, &device).header("content-type", media_type);
            self.sends(route, typed("text/csv")).await;
            let body = vec![b' '; limit];
            for (body, status) in [(body.clone(), 400), ([body, vec![b' ']].concat(), 413)] {
                let answer = good_call(route, &device).body(body).send().await;
                assert_eq!(answer.status.as_u16(), status, "{route:?} with about {limit} bytes");
                self.saw(route, &answer);
            }
        }
    }

    async fn keyless_exchanges_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        let route = PublicRoute::Key;
        self.sends(route, good_call(route, &device).without("idempotency-key")).await;
    }

    async fn batches_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        let route = PublicRoute::Batch;
        self.sends(route, good_call(route, &device).header("content-encoding", "br")).await;
        let (id, body) = batch_of(&device);
        device.batch_call(id, body).send().await.receipt();
        self.sends(route, device.batch_call(id, batch(id, &[]))).await;
    }

    async fn revoked_devices_are_refused(&mut self, server: &RunningServer) {
        let device = Device::enroll(server, "ada").await;
        server.admin().revoke(DeviceId::new(device.id.as_str())).await.unwrap();
        self.sends(PublicRoute::Token, good_call(PublicRoute::Token, &device)).await;
        for route in with_token() {
            self.sends(route, good_call(route, &device)).await;
        }
    }

    async fn live_machines_are_refused(&mut self) {
        let enrollment_policy =
            EnrollmentPolicy { reenrollment: Reenrollment::Refuse, key_lifetime: None };
        let options = ServerOptions { enrollment: enrollment_policy, ..Default::default() };
        let server = Server::start(options).await.unwrap();
        let device = Device::enroll(&server, "ada").await;
        let request = enrollment("ada", "m1", &open_secret(&server).await);
        self.sends(PublicRoute::Enroll, call(PublicRoute::Enroll, &device).json(&request)).await;
    }

    async fn a_broken_database_is_a_failure(&mut self) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data.db");
        let options =
            ServerOptions { database: Database::File(path.clone()), ..Default::default() };
        let server = Server::start(options).await.unwrap();
        let secret = open_secret(&server).await;
        let device = Device::enroll_with(&server.url(), "ada", &secret, client()).await;
        let vandal = rusqlite::Connection::open(&path).unwrap();
        vandal.execute_batch("ALTER TABLE device RENAME TO gone").unwrap();
        self.everything_answers(500, &device, &secret).await;
    }

    async fn a_closed_database_is_a_pause(&mut self) {
        let server = start().await;
        let secret = open_secret(&server).await;
        let device = Device::enroll_with(&server.url(), "ada", &secret, client()).await;
        server.admin().close().await;
        self.everything_answers(503, &device, &secret).await;
    }

    /// Every route that needs the database answers `status`.
    async fn everything_answers(&mut self, status: u16, device: &Device, secret: &str) {
        for route in PublicRoute::ALL.into_iter().filter(|route| *route != PublicRoute::Health) {
            let call = match route {
                PublicRoute::Enroll => call(route, device).json(&enrollment("ada", "m1", secret)),
                _ => good_call(route, device),
            };
            let answer = call.send().await;
            assert_eq!(answer.status.as_u16(), status, "{route:?}: {answer:?}");
            self.saw(route, &answer);
        }
    }

    async fn sends(&mut self, route: PublicRoute, call: Call) {
        let answer = call.send().await;
        self.saw(route, &answer);
    }

    /// Checks an answer's status, headers, media type and body.
    fn saw(&mut self, route: PublicRoute, answer: &Answer) {
        let status = answer.status.as_u16();
        let what = format!("{route:?} {status}");
        let response = self.document.response(route, status);
        self.headers_fit(response, answer, &what);
        let media_type = answer.headers.get("content-type").map(|value| value.to_str().unwrap());
        let body = match (response.get("content"), media_type) {
            (None, None) => {
                assert!(answer.body.is_empty(), "{what} has a body");
                None
            }
            (Some(content), Some(media_type)) => {
                let documented = content.get(media_type);
                let schema =
                    &documented.unwrap_or_else(|| panic!("{what} is {media_type}"))["schema"];
                self.document.holds(schema, &answer.json(), &what);
                Some(answer.json())
            }
            (documented, found) => panic!("{what}: {found:?}, documented {documented:?}"),
        };
        let code = body.filter(|_| media_type == Some(PROBLEM)).map(|body| body["code"].clone());
        self.seen.insert((route, status, code.map(|code| code.as_str().unwrap().to_owned())));
    }

    fn headers_fit(&self, response: &Value, answer: &Answer, what: &str) {
        let empty = json!({});
        let documented = object(response.get("headers").unwrap_or(&empty));
        for (name, header) in documented {
            let header = self.document.resolve(header);
            match answer.headers.get(name.as_str()) {
                Some(value) => {
                    let value = json!(value.to_str().unwrap());
                    self.document.holds(&header["schema"], &value, &format!("{what} {name}"));
                }
                None => assert_ne!(header["required"], true, "{what} lacks {name}"),
            }
        }
        for name in MEANINGFUL.into_iter().filter(|name| answer.headers.contains_key(*name)) {
            let known = documented.keys().any(|known| known.eq_ignore_ascii_case(name));
            assert!(known, "{what} bears {name}, which is not documented");
        }
    }

    #[track_caller]
    fn request_fits(&self, route: PublicRoute, request: &Value) {
        self.document.holds(self.document.request_schema(route), request, &format!("{route:?}"));
    }

    fn documented(&self) -> BTreeSet<Outcome> {
        let mut outcomes = BTreeSet::new();
        for route in PublicRoute::ALL {
            for (status, response) in self.document.responses(route) {
                if response["content"].get(PROBLEM).is_none() {
                    outcomes.insert((route, status, None));
                    continue;
                }
                for code in self.document.codes(response) {
                    outcomes.insert((route, status, Some(code)));
                }
            }
        }
        outcomes
    }
}

fn with_token() -> [PublicRoute; 5] {
    [
        PublicRoute::Config,
        PublicRoute::Batch,
        PublicRoute::Screenshot,
        PublicRoute::Key,
        PublicRoute::RevokeSelf,
    ]
}

fn every_section() -> Value {
    json!({
        "heartbeat_interval_s": 30,
        "batch": {"max_events": 50},
        "screenshot": {"interval_s": 0, "triggers": ["periodic", "unlock"]},
        "window": {"rules": [{"title": "(?i)payroll", "action": "redact"}]},
        "pause": {"allowed": false},
        "limits": {"max_disk_mb": 64},
        "not_yet_invented": true,
    })
}
