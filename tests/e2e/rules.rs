//! What rules hide is nowhere: not on the wire, in the database, the logs, a screenshot.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};
use crate::desktop::{Desktop, look};
use crate::keychain::files_that_hold;

const HIDDEN: [u8; 3] = [0xfe, 0x01, 0xfd];
const SHOWN: [u8; 3] = [0x02, 0xfc, 0x04];

/// A window of one colour at a place of its own; closed when dropped.
struct Coloured(Child);

impl Coloured {
    fn open(desktop: &Desktop, class: &str, title: &str, colour: [u8; 3], place: &str) -> Self {
        let colour = colour.map(|part| format!("{part:02x}")).concat();
        let mut command = Command::new("xterm");
        command
            .args(["-class", class, "-T", title, "-geometry", place, "-bg"])
            .arg(format!("#{colour}"))
            .args(["-e", "sleep", "600"])
            .env("DISPLAY", &desktop.display)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let window = Self(command.spawn().unwrap());
        let ask = |arguments: &[&str]| {
            let mut command = Command::new("xdotool");
            let output = command.args(arguments).env("DISPLAY", &desktop.display).output().unwrap();
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        let id = wait("the window is there", || {
            let found = ask(&["search", "--name", &format!("^{title}$")]);
            found.lines().next().map(ToOwned::to_owned)
        });
        ask(&["windowactivate", "--sync", &id]);
        window
    }
}

impl Drop for Coloured {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn config() -> Value {
    json!({
        "heartbeat_interval_s": 1,
        "batch": {"max_interval_ms": 100},
        "screenshot": {"interval_s": 1, "jitter": 0.0, "format": "png"},
        "window": {"rules": [
            {"app": "^Vault$", "title": null, "action": "drop"},
            {"app": null, "title": "account (\\w+)", "action": "redact"},
        ]},
    })
}

/// How many pixels of a colour a PNG has.
fn pixels(png: &[u8], colour: [u8; 3]) -> usize {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut image = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut image).unwrap();
    let size = info.color_type.samples();
    image.chunks_exact(size).filter(|pixel| pixel[..3] == colour).count()
}

#[test]
fn a_title_that_a_rule_forbids_is_nowhere() {
    let Some(desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    server.set_config(config());
    let device =
        Device::enrolled(&server).with("DISPLAY", &desktop.display).with("DEVPULSE_LOG", "trace");
    let agent = device.start_agent();
    wait("focus is watched", || {
        (device.status()["capture"]["focus"]["state"] == "ok").then_some(())
    });
    let private = "canaryprivate — Mozilla Firefox Private Browsing";
    let open = |class, title, colour, place| {
        let window = Coloured::open(&desktop, class, title, colour, place);
        look();
        window
    };
    let windows = [
        open("Vault", "canarydropped", HIDDEN, "30x8+20+20"),
        open("firefox", private, HIDDEN, "30x8+320+20"),
        open("KeePassXC", "canarypassword", HIDDEN, "30x8+620+20"),
        open("Bank", "account canarynumber", HIDDEN, "30x8+920+20"),
        open("Editor", "chapter one", SHOWN, "30x8+20+400"),
    ];
    let titles = |event: &Value| event["window_title"].as_str().map(ToOwned::to_owned);
    let bank = server.wait_for("the bank", |event| event["app_name"] == "Bank");
    assert_eq!(titles(&bank).as_deref(), Some("account █"));
    let manager = server.wait_for("the manager", |event| event["app_name"] == "KeePassXC");
    assert_eq!(manager["window_title"], Value::Null);
    let beat = server.wait_for("what was withheld is counted", |event| {
        event["event_type"] == "heartbeat" && event["withheld"].as_u64() >= Some(2)
    });
    assert_eq!(beat["withheld"], device.status()["withheld"]);
    wait("the editor is on an image", || {
        server.images().iter().any(|image| pixels(image, SHOWN) > 1000).then_some(())
    });
    drop(windows);
    agent.signal("-TERM");
    device.run(&["sync"]).expect_exit(0);

    for image in server.images() {
        assert_eq!(pixels(&image, HIDDEN), 0, "a hidden window is on an image");
    }
    let events = server.events();
    assert!(events.iter().any(|event| titles(event).as_deref() == Some("chapter one")));
    for canary in ["canarydropped", "canaryprivate", "canarypassword", "canarynumber"] {
        assert!(!events.iter().any(|event| event.to_string().contains(canary)), "{canary}");
        assert_eq!(files_that_hold(device.directory(), canary.as_bytes()), Vec::<String>::new());
    }
    for app in ["Vault", "firefox"] {
        assert!(!events.iter().any(|event| event["app_name"] == app), "{app} was described");
    }
}

#[test]
fn the_windows_that_are_open_are_told_with_what_the_rules_make_of_them() {
    let Some(desktop) = Desktop::start() else { return };
    let device = Device::new().with("DISPLAY", &desktop.display);
    std::fs::create_dir(device.home()).unwrap();
    let own = "[[window.rules]]\napp = \"^Vault$\"\naction = \"drop\"\n";
    std::fs::write(device.home().join("config.toml"), own).unwrap();
    let _windows = [
        Coloured::open(&desktop, "Vault", "plans", HIDDEN, "30x8+20+20"),
        Coloured::open(&desktop, "KeePassXC", "accounts", HIDDEN, "30x8+320+20"),
        Coloured::open(&desktop, "Editor", "chapter one", SHOWN, "30x8+20+400"),
    ];
    let parts = [
        "Vault: plans\n    not reported (rule 1 of window.rules)\n",
        "KeePassXC: accounts\n    only the application is reported (built-in rule password-manager)\n",
        "Editor: chapter one\n    reported in full (no rule matches)\n",
    ];
    // A window exists before it is shown.
    wait("all three windows are told of", || {
        let told = device.run(&["rules", "test"]).expect_exit(0).stdout;
        parts.iter().all(|part| told.contains(part)).then_some(())
    });
}

#[test]
fn a_window_can_be_described_without_any_desktop() {
    let device = Device::new();
    let (cause, hint) = device.run(&["rules", "test"]).expect_exit(1).cause_and_hint();
    assert!(cause.contains("DISPLAY is not set"), "{cause}");
    assert!(hint.contains("--app"), "{hint}");
    let private = "Jobs\u{1b}[2J — Mozilla Firefox Private Browsing";
    let arguments = ["rules", "test", "--app", "firefox", "--title", private];
    let told = device.run(&arguments).expect_exit(0).stdout;
    assert_eq!(
        told,
        "firefox: Jobs\\u{1b}[2J — Mozilla Firefox Private Browsing\n    \
         not reported (built-in rule private-firefox)\n"
    );
    std::fs::create_dir(device.home()).unwrap();
    std::fs::write(device.home().join("config.toml"), "[window]\nbuiltin_rules = false\n").unwrap();
    let told = device.run(&arguments).expect_exit(0).stdout;
    assert!(told.contains("reported in full (no rule matches)"), "{told}");
}
