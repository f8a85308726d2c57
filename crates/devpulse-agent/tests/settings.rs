//! What holds on a device: precedence, refusals, and the table in `docs/settings.md`.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use devpulse_agent::credentials::DeviceIdentity;
use devpulse_agent::home::Home;
use devpulse_agent::origin::{PlainHttp, ServerUrl};
use devpulse_agent::settings::{
    DotEnv, Flag, Origin, Settings, SettingsError, Sources, TABLE, Unit,
};
use devpulse_protocol::{DeviceId, Key, ServerConfig, Username};
use serde_json::{Value, json};

#[path = "settings/managed.rs"]
mod managed;

fn none() -> Sources {
    Sources {
        working_directory: PathBuf::from("/srv"),
        user_directory: Some(PathBuf::from("/home/ada")),
        login_name: Some("ada".to_owned()),
        ..Sources::none(Home::at("/home/ada/.devpulse"))
    }
}

fn environment(pairs: &[(&str, &str)]) -> Sources {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources { environment: pairs.collect(), ..none() }
}

fn dot_env(text: &str) -> Sources {
    Sources { dot_env: Some(text.to_owned()), ..none() }
}

fn config_toml(text: &str) -> Sources {
    Sources { config_toml: Some(text.to_owned()), ..none() }
}

fn flag(flag: &'static str, setting: &'static str, value: &str) -> Sources {
    Sources { flags: vec![Flag { flag, setting, value: value.to_owned() }], ..none() }
}

fn server(config: &Value) -> ServerConfig {
    ServerConfig::from_value(config).unwrap()
}

fn enrolled(sources: Sources) -> Sources {
    let identity = DeviceIdentity {
        server_url: ServerUrl::parse("https://a.example", PlainHttp::LoopbackOnly).unwrap(),
        device_id: DeviceId::new("dev-1"),
        user_id: None,
        username: Username::new("grace"),
        issued_at: None,
        expires_at: None,
    };
    Sources { has_credentials: true, identity: Some(identity), ..sources }
}

fn value(settings: &Settings, name: &str) -> Value {
    settings.rows().into_iter().find(|row| row.name == name).unwrap().value
}

fn refusal(sources: &Sources) -> (String, Option<String>) {
    let error: SettingsError = Settings::load(sources).unwrap_err();
    (error.to_string(), error.hint())
}

#[test]
fn a_higher_source_overrides_a_lower_one() {
    let name = "heartbeat_interval_s";
    let mut sources = none();
    let mut expect = |change: fn(&mut Sources), seconds: u64, origin: Origin, shown: &str| {
        change(&mut sources);
        let settings = Settings::load(&sources).unwrap();
        assert_eq!(settings.config().heartbeat_interval, Duration::from_secs(seconds));
        assert_eq!(value(&settings, name), json!(seconds));
        assert_eq!(settings.origin(name), origin);
        assert_eq!(origin.to_string(), shown);
    };
    expect(|_| {}, 60, Origin::Default, "default");
    expect(
        |s| s.server = server(&json!({"heartbeat_interval_s": 10})),
        10,
        Origin::Server,
        "server",
    );
    expect(
        |s| s.config_toml = Some("heartbeat_interval_s = 20".to_owned()),
        20,
        Origin::ConfigToml,
        "config.toml",
    );
    expect(
        |s| s.dot_env = Some("DEVPULSE_HEARTBEAT_INTERVAL=30".to_owned()),
        30,
        Origin::DotEnv,
        ".env",
    );
    expect(
        |s| {
            s.environment.insert("DEVPULSE_HEARTBEAT_INTERVAL".to_owned(), "40".to_owned());
        },
        40,
        Origin::Environment("DEVPULSE_HEARTBEAT_INTERVAL"),
        "environment (DEVPULSE_HEARTBEAT_INTERVAL)",
    );
    expect(
        |s| {
            let value = "50".to_owned();
            s.flags.push(Flag { flag: "--heartbeat", setting: "heartbeat_interval_s", value });
        },
        50,
        Origin::Flag,
        "flag",
    );
}

const PIN: &str = "sha256/kYcFzfTMOSbIwIsSTJ5JRJGCmzNPKDoJwXGbbnCkiQs=";

