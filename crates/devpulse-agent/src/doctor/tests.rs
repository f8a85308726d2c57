use std::time::Duration;

use devpulse_control::{PipelineState, PipelineStatus, SignalStatus, Status};
use devpulse_pipeline::{HttpAnswer, Outcome, ProxyFault, TlsFault, TransportFault};
use devpulse_protocol::{CapabilityState, RefusedSetting, Timestamp};

use super::facts::{
    AgentFact, Complaint, DiskFact, KeyFact, LogKeyFact, ProxyFact, ServerFact, SettingsFact,
    SignalFact,
};
use super::*;
use crate::credentials::{KeptIn, KeychainState};
use crate::origin::{PlainHttp, ServerUrl};
use crate::report;
use crate::settings::SecretStoreChoice;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn status(pipeline: PipelineStatus) -> Status {
    let capture = devpulse_control::CaptureStatus::unavailable("no agent is running");
    report::status(None, devpulse_control::AgentStatus::default(), pipeline, capture, None)
}

fn answered(date: &str) -> ServerFact {
    ServerFact::Asked {
        url: ServerUrl::parse("https://devpulse.example.org", PlainHttp::LoopbackOnly).unwrap(),
        outcome: Outcome::Http(HttpAnswer {
            status: 200,
            date: Some(date.to_owned()),
            ..HttpAnswer::default()
        }),
        took: Duration::from_millis(12),
        certificate: None,
        at: now(),
    }
}

fn unreached(fault: TransportFault) -> ServerFact {
    let ServerFact::Asked { url, took, at, .. } = answered("") else { panic!() };
    ServerFact::Asked { url, outcome: Outcome::Fault(fault), took, certificate: None, at }
}

/// A device on which everything is as it should be.
fn healthy() -> Facts {
    let served = SignalFact::Served(SignalStatus {
        backend: Some("x11".to_owned()),
        state: CapabilityState::Ok,
        last_seen: Some(now()),
        detail: None,
    });
    Facts {
        agent: AgentFact::Running { version: env!("CARGO_PKG_VERSION").to_owned(), pid: 42 },
        status: Ok(status(PipelineStatus {
            captured: 10,
            sent: 8,
            pending: 2,
            ..PipelineStatus::empty(PipelineState::Idle)
        })),
        settings: SettingsFact::default(),
        key: KeyFact::Enrolled { kept_in: Some(KeptIn::Keyring), expires_at: None },
        choice: SecretStoreChoice::Auto,
        keychain: KeychainState::Unlocked,
        log_key: LogKeyFact::Held(KeptIn::Keyring),
        server: answered("Sun, 22 Nov 2026 10:00:00 GMT"),
        proxy: ProxyFact::Direct,
        is_pinned: false,
        disk: DiskFact {
            free: Some(4 << 30),
            used: Some(1 << 20),
            limit: 512 << 20,
            complaint: None,
        },
        signals: std::array::from_fn(|_| served.clone()),
        now: now(),
    }
}

fn check(facts: &Facts, name: &str) -> Check {
    report(facts).checks.into_iter().find(|check| check.name == name).unwrap()
}

#[track_caller]
fn assert_check(facts: &Facts, name: &str, state: CheckState, parts: &[&str]) {
    let check = check(facts, name);
    let text = format!("{} / {}", check.detail, check.remedy.as_deref().unwrap_or("nothing"));
    assert_eq!(check.state, state, "{name}: {text}");
    for part in parts {
        assert!(text.contains(part), "{name}: {text} lacks {part}");
    }
}

#[test]
fn the_names_and_their_order_are_those_that_are_promised() {
    let report = report(&healthy());
    let names: Vec<_> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, CHECKS);
    assert!(!report.has_failed());
    for check in &report.checks {
        assert_eq!(check.state, CheckState::Ok, "{}: {}", check.name, check.detail);
        assert_eq!(check.remedy, None, "{}", check.name);
    }
}

#[test]
fn the_json_has_these_fields_and_no_others() {
    let json = serde_json::to_string(&report(&healthy())).unwrap();
    let expected = concat!(
        r#"{"version":""#,
        env!("CARGO_PKG_VERSION"),
        r#"","checks":[{"name":"agent","state":"ok","detail":"version "#,
        env!("CARGO_PKG_VERSION"),
        r#" is running, pid 42","remedy":null},{"name":"settings","state":"ok","#,
    );
    assert!(json.starts_with(expected), "{json}");
    for state in [CheckState::Ok, CheckState::Warning, CheckState::Failed, CheckState::Unknown] {
        assert_eq!(serde_json::to_string(&state).unwrap(), format!("{:?}", state.as_str()));
    }
}

