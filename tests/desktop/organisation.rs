//! The organisation's side, the real server, and a device that enrolls there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use devpulse_agent::consent;
use devpulse_agent::credentials::{DeviceIdentity, SystemKeychain};
use devpulse_agent::enrollment::{Backlog, BacklogChoice, EnrollmentRequest};
use devpulse_agent::home::Home;
use devpulse_agent::replacement;
use devpulse_agent::server_config::StoredServerConfig;
use devpulse_agent::settings::{Settings, Sources};
use devpulse_control::ControlClient;
use devpulse_protocol::{EnrollmentSecret, Username};
use devpulse_server::{Database, EventQuery, RunningServer, SecretRequest, Server, ServerOptions};
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::session::{DEADLINE, Session};

/// A server that can be stopped and started again at the same address.
pub(crate) struct Organisation {
    running: Option<RunningServer>,
    options: ServerOptions,
    _files: tempfile::TempDir,
}

impl Organisation {
    pub(crate) async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let database = Database::File(files.path().join("server.db"));
        let mut options = ServerOptions { database, ..ServerOptions::default() };
        let running = Server::start(options.clone()).await.unwrap();
        let address = running.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        options.listen = address.parse().unwrap();
        let organisation = Self { running: Some(running), options, _files: files };
        let config = json!({
            "heartbeat_interval_s": 2, "batch": {"max_interval_ms": 200},
            "screenshot": {"enabled": true, "interval_s": 0},
        });
        organisation.running().admin().set_config(config).await.unwrap();
        organisation
    }

    pub(crate) fn running(&self) -> &RunningServer {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.options.listen)
    }

    pub(crate) async fn secret(&self) -> String {
        let issued = self.running().admin().create_secret(SecretRequest::default()).await.unwrap();
        issued.secret.expose().to_owned()
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().shutdown().await;
    }

    pub(crate) async fn start_again(&mut self) {
        self.running = Some(Server::start(self.options.clone()).await.unwrap());
    }

    /// Withdraws the right to send from the one device that it knows as valid.
    pub(crate) async fn revoke(&self, session: &Session) {
        let device = DeviceIdentity::peek(&home(session)).unwrap().device_id;
        assert!(self.running().admin().revoke(device).await.unwrap());
    }

    /// Waits until it holds all of these, and says that it holds none of them twice.
    pub(crate) async fn receives(&self, wanted: &BTreeSet<String>) {
        let begun = Instant::now();
        loop {
            let (stored, count) = self.events().await;
            assert_eq!(stored.len(), count, "an event is stored twice");
            if wanted.is_subset(&stored) {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "not everything is delivered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The ids of the events that it holds, and how many events there are.
    pub(crate) async fn events(&self) -> (BTreeSet<String>, usize) {
        let events = self.running().admin().events(EventQuery::default()).await.unwrap();
        let id = |text: &String| -> String {
            let event: Value = serde_json::from_str(text).unwrap();
            event["event_id"].as_str().unwrap().to_owned()
        };
        (events.iter().map(id).collect(), events.len())
    }
}

/// Enrolls and agrees, as the wizard's buttons do.
pub(crate) async fn set_up(window: &Driver, organisation: &Organisation) {
    window.see("#app > *").await;
    let secret = organisation.secret().await;
    let form =
        json!({"form": {"server_url": organisation.url(), "username": "anna", "secret": secret}});
    window.invoke("enroll", form).await.unwrap();
    let consent = window.invoke("consent", json!({})).await.unwrap();
    let agreed = json!({"policyVersion": consent["policy_version"], "digest": consent["digest"]});
    window.invoke("accept_consent", agreed).await.unwrap();
    runs(window).await;
    window.run("location.reload()").await;
    window.see("main[data-screen=status]").await;
}

async fn runs(window: &Driver) {
    let begun = Instant::now();
    loop {
        let overview = window.invoke("overview", json!({})).await.unwrap();
        if overview["run_state"]["kind"] == "here" {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "the agent does not start: {overview}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Enrolls the device of the session before the app is started, and agrees; its settings.
pub(crate) async fn enroll(session: &Session, organisation: &Organisation) -> Settings {
    let home = home(session);
    let mut sources = Sources::none(home.clone());
    for (name, value) in [
        ("DEVPULSE_SERVER_URL", organisation.url()),
        ("DEVPULSE_USERNAME", "anna".to_owned()),
        ("DEVPULSE_SECRET_STORE", "file".to_owned()),
    ] {
        sources.environment.insert(name.to_owned(), value);
    }
    let request = EnrollmentRequest {
        username: Username::new("anna"),
        secret: EnrollmentSecret::new(organisation.secret().await),
        hostname: None,
        force: false,
        backlog: Backlog { pending: 0, choice: BacklogChoice::Refuse },
    };
    let settings = Settings::load(&sources).unwrap();
    replacement::enroll(request, &settings, &SystemKeychain::new()).await.unwrap();
    sources.has_credentials = true;
    sources.identity = DeviceIdentity::peek(&home);
    sources.server = StoredServerConfig::load(&home).unwrap().settings();
    consent::record(&Settings::load(&sources).unwrap()).unwrap();
    Settings::load(&sources).unwrap()
}

/// The agent of the session, as soon as it answers.
pub(crate) async fn agent(session: &Session) -> ControlClient {
    let begun = Instant::now();
    loop {
        match ControlClient::connect(&home(session).socket()).await {
            Ok(agent) => return agent,
            Err(error) => assert!(begun.elapsed() < DEADLINE, "no agent answers: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Events of these numbers, each durable; their ids.
pub(crate) async fn emit(agent: &ControlClient, numbers: std::ops::Range<u32>) -> BTreeSet<String> {
    let mut emitted = BTreeSet::new();
    for number in numbers {
        let data = serde_json::value::to_raw_value(&number).unwrap();
        emitted.insert(agent.emit_durably("work", data).await.unwrap().to_string());
    }
    emitted
}

fn home(session: &Session) -> Home {
    Home::at(session.home().join("devpulse"))
}