#[test]
fn every_variable_reaches_its_setting() {
    let samples = [
        ("DEVPULSE_SERVER_URL", "https://a.example/", json!("https://a.example")),
        ("DEVPULSE_USERNAME", "ada", json!("ada")),
        ("DEVPULSE_CLIENT_ID", "dev-1", json!("dev-1")),
        ("DEVPULSE_API_KEY", "hunter2", json!("(set)")),
        ("DEVPULSE_HEARTBEAT_INTERVAL", "30", json!(30)),
        ("DEVPULSE_SCREENSHOT_INTERVAL", "0", json!(0)),
        ("DEVPULSE_IDLE_THRESHOLD", "120", json!(120)),
        ("DEVPULSE_BATCH_MAX_SIZE", "50", json!(50)),
        ("DEVPULSE_BATCH_MAX_AGE", "2.5", json!(2500)),
        ("DEVPULSE_WAL_DB_PATH", "/fast/wal.db", json!("/fast/wal.db")),
        ("DEVPULSE_SCREENSHOT_DIR", "images", json!("/srv/images")),
        ("DEVPULSE_HOME", "/home/ada/.devpulse", json!("/home/ada/.devpulse")),
        ("DEVPULSE_SECRET_STORE", "keyring", json!("keyring")),
        ("DEVPULSE_CA_CERT", "~/ca.pem", json!("/home/ada/ca.pem")),
        ("DEVPULSE_SERVER_PIN", PIN, json!([PIN])),
        ("DEVPULSE_CLIENT_CERT", "me.pem", json!("/srv/me.pem")),
        ("DEVPULSE_CLIENT_KEY", "~/me.key", json!("/home/ada/me.key")),
        ("DEVPULSE_ALLOW_HTTP", "1", json!(true)),
        ("DEVPULSE_PROXY", "http://me:pw@proxy:3128", json!("http://me:***@proxy:3128")),
        ("DEVPULSE_NO_PROXY", "a.example,10.0.0.0/8", json!("a.example,10.0.0.0/8")),
        ("DEVPULSE_LOG", "debug", json!("debug")),
    ];
    let documented: BTreeSet<_> =
        TABLE.iter().filter_map(|one| one.variable).map(|variable| variable.name).collect();
    assert_eq!(documented, samples.iter().map(|(name, ..)| *name).collect());
    for (name, text, expected) in samples {
        let setting = TABLE.iter().find(|s| s.variable.is_some_and(|v| v.name == name)).unwrap();
        let settings = Settings::load(&environment(&[(name, text)])).unwrap();
        assert_eq!(value(&settings, setting.name), expected, "{name}");
        assert_eq!(settings.origin(setting.name), Origin::Environment(name));
        let emptied = Settings::load(&environment(&[(name, "")])).unwrap();
        assert_eq!(emptied.origin(setting.name), Origin::Default, "{name} is empty");
    }
}

#[test]
fn the_table_holds_every_policy_setting_once() {
    let names: BTreeSet<_> = TABLE.iter().map(|setting| setting.name).collect();
    assert_eq!(names.len(), TABLE.len());
    assert!(Key::ALL.iter().all(|key| names.contains(key.name())));
    let rows = Settings::load(&none()).unwrap().rows();
    assert_eq!(rows.len(), TABLE.len());
    assert!(rows.iter().all(|row| row.origin == Origin::Default));
}

