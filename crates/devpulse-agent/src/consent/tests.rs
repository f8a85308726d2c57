use std::collections::BTreeMap;
use std::time::Duration;

use devpulse_control::Aspect;
use devpulse_protocol::ServerConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::settings::Sources;

/// A home whose enrollment the environment stands in for.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn home(&self) -> Home {
        Home::at(self.0.path())
    }

    fn settings(&self, policy: &Value) -> Settings {
        self.settings_of("ada", "https://pulse.example", policy)
    }

    fn settings_of(&self, username: &str, server: &str, policy: &Value) -> Settings {
        let environment = [
            ("DEVPULSE_SERVER_URL", server),
            ("DEVPULSE_CLIENT_ID", "dev-1"),
            ("DEVPULSE_API_KEY", "key"),
            ("DEVPULSE_USERNAME", username),
        ];
        let environment: BTreeMap<_, _> = environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Settings::load(&Sources {
            environment,
            server: ServerConfig::from_value(policy).unwrap(),
            consent: Record::load(&self.home()),
            ..Sources::none(self.home())
        })
        .unwrap()
    }
}

fn every(seconds: u64, version: i64) -> Value {
    json!({"version": version, "screenshot": {"interval_s": seconds}})
}

fn request(settings: &Settings) -> AcceptRequest {
    let proposal = report(settings).proposal;
    AcceptRequest { policy_version: proposal.policy_version, digest: Some(proposal.digest) }
}

#[test]
fn without_a_record_the_policy_holds_as_it_is() {
    let bench = Bench::new();
    let settings = bench.settings(&every(60, 1));
    assert_eq!(settings.config().screenshot.interval, Duration::from_secs(60));
    assert_eq!(status(&settings), None);
    let report = report(&settings);
    assert!(!report.is_awaiting() && report.proposal.widenings.is_empty());
}

#[test]
fn a_wider_policy_waits_and_a_narrower_one_holds_at_once() {
    let bench = Bench::new();
    record(&bench.settings(&every(300, 1))).unwrap();
    let wider = bench.settings(&every(60, 2));
    assert_eq!(wider.config().screenshot.interval, Duration::from_secs(300));
    assert_eq!(wider.asked_for().screenshot.interval, Duration::from_secs(60));
    let told = report(&wider);
    assert!(told.is_awaiting());
    assert_eq!(told.proposal.widenings[0].aspect, Aspect::Screenshots);
    assert_eq!(told.record.unwrap().policy_version, Some(1));
    assert!(status(&wider).unwrap().awaiting);

    let narrower = bench.settings(&every(900, 3));
    assert_eq!(narrower.config().screenshot.interval, Duration::from_secs(900));
    assert!(!status(&narrower).unwrap().awaiting);

    let accepted = accept(&wider, &request(&wider)).unwrap();
    assert_eq!(accepted.policy_version, Some(2));
    let agreed = wider.with_consent(accepted);
    assert_eq!(agreed.config().screenshot.interval, Duration::from_secs(60));
    assert!(!status(&agreed).unwrap().awaiting);
    let read_back = bench.settings(&every(60, 2));
    assert_eq!(read_back.config(), agreed.config());
}

#[test]
fn what_the_person_sets_beyond_their_consent_waits_like_the_servers_wishes() {
    let bench = Bench::new();
    record(&bench.settings(&json!({"screenshot": {"enabled": false}}))).unwrap();
    let mut sources = Sources {
        consent: Record::load(&bench.home()),
        config_toml: Some("[screenshot]\ninterval_s = 5\n".to_owned()),
        ..Sources::none(bench.home())
    };
    for (name, value) in [
        ("DEVPULSE_SERVER_URL", "https://pulse.example"),
        ("DEVPULSE_CLIENT_ID", "dev-1"),
        ("DEVPULSE_API_KEY", "key"),
        ("DEVPULSE_USERNAME", "ada"),
    ] {
        sources.environment.insert(name.to_owned(), value.to_owned());
    }
    let settings = Settings::load(&sources).unwrap();
    assert!(!settings.config().screenshot.enabled);
    assert_eq!(settings.origin("screenshot.enabled").to_string(), "consent");
}

#[test]
fn what_was_not_shown_is_not_accepted() {
    let bench = Bench::new();
    let shown = request(&bench.settings(&every(300, 1)));
    for asked in [every(300, 2), every(60, 1)] {
        let refused = accept(&bench.settings(&asked), &shown).unwrap_err();
        assert_eq!(refused.to_string(), "what is asked for has changed since it was shown");
    }
    assert_eq!(Record::load(&bench.home()), None);
}

#[test]
fn a_consent_is_of_one_person_for_one_server() {
    let bench = Bench::new();
    record(&bench.settings(&every(300, 1))).unwrap();
    let held = |username, server| {
        let settings = bench.settings_of(username, server, &every(60, 1));
        settings.config().screenshot.interval == Duration::from_secs(300)
    };
    assert!(held("ada", "https://pulse.example/"));
    assert!(!held("bob", "https://pulse.example"));
    assert!(!held("ada", "https://other.example"));
}

#[test]
fn a_consent_that_cannot_be_read_is_one_to_nothing() {
    let bench = Bench::new();
    for damaged in ["", "{", "[]", "{\"accepted_at\": 7}"] {
        std::fs::write(bench.home().consent(), damaged).unwrap();
        let settings = bench.settings(&json!({}));
        assert!(!settings.config().window.enabled, "{damaged}");
        assert!(!settings.config().screenshot.enabled, "{damaged}");
        assert!(status(&settings).unwrap().awaiting);
    }
    let settings = bench.settings(&json!({}));
    let accepted = accept(&settings, &request(&settings)).unwrap();
    assert!(settings.with_consent(accepted).config().window.enabled);
}

#[cfg(unix)]
#[test]
fn the_record_is_its_owners_alone_and_says_what_was_shown() {
    use std::os::unix::fs::PermissionsExt as _;

    let bench = Bench::new();
    let settings = bench.settings(&every(300, 4));
    let written = record(&settings).unwrap();
    let mode = bench.home().consent().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let read = Record::load(&bench.home()).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.disclosure, report(&settings).proposal.disclosure);
    Record::remove(&bench.home()).unwrap();
    Record::remove(&bench.home()).unwrap();
    assert_eq!(Record::load(&bench.home()), None);
}

#[test]
fn nobody_agrees_on_a_device_that_is_not_enrolled() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = Settings::load(&Sources::none(Home::at(scratch.path()))).unwrap();
    assert!(matches!(record(&settings), Err(ConsentError::NotEnrolled)));
}
