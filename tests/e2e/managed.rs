//! The administrator's policy: above everything, live, and never believed of anybody else.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};
use crate::etc::Etc;

/// The agent in its namespace; killed when dropped.
struct Running(Child);

impl Running {
    fn start(etc: &Etc, device: &Device) -> Self {
        let child = etc.client(device, &["run"]).stderr(Stdio::inherit()).spawn().unwrap();
        let running = Self(child);
        wait("the agent answers", || {
            device.status()["agent"]["running"].as_bool().filter(|&runs| runs)
        });
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn shown(etc: &Etc, device: &Device) -> (Vec<Value>, String) {
    let finished = etc.run(device, &["config", "show", "--json"]).expect_exit(0);
    (serde_json::from_str(&finished.stdout).unwrap(), finished.stderr)
}

fn row<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    rows.iter().find(|row| row["name"] == name).unwrap()
}

#[test]
fn managed_settings_win_are_shown_and_a_variable_that_loses_is_told_in_one_line() {
    let Some(etc) = Etc::new() else { return };
    etc.policy("idle_threshold_s = 77\n[pause]\nallowed = false\n[batch]\nmax_events = 0\n");
    let device = Device::new().with("DEVPULSE_IDLE_THRESHOLD", "9");
    let (rows, warnings) = shown(&etc, &device);
    let managed = json!({
        "name": "idle_threshold_s", "value": 77, "origin": "managed", "variable": null,
    });
    assert_eq!(row(&rows, "idle_threshold_s"), &managed);
    assert_eq!(row(&rows, "batch.max_events")["origin"], "default");
    assert_eq!(
        warnings.lines().collect::<Vec<_>>(),
        [
            "warning: the administrator's policy is refused in part: batch.max_events in the \
             administrator's policy line 5 is 0, allowed is a whole number from 1 to 1000",
            "warning: DEVPULSE_IDLE_THRESHOLD is ignored, because the administrator of this \
             computer has set idle_threshold_s",
        ]
    );
    let plain = etc.run(&device, &["config", "show"]).expect_exit(0).stdout;
    assert!(plain.contains("idle_threshold_s = 77  (managed)\n"), "{plain}");
    let doctor = etc.run(&device, &["doctor"]).stdout;
    assert!(doctor.contains("the administrator's policy is refused in part"), "{doctor}");
}

#[test]
fn a_policy_of_somebody_else_is_ignored_with_a_reason() {
    let Some(etc) = Etc::new() else { return };
    let path = etc.policy("idle_threshold_s = 77\n");
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    let (rows, warnings) = shown(&etc, &Device::new());
    assert_eq!(row(&rows, "idle_threshold_s")["origin"], "default");
    assert_eq!(
        warnings.trim_end(),
        "warning: the administrator's policy is ignored: /etc/devpulse/policy.toml does not \
         belong to root; as root: chown root:root /etc/devpulse/policy.toml"
    );
    let path = etc.policy("idle_threshold_s = = 77\n");
    let (_, warnings) = shown(&etc, &Device::new());
    assert!(warnings.contains("/etc/devpulse/policy.toml line 1: it is not TOML"), "{warnings}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
    let (_, warnings) = shown(&etc, &Device::new());
    assert!(warnings.contains("can be written by others than root"), "{warnings}");
}

#[test]
fn a_policy_that_appears_changes_and_goes_while_the_agent_runs_is_in_force_at_once() {
    let Some(etc) = Etc::new() else { return };
    let server = TestServer::start();
    server.set_config(json!({
        "heartbeat_interval_s": 3600, "config_poll_s": 86400, "batch": {"max_interval_ms": 100},
    }));
    let device = Device::enrolled(&server);
    std::fs::remove_dir(etc.folder()).unwrap();
    let _agent = Running::start(&etc, &device);
    let paused = device.run(&["pause", "--minutes", "1"]).expect_exit(0);
    assert!(paused.stdout.contains("paused"), "{paused:?}");
    device.run(&["resume"]).expect_exit(0);

    std::fs::create_dir(etc.folder()).unwrap();
    std::fs::set_permissions(etc.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    etc.policy("heartbeat_interval_s = 1\n[pause]\nallowed = false\n");
    let overrides = json!({"heartbeat_interval_s": "managed", "pause.allowed": "managed"});
    server.wait_for("a heartbeat that names the policy", |event| event["overrides"] == overrides);
    let (cause, _) = device.run(&["pause"]).expect_exit(1).cause_and_hint();
    assert!(cause.contains("policy"), "{cause}");

    etc.policy("heartbeat_interval_s = 1\n");
    let overrides = json!({"heartbeat_interval_s": "managed"});
    server.wait_for("a heartbeat of the changed policy", |event| event["overrides"] == overrides);
    device.run(&["pause", "--minutes", "1"]).expect_exit(0);
    device.run(&["resume"]).expect_exit(0);

    let log = || {
        let logs = std::fs::read_dir(device.home().join("logs")).unwrap();
        logs.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect::<String>()
    };
    let pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    etc.policy(&format!("heartbeat_interval_s = 1\nserver_pin = \"{pin}\"\n"));
    wait("what awaits the next start is named", || {
        let told = "it takes effect when the agent starts again setting=\"server_pin\"";
        log().contains(told).then_some(())
    });
    device.run(&["emit", "test"]).expect_exit(0);
    device.run(&["sync"]).expect_exit(0);

    std::fs::remove_file(etc.folder().join("policy.toml")).unwrap();
    wait("the end of the policy is in force", || {
        (log().matches("the administrator's policy has changed").count() >= 4).then_some(())
    });
}