#[test]
fn an_invalid_value_is_named_with_its_place_and_what_is_allowed() {
    let whole = "a whole number from 1 to 86400";
    for (sources, message) in [
        (
            environment(&[("DEVPULSE_HEARTBEAT_INTERVAL", "soon")]),
            format!("DEVPULSE_HEARTBEAT_INTERVAL is \"soon\", allowed is {whole}"),
        ),
        (
            environment(&[("DEVPULSE_IDLE_THRESHOLD", "0")]),
            format!("DEVPULSE_IDLE_THRESHOLD is 0, allowed is {whole}"),
        ),
        (
            environment(&[("DEVPULSE_IDLE_THRESHOLD", "1.5")]),
            format!("DEVPULSE_IDLE_THRESHOLD is \"1.5\", allowed is {whole}"),
        ),
        (
            environment(&[("DEVPULSE_SCREENSHOT_INTERVAL", "-1")]),
            "DEVPULSE_SCREENSHOT_INTERVAL is -1, allowed is 0 (off) or a whole number from 1 to \
             86400"
                .to_owned(),
        ),
        (
            environment(&[("DEVPULSE_BATCH_MAX_AGE", "0.01")]),
            "DEVPULSE_BATCH_MAX_AGE is 0.01, allowed is a number of seconds from 0.1 to 3600"
                .to_owned(),
        ),
        (
            environment(&[("DEVPULSE_BATCH_MAX_AGE", "NaN")]),
            "DEVPULSE_BATCH_MAX_AGE is \"NaN\", allowed is a number of seconds from 0.1 to 3600"
                .to_owned(),
        ),
        (
            environment(&[("DEVPULSE_ALLOW_HTTP", "perhaps")]),
            "DEVPULSE_ALLOW_HTTP is \"perhaps\", allowed is true or false".to_owned(),
        ),
        (
            environment(&[("DEVPULSE_SECRET_STORE", "cloud")]),
            "DEVPULSE_SECRET_STORE is \"cloud\", allowed is one of auto, keyring, file".to_owned(),
        ),
        (
            environment(&[("DEVPULSE_USERNAME", "ada\u{1b}[2J")]),
            "DEVPULSE_USERNAME is \"ada\\u001b[2J\", allowed is text of 1 to 1024 characters \
             without control characters"
                .to_owned(),
        ),
        (
            environment(&[("DEVPULSE_LOG", "inof")]),
            "DEVPULSE_LOG is \"inof\", allowed is one of off, error, warn, info, debug, trace, or \
             a list such as info,devpulse_agent=debug"
                .to_owned(),
        ),
        (
            dot_env("# mine\nDEVPULSE_BATCH_MAX_SIZE=5000\n"),
            "DEVPULSE_BATCH_MAX_SIZE in .env line 2 is 5000, allowed is a whole number from 1 to \
             1000"
                .to_owned(),
        ),
        (
            config_toml("[batch]\nmax_interval_ms = 50\n"),
            "batch.max_interval_ms in config.toml line 2 is 50, allowed is a whole number from \
             100 to 3600000"
                .to_owned(),
        ),
        (
            config_toml("[sender]\nreceipt = \"never\"\n"),
            "sender.receipt in config.toml line 2 is \"never\", allowed is one of receipt, status"
                .to_owned(),
        ),
        (
            flag("--server", "server_url", "devpulse.example"),
            "--server is \"devpulse.example\", allowed is a URL such as \
             https://devpulse.example.org"
                .to_owned(),
        ),
    ] {
        assert_eq!(refusal(&sources).0, message);
    }
}