#[test]
fn a_stopped_agent_is_a_warning_with_the_command_that_starts_it() {
    let facts = Facts { agent: AgentFact::NotRunning, ..healthy() };
    assert_check(&facts, "agent", CheckState::Warning, &["no agent", "devpulse-client run"]);
    let old = AgentFact::Running { version: "0.0.1".to_owned(), pid: 42 };
    let facts = Facts { agent: old, ..healthy() };
    assert_check(&facts, "agent", CheckState::Warning, &["0.0.1", "restart"]);
    let complaint = Complaint {
        cause: "the agent does not answer".to_owned(),
        remedy: Some("restart it".into()),
    };
    let stuck = Facts {
        agent: AgentFact::Unusable(complaint.clone()),
        status: Err(complaint),
        signals: [const { SignalFact::NotTold }; 4],
        ..healthy()
    };
    assert_check(&stuck, "agent", CheckState::Failed, &["does not answer", "restart"]);
    assert_check(&stuck, "event_log", CheckState::Unknown, &[]);
    assert_check(&stuck, "focus", CheckState::Unknown, &[]);
}

#[test]
fn a_refused_value_is_named_with_what_is_allowed_beside_ignored_lines_and_overrides() {
    let refused = RefusedSetting {
        key: "batch.max_events".to_owned(),
        value: 0.into(),
        allowed: "a whole number from 1 to 1000".to_owned(),
    };
    let settings = SettingsFact {
        refused: vec![refused],
        warnings: vec![".env line 3: DEVPULSE_PROXY is ignored".to_owned()],
        of_administrator: vec!["the administrator's policy is ignored".to_owned()],
        overrides: [("window.enabled".to_owned(), "config.toml".to_owned())].into(),
    };
    let facts = Facts { settings, ..healthy() };
    let parts = [
        "batch.max_events is 0",
        "from 1 to 1000",
        ".env line 3",
        "policy is ignored",
        "window.enabled by config.toml",
    ];
    assert_check(&facts, "settings", CheckState::Warning, &parts);
}

#[test]
fn a_key_that_is_refused_ends_or_ended_is_told_with_the_way_out() {
    let unenrolled = Facts { key: KeyFact::NotEnrolled, ..healthy() };
    assert_check(&unenrolled, "credentials", CheckState::Warning, &["not enrolled", "enroll"]);
    for (state, cause) in [
        (PipelineState::Revoked, "revoked"),
        (PipelineState::AuthBlocked, "does not accept the key"),
    ] {
        let facts = Facts { status: Ok(status(PipelineStatus::empty(state))), ..healthy() };
        assert_check(&facts, "credentials", CheckState::Failed, &[cause, "enroll --force"]);
    }
    for (end, state) in [
        ("2026-11-21T10:00:00Z", CheckState::Failed),
        ("2026-11-25T10:00:00Z", CheckState::Warning),
        ("2027-11-25T10:00:00Z", CheckState::Ok),
    ] {
        let key = KeyFact::Enrolled { kept_in: Some(KeptIn::File), expires_at: end.parse().ok() };
        assert_check(&Facts { key, ..healthy() }, "credentials", state, &[&end[..10]]);
    }
}

#[test]
fn a_keychain_that_has_the_key_has_to_be_open_and_one_that_has_not_may_be_away() {
    let kept_in = |place| KeyFact::Enrolled { kept_in: Some(place), expires_at: None };
    for (keychain, cause) in [
        (KeychainState::NoSession, "DBUS_SESSION_BUS_ADDRESS"),
        (KeychainState::NotRunning, "no keychain runs"),
        (KeychainState::Locked, "is locked"),
        (KeychainState::Silent, "within 5 s"),
        (KeychainState::Failed("broken pipe".to_owned()), "broken pipe"),
    ] {
        let facts = Facts { keychain, ..healthy() };
        assert_check(&facts, "keychain", CheckState::Failed, &[cause]);
        let facts = Facts { key: kept_in(KeptIn::File), ..facts };
        assert_check(&facts, "keychain", CheckState::Warning, &[cause]);
        let facts = Facts { choice: SecretStoreChoice::File, ..facts };
        assert_check(&facts, "keychain", CheckState::Ok, &["not asked"]);
    }
}

