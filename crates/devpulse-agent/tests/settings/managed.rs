//! The administrator's policy among the other sources.

use std::time::Duration;

use devpulse_agent::managed::{Given, Managed, ManagedValue};
use devpulse_agent::settings::{Flag, Origin, Settings, Sources, TABLE};
use serde_json::{Value, json};

use super::{config_toml, dot_env, environment, none, refusal, server, value};

/// The administrator's policy with these values, at lines from 1 on.
fn managed(values: &[(&str, Value)]) -> Managed {
    let value = |(index, (name, value)): (usize, &(&str, Value))| ManagedValue {
        name: (*name).to_owned(),
        given: Given::Typed(value.clone()),
        line: Some(index + 1),
    };
    Managed { values: values.iter().enumerate().map(value).collect(), fault: None }
}

fn warnings(settings: &Settings) -> Vec<String> {
    settings.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn the_administrators_policy_stands_above_flag_environment_file_and_server() {
    let mut sources = config_toml("idle_threshold_s = 7\nheartbeat_interval_s = 8\n");
    sources.environment.insert("DEVPULSE_HEARTBEAT_INTERVAL".to_owned(), "9".to_owned());
    sources.environment.insert("DEVPULSE_LOG".to_owned(), "debug".to_owned());
    let value_of_flag = "https://b.example".to_owned();
    sources.flags.push(Flag { flag: "--server", setting: "server_url", value: value_of_flag });
    sources.server = server(&json!({"idle_threshold_s": 60, "pause": {"allowed": true}}));
    sources.managed = managed(&[
        ("server_url", json!("https://a.example")),
        ("heartbeat_interval_s", json!(30)),
        ("idle_threshold_s", json!(40)),
        ("pause.allowed", json!(false)),
        ("app.quit_allowed", json!(false)),
        ("log", json!("debug")),
    ]);
    let settings = Settings::load(&sources).unwrap();
    for (name, expected) in [
        ("server_url", json!("https://a.example")),
        ("heartbeat_interval_s", json!(30)),
        ("idle_threshold_s", json!(40)),
        ("pause.allowed", json!(false)),
        ("app.quit_allowed", json!(false)),
    ] {
        assert_eq!(value(&settings, name), expected, "{name}");
        assert_eq!(settings.origin(name), Origin::Managed, "{name}");
        assert_eq!(settings.overrides()[name], "managed", "{name}");
    }
    let because = "is ignored, because the administrator of this computer has set";
    assert_eq!(
        warnings(&settings),
        [
            format!("DEVPULSE_HEARTBEAT_INTERVAL {because} heartbeat_interval_s"),
            format!("--server {because} server_url"),
        ]
    );
    let live = settings.with_server_config(&server(&json!({"idle_threshold_s": 99})));
    assert_eq!(value(&live, "idle_threshold_s"), json!(40));
}

#[test]
fn a_value_of_the_administrator_that_is_not_allowed_is_refused_alone() {
    let mut sources = environment(&[("DEVPULSE_BATCH_MAX_SIZE", "5")]);
    sources.managed = managed(&[
        ("batch.max_events", json!(0)),
        ("colour", json!("blue")),
        ("api_key", json!("hunter2")),
        ("proxy", json!("gopher://me:hunter2@proxy")),
        ("idle_threshold_s", json!(40)),
    ]);
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(value(&settings, "idle_threshold_s"), json!(40));
    assert_eq!(value(&settings, "batch.max_events"), json!(5));
    assert_eq!(settings.origin("batch.max_events"), Origin::Environment("DEVPULSE_BATCH_MAX_SIZE"));
    let part = "the administrator's policy is refused in part";
    let place = "in the administrator's policy line";
    let allowed = TABLE.iter().find(|one| one.name == "proxy").unwrap().allowed();
    assert_eq!(
        warnings(&settings),
        [
            format!("{part}: colour in line 2 is no setting"),
            format!("{part}: api_key in line 3 is not for everybody on this computer to share"),
            format!(
                "{part}: batch.max_events {place} 1 is 0, allowed is a whole number from 1 to 1000"
            ),
            format!("{part}: proxy {place} 4 is (not shown), allowed is {allowed}"),
        ]
    );
}

#[test]
fn a_registry_value_is_read_as_a_flag_is() {
    let text = |name: &str, text: &str| ManagedValue {
        name: name.to_owned(),
        given: Given::Text(text.to_owned()),
        line: None,
    };
    let values = vec![
        text("app.quit_allowed", "0"),
        text("screenshot.interval_s", "300"),
        text("window.title_policy", "app_only"),
        text("idle_threshold_s", "soon"),
    ];
    let sources = Sources { managed: Managed { values, fault: None }, ..none() };
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(value(&settings, "app.quit_allowed"), json!(false));
    assert_eq!(value(&settings, "screenshot.interval_s"), json!(300));
    assert_eq!(value(&settings, "window.title_policy"), json!("app_only"));
    assert_eq!(settings.origin("idle_threshold_s"), Origin::Default);
    assert_eq!(settings.warnings().len(), 1);
}

#[test]
fn what_the_administrator_permits_for_plain_http_is_what_holds_for_every_address() {
    let mut sources = environment(&[
        ("DEVPULSE_ALLOW_HTTP", "1"),
        ("DEVPULSE_SERVER_URL", "http://10.0.0.1:8080"),
    ]);
    sources.managed = managed(&[("allow_http", json!(false))]);
    assert!(refusal(&sources).0.starts_with("DEVPULSE_SERVER_URL is "));
    let mut sources = none();
    sources.managed =
        managed(&[("server_url", json!("http://10.0.0.1")), ("allow_http", json!(true))]);
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(value(&settings, "server_url"), json!("http://10.0.0.1"));
    assert!(warnings(&settings).is_empty());
}

#[test]
fn a_changed_policy_of_the_administrator_applies_and_its_end_restores_what_was() {
    let mut sources = environment(&[("DEVPULSE_IDLE_THRESHOLD", "99")]);
    sources.server = server(&json!({"pause": {"allowed": true}}));
    let before = Settings::load(&sources).unwrap();
    let policy = [("idle_threshold_s", json!(40)), ("pause.allowed", json!(false))];
    let managed = before.with_managed(managed(&policy)).unwrap();
    assert_eq!(managed.config().idle_threshold, Duration::from_secs(40));
    assert!(!managed.config().pause.allowed);
    let after = managed.with_managed(Managed::default()).unwrap();
    assert_eq!(after.config().idle_threshold, Duration::from_secs(99));
    assert!(after.config().pause.allowed);
    assert_eq!(after.origin("pause.allowed"), Origin::Server);
}

#[test]
fn dot_env_does_not_divert_a_computer_whose_server_is_managed() {
    let mut sources = dot_env("DEVPULSE_PROXY=http://evil.example\n");
    sources.managed = managed(&[("server_url", json!("https://a.example"))]);
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(settings.origin("proxy"), Origin::Default);
    assert!(warnings(&settings)[0].contains("the administrator has decided"));
}