#[test]
fn a_secret_is_never_shown() {
    for sources in [
        environment(&[("DEVPULSE_API_KEY", "hunter2\n")]),
        environment(&[("DEVPULSE_PROXY", "gopher://me:hunter2@proxy")]),
        flag("--server", "server_url", "https://me:hunter2@a.example"),
    ] {
        let (message, _) = refusal(&sources);
        assert!(message.contains(" is (not shown), allowed is "), "{message}");
        assert!(!format!("{:?}", Settings::load(&sources)).contains("hunter2"));
    }
    let settings = Settings::load(&environment(&[("DEVPULSE_API_KEY", "hunter2")])).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_long_value_is_cut_short() {
    let (message, _) = refusal(&environment(&[("DEVPULSE_LOG", &"x".repeat(5000))]));
    assert!(message.len() < 400, "{message}");
}

#[test]
fn an_invalid_value_is_refused_although_a_higher_source_overrides_it() {
    let mut sources = config_toml("heartbeat_interval_s = 0");
    sources.environment.insert("DEVPULSE_HEARTBEAT_INTERVAL".to_owned(), "30".to_owned());
    assert!(refusal(&sources).0.starts_with("heartbeat_interval_s in config.toml line 1 is 0"));
}

#[test]
fn a_broken_dot_env_is_refused_with_its_line() {
    assert_eq!(
        refusal(&dot_env("A=1\nnonsense here\n")),
        (
            ".env line 2 is not NAME=value".to_owned(),
            Some("values with spaces need quotes, and comments begin with #".to_owned())
        )
    );
}

#[test]
fn plain_http_to_another_machine_is_refused_with_the_way_out() {
    let far = ("DEVPULSE_SERVER_URL", "http://10.0.0.1:8080");
    assert_eq!(
        refusal(&environment(&[far])),
        (
            "DEVPULSE_SERVER_URL is \"http://10.0.0.1:8080\", allowed is https, or http to this \
             machine only"
                .to_owned(),
            Some(
                "use https; or, where everybody in the network is trusted, set \
                 DEVPULSE_ALLOW_HTTP=1"
                    .to_owned()
            )
        )
    );
    let mut sources = config_toml("server_url = \"http://10.0.0.1:8080\"");
    sources.environment.insert("DEVPULSE_ALLOW_HTTP".to_owned(), "1".to_owned());
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(settings.local().plain_http, PlainHttp::Anywhere);
    assert_eq!(value(&settings, "server_url"), json!("http://10.0.0.1:8080"));
}

#[test]
fn once_enrolled_dot_env_does_not_divert_the_device() {
    let hostile = "DEVPULSE_SERVER_URL=http://evil.example\nDEVPULSE_CA_CERT=/evil.pem\n\
                   DEVPULSE_PROXY=http://evil.example\nDEVPULSE_ALLOW_HTTP=1\n\
                   DEVPULSE_API_KEY=k\nDEVPULSE_CLIENT_ID=c\nDEVPULSE_HOME=/evil\n\
                   DEVPULSE_HEARTBEAT_INTERVAL=30\n";
    let settings = Settings::load(&enrolled(dot_env(hostile))).unwrap();
    assert_eq!(value(&settings, "server_url"), json!("https://a.example"));
    for (line, name) in
        ["server_url", "ca_cert", "proxy", "allow_http", "api_key", "client_id", "home"]
            .into_iter()
            .enumerate()
    {
        assert_eq!(settings.origin(name), Origin::Default, "{name}");
        let warning = settings.warnings()[line].to_string();
        let begin = format!(".env line {}: DEVPULSE_", line + 1);
        assert!(warning.starts_with(&begin), "{warning}");
        assert!(warning.ends_with(" is ignored, because this device is enrolled"), "{warning}");
    }
    assert_eq!(settings.origin("heartbeat_interval_s"), Origin::DotEnv);

    let friendly = dot_env("DEVPULSE_SERVER_URL=https://b.example\n");
    let before = Settings::load(&friendly).unwrap();
    assert_eq!(value(&before, "server_url"), json!("https://b.example"));
    assert!(before.warnings().is_empty());
}

#[test]
fn a_misspelt_variable_in_dot_env_is_warned_of() {
    let settings = Settings::load(&dot_env("PATH=/bin\nDEVPULSE_HARTBEAT=3\n")).unwrap();
    let warnings: Vec<_> = settings.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, [".env line 2: DEVPULSE_HARTBEAT is no setting of DevPulse"]);
}

#[test]
fn an_enrollment_gives_the_defaults_for_who_and_where() {
    let settings = Settings::load(&enrolled(none())).unwrap();
    assert_eq!(value(&settings, "server_url"), json!("https://a.example"));
    assert_eq!(value(&settings, "username"), json!("grace"));
    assert_eq!(value(&settings, "client_id"), json!("dev-1"));
    let before = Settings::load(&none()).unwrap();
    assert_eq!(value(&before, "server_url"), Value::Null);
    assert_eq!(value(&before, "username"), json!("ada"));
}

#[test]
fn a_path_is_relative_to_where_it_was_written() {
    let settings = Settings::load(&config_toml("wal_db_path = \"events.db\"")).unwrap();
    assert_eq!(settings.local().wal_db_path, Path::new("/home/ada/.devpulse/events.db"));
    assert_eq!(settings.local().screenshot_dir, Path::new("/home/ada/.devpulse/blobs"));
    let settings = Settings::load(&environment(&[("DEVPULSE_WAL_DB_PATH", "events.db")])).unwrap();
    assert_eq!(settings.local().wal_db_path, Path::new("/srv/events.db"));
}