#[test]
fn the_key_of_the_log_is_told_where_it_lies_and_what_its_absence_costs() {
    let of = |log_key| Facts { log_key, ..healthy() };
    for (fact, state, parts) in [
        (LogKeyFact::None, CheckState::Ok, ["none is needed", ""]),
        (LogKeyFact::Held(KeptIn::Keyring), CheckState::Ok, ["the system's keychain", ""]),
        (LogKeyFact::Held(KeptIn::File), CheckState::Ok, ["the file log-key", "not protected"]),
        (LogKeyFact::NotAsked, CheckState::Failed, ["cannot be asked", "unlock the keychain"]),
        (LogKeyFact::Missing("it is gone".into()), CheckState::Failed, ["is gone", "--discard"]),
        (LogKeyFact::NotTold("too slow".into()), CheckState::Unknown, ["too slow", ""]),
    ] {
        assert_check(&of(fact), "log_key", state, &parts);
    }
    let facts = Facts { keychain: KeychainState::Startable, ..of(LogKeyFact::NotAsked) };
    assert_check(&facts, "log_key", CheckState::Unknown, &["does not run yet"]);
}

#[test]
fn a_server_that_is_not_reached_leaves_the_clock_and_tls_unknown() {
    let down = Facts { server: unreached(TransportFault::Unreachable), ..healthy() };
    assert_check(&down, "server", CheckState::Failed, &["devpulse.example.org", "check"]);
    assert_check(&down, "tls", CheckState::Unknown, &[]);
    assert_check(&down, "clock", CheckState::Unknown, &[]);
    let none = Facts { server: ServerFact::None, ..healthy() };
    for name in ["server", "tls", "proxy", "clock"] {
        assert_check(&none, name, CheckState::Unknown, &["no server is known"]);
    }
}

