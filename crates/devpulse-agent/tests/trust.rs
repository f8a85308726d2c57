//! Who may say which keys the server has.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use devpulse_agent::credentials::DeviceIdentity;
use devpulse_agent::home::Home;
use devpulse_agent::managed::{Given, Managed, ManagedValue};
use devpulse_agent::origin::{PlainHttp, ServerUrl};
use devpulse_agent::pin::{KeyPin, KeyPins};
use devpulse_agent::preset::Preset;
use devpulse_agent::settings::{Origin, Settings, Sources};
use devpulse_protocol::{DeviceId, ServerConfig, Username};
use serde_json::{Value, json};

const NAME: &str = "server_pin";

fn pin(key: &str) -> String {
    KeyPin::of(key.as_bytes()).to_string()
}

fn none() -> Sources {
    Sources::none(Home::at("/home/ada/.devpulse"))
}

fn address(text: &str) -> ServerUrl {
    ServerUrl::parse(text, PlainHttp::LoopbackOnly).unwrap()
}

fn enrolled_at(server: &str, sources: Sources) -> Sources {
    let identity = DeviceIdentity {
        server_url: address(server),
        device_id: DeviceId::new("dev-1"),
        user_id: None,
        username: Username::new("grace"),
        issued_at: None,
        expires_at: None,
    };
    Sources { has_credentials: true, identity: Some(identity), ..sources }
}

fn preset() -> Preset {
    Preset {
        server_url: address("https://a.example"),
        enrollment_secret_file: None,
        server_pins: KeyPins::parse(&json!(pin("preset"))).unwrap(),
    }
}

#[track_caller]
fn expect(sources: &Sources, key: Option<&str>, origin: Origin) {
    let settings = Settings::load(sources).unwrap();
    let row = settings.rows().into_iter().find(|row| row.name == NAME).unwrap();
    let value = key.map_or(Value::Null, |key| json!([pin(key)]));
    assert_eq!((row.value, row.origin), (value, origin));
}

#[test]
fn a_pin_comes_from_this_device_and_not_from_the_server() {
    let mut sources = none();
    expect(&sources, None, Origin::Default);
    let config = json!({"server_pin": pin("server"), "config_poll_s": 7});
    sources.server = ServerConfig::from_value(&config).unwrap();
    expect(&sources, None, Origin::Default);
    sources.config_toml = Some(format!("server_pin = [\"{}\"]", pin("toml")));
    expect(&sources, Some("toml"), Origin::ConfigToml);
    sources.environment.insert("DEVPULSE_SERVER_PIN".to_owned(), pin("environment"));
    expect(&sources, Some("environment"), Origin::Environment("DEVPULSE_SERVER_PIN"));
    let given = Given::Typed(json!(pin("policy")));
    let value = ManagedValue { name: NAME.to_owned(), given, line: Some(1) };
    sources.managed = Managed { values: vec![value], fault: None };
    expect(&sources, Some("policy"), Origin::Managed);
}

#[test]
fn a_pin_that_is_none_is_refused_with_what_is_allowed() {
    let text = "server_pin = \"sha256/AAAA\"".to_owned();
    let sources = Sources { config_toml: Some(text), ..none() };
    let refused = Settings::load(&sources).unwrap_err().to_string();
    assert!(refused.contains("config.toml line 1") && refused.contains("SHA-256"), "{refused}");
}

#[test]
fn a_hostile_folder_cannot_change_whom_an_enrolled_device_trusts() {
    let text = format!(
        "DEVPULSE_SERVER_PIN={}\nDEVPULSE_CLIENT_CERT=a\nDEVPULSE_CLIENT_KEY=b\n\
         DEVPULSE_NO_PROXY=*\n",
        pin("folder")
    );
    let sources = Sources { dot_env: Some(text), ..none() };
    expect(&sources, Some("folder"), Origin::DotEnv);
    let sources = enrolled_at("https://a.example", sources);
    expect(&sources, None, Origin::Default);
    assert_eq!(Settings::load(&sources).unwrap().warnings().len(), 4);
}

#[test]
fn the_pins_of_a_preset_stand_above_the_persons_at_its_server_only() {
    let mut sources = Sources { preset: Some(preset()), ..none() };
    sources.environment.insert("DEVPULSE_SERVER_PIN".to_owned(), pin("environment"));
    expect(&sources, Some("preset"), Origin::Preset);
    let there = enrolled_at("https://a.example", sources.clone());
    expect(&there, Some("preset"), Origin::Preset);
    let elsewhere = enrolled_at("https://b.example", sources);
    expect(&elsewhere, Some("environment"), Origin::Environment("DEVPULSE_SERVER_PIN"));
}