#[test]
fn a_new_configuration_of_the_server_applies_below_what_is_set_here() {
    let settings = Settings::load(&environment(&[("DEVPULSE_IDLE_THRESHOLD", "99")])).unwrap();
    let live = settings.with_server_config(&server(&json!({
        "version": 4, "idle_threshold_s": 10, "window": {"enabled": false},
        "batch": {"max_events": 0}, "pause": {"allowed": true},
    })));
    assert_eq!(live.server_version(), Some(4));
    assert_eq!(live.config().idle_threshold, Duration::from_secs(99));
    assert!(!live.config().window.enabled);
    assert_eq!(live.origin("window.enabled"), Origin::Server);
    assert_eq!(live.config().batch.max_events, 100);
    let refused: Vec<_> = live.refused().iter().map(ToString::to_string).collect();
    assert_eq!(refused, ["batch.max_events is 0, allowed is a whole number from 1 to 1000"]);

    let later = live.with_server_config(&ServerConfig::default());
    assert!(later.config().window.enabled);
    assert_eq!(later.origin("window.enabled"), Origin::Default);
}

#[test]
fn overrides_are_what_differs_from_what_the_server_set() {
    let mut sources =
        config_toml("heartbeat_interval_s = 20\nidle_threshold_s = 7\nconfig_poll_s = 9\n");
    sources.environment.insert("DEVPULSE_BATCH_MAX_SIZE".to_owned(), "5".to_owned());
    sources.server = server(&json!({
        "heartbeat_interval_s": 60, "idle_threshold_s": 7, "batch": {"max_events": 50},
        "window": {"enabled": false},
    }));
    let overrides = Settings::load(&sources).unwrap().overrides();
    let expected = [
        ("batch.max_events", "environment (DEVPULSE_BATCH_MAX_SIZE)"),
        ("heartbeat_interval_s", "config.toml"),
    ];
    assert!(overrides.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected), "{overrides:?}");
}

/// Set this variable to write the table anew instead of checking it.
const WRITE: &str = "DEVPULSE_TEST_WRITE_DOCS";

#[test]
fn the_documented_table_is_the_one_in_the_code() {
    const BEGIN: &str = "<!-- settings: written by the test, do not edit -->\n";
    const END: &str = "<!-- end of settings -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    assert!(text == expected, "run this test with {WRITE}=1 to write docs/settings.md anew");
}

fn table() -> String {
    let mut home = none();
    home.home = Home::at("DEVPULSE_HOME");
    home.login_name = None;
    let defaults = Settings::load(&home).unwrap();
    let mut text = String::from(
        "\n| setting | variable | default | allowed | set by |\n|---|---|---|---|---|\n",
    );
    for setting in TABLE {
        let variable = setting.variable.map_or(String::new(), |v| format!("`{}`", v.name));
        let default = match value(&defaults, setting.name) {
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let by_variable = setting.variable.map(|variable| match (setting.dot_env, variable.unit) {
            (DotEnv::Always, _) => "environment, `.env`",
            (DotEnv::UntilEnrolled, _) => "environment, `.env` before enrollment",
        });
        let by_file = setting.config_toml.then_some("`config.toml`");
        let by_server = setting.server_may_set().then_some("server");
        let by_administrator = setting.may_be_managed().then_some("policy");
        let by: Vec<_> =
            [by_administrator, by_variable, by_file, by_server].into_iter().flatten().collect();
        let allowed = match setting.variable {
            Some(variable) if variable.unit == Unit::SecondsForMillis => format!(
                "{}; the variable: {}",
                setting.allowed(),
                setting.allowed_as_text(variable.unit)
            ),
            _ => setting.allowed(),
        };
        writeln!(
            text,
            "| `{}` | {variable} | {default} | {}<br>{allowed} | {} |",
            setting.name,
            setting.description,
            by.join(", ")
        )
        .unwrap();
    }
    text.push('\n');
    text
}