#[test]
fn a_certificate_is_judged_by_trust_and_by_its_end() {
    let fault = TransportFault::Tls(TlsFault::UnknownIssuer);
    let facts = Facts { server: unreached(fault), ..healthy() };
    assert_check(&facts, "tls", CheckState::Failed, &["unknown authority", "DEVPULSE_CA_CERT"]);
    for (fault, parts) in [
        (TlsFault::NotYetValid, ["clock may be wrong", "check this computer's clock"]),
        (TlsFault::PinMismatch, ["none of those that are pinned", "server_pin"]),
        (TlsFault::ClientCertificateRequired, ["client certificate", "DEVPULSE_CLIENT_CERT"]),
        (TlsFault::ClientCertificateRefused, ["does not accept", "expired"]),
        (TlsFault::NotTls, ["does not speak TLS", "port"]),
    ] {
        let facts = Facts { server: unreached(TransportFault::Tls(fault)), ..healthy() };
        assert_check(&facts, "tls", CheckState::Failed, &parts);
    }
    for (month, state) in [(12, CheckState::Warning), (3, CheckState::Ok)] {
        let mut params = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(if month == 12 { 2026 } else { 2027 }, month, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        let ServerFact::Asked { url, outcome, took, at, .. } = healthy().server else { panic!() };
        let server = ServerFact::Asked { url, outcome, took, certificate: Some(der), at };
        let facts = Facts { server, ..healthy() };
        assert_check(&facts, "tls", state, &["-01"]);
        let pinned = Facts { is_pinned: true, ..facts };
        assert_check(&pinned, "tls", state, &["pinned", "-01"]);
    }
}

#[test]
fn a_clock_more_than_a_minute_off_is_a_warning() {
    for (theirs, state, parts) in [
        ("Sun, 22 Nov 2026 09:59:01 GMT", CheckState::Ok, ""),
        ("Sun, 22 Nov 2026 09:58:00 GMT", CheckState::Warning, "119 s ahead of"),
        ("Sun, 22 Nov 2026 10:02:00 GMT", CheckState::Warning, "120 s behind"),
        ("yesterday", CheckState::Unknown, "does not say"),
    ] {
        let facts = Facts { server: answered(theirs), ..healthy() };
        assert_check(&facts, "clock", state, &[parts]);
    }
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    let proxy = ProxyFact::Through {
        proxy: "http://proxy.example.org:3128".to_owned(),
        set_by: "environment (DEVPULSE_PROXY)".to_owned(),
    };
    let facts = Facts { proxy, ..healthy() };
    assert_check(&facts, "proxy", CheckState::Ok, &["proxy.example.org", "DEVPULSE_PROXY"]);
    for (fault, parts) in [
        (ProxyFault::Unreachable, ["could not be reached", "HTTPS_PROXY"]),
        (ProxyFault::LoginRequired, ["name and a password", "proxy login"]),
        (ProxyFault::LoginRefused, ["does not accept", "proxy login"]),
        (ProxyFault::Refused, ["refused", "NO_PROXY"]),
        (ProxyFault::NotAProxy, ["does not speak", "socks5://"]),
    ] {
        let facts = Facts { server: unreached(TransportFault::Proxy(fault)), ..facts.clone() };
        assert_check(&facts, "proxy", CheckState::Failed, &parts);
        assert_check(&facts, "proxy", CheckState::Failed, &["http://proxy.example.org:3128"]);
    }
}

#[test]
fn a_disk_is_judged_by_what_is_free_and_by_what_is_taken() {
    let disk = |free, used, complaint| {
        let limit = 512 << 20;
        let disk = DiskFact { free: Some(free), used: Some(used), limit, complaint };
        check(&Facts { disk, ..healthy() }, "disk").state
    };
    assert_eq!(disk(4 << 30, 0, None), CheckState::Ok);
    assert_eq!(disk(256 << 20, 0, None), CheckState::Warning);
    assert_eq!(disk(1 << 20, 0, None), CheckState::Failed);
    assert_eq!(disk(4 << 30, 513 << 20, None), CheckState::Warning);
    let complaint = Complaint { cause: "read-only".to_owned(), remedy: None };
    assert_eq!(disk(4 << 30, 0, Some(complaint)), CheckState::Failed);
}

#[test]
fn a_ledger_has_to_add_up_and_losses_are_told() {
    let log = |pipeline| Facts { status: Ok(status(pipeline)), ..healthy() };
    let empty = || PipelineStatus::empty(PipelineState::Idle);
    let lost = log(PipelineStatus { captured: 3, sent: 2, ..empty() });
    assert_check(&lost, "event_log", CheckState::Failed, &["do not add up"]);
    let dead = log(PipelineStatus { captured: 3, sent: 2, dead_letter: 1, ..empty() });
    assert_check(&dead, "event_log", CheckState::Warning, &["1 refused", "events --dead"]);
    let dropped = log(PipelineStatus {
        captured: 3,
        dropped: 3,
        dropped_by_reason: [("disk_cap".to_owned(), 3)].into(),
        ..empty()
    });
    assert_check(&dropped, "event_log", CheckState::Warning, &["3 disk_cap"]);
}

#[test]
fn a_signal_that_is_not_served_says_what_is_missing_and_how_to_get_it() {
    let no_display = || "there is no display (DISPLAY is not set)".to_owned();
    let could_not = SignalFact::CouldNot(vec![("x11", no_display())]);
    let served = |state| {
        SignalFact::Served(SignalStatus {
            backend: None,
            state,
            last_seen: None,
            detail: Some(no_display()),
        })
    };
    let signals = [
        could_not,
        served(CapabilityState::Unavailable),
        SignalFact::Could("logind"),
        served(CapabilityState::Denied),
    ];
    let facts = Facts { signals, ..healthy() };
    assert_check(&facts, "focus", CheckState::Warning, &["DISPLAY is not set", "X11 session"]);
    assert_check(&facts, "idle", CheckState::Warning, &["DISPLAY is not set", "X11 session"]);
    assert_check(&facts, "session", CheckState::Ok, &["logind"]);
    assert_check(&facts, "screen", CheckState::Failed, &["permit"]);
}

#[test]
fn unusable_settings_are_the_only_thing_that_is_told() {
    let report = of_unusable_settings(&SettingsError::BrokenDotEnv { line: 3 });
    assert!(report.has_failed());
    let names: Vec<_> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, CHECKS);
    for check in report.checks {
        let expected =
            if check.name == "settings" { CheckState::Failed } else { CheckState::Unknown };
        assert_eq!(check.state, expected, "{}", check.name);
    }
}
