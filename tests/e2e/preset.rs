//! The administrator's preset.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::agent::{Device, TestServer};
use crate::etc::Etc;

fn preset(server: &TestServer, secret: Option<&Path>) -> String {
    let secret = secret.map(|path| format!("enrollment_secret_file = '{}'\n", path.display()));
    format!("server_url = '{}'\n{}", server.url(), secret.unwrap_or_default())
}

#[test]
fn a_preset_enrolls_at_its_server_with_its_secret_which_is_then_gone() {
    let Some(etc) = Etc::new() else { return };
    let (server, device) = (TestServer::start(), Device::new());
    let secret = device.directory().join("secret");
    std::fs::write(&secret, format!("{}\n", server.secret())).unwrap();
    etc.preset(&preset(&server, Some(&secret)));
    let shown = etc.run(&device, &["config", "show"]).expect_exit(0).stdout;
    let line = shown.lines().find(|line| line.starts_with("server_url")).unwrap();
    assert!(line.contains(&server.url()) && line.contains("preset"), "{line}");
    let enrolled = etc.run(&device, &["enroll", "--username", "ada"]).expect_exit(0);
    assert_eq!(enrolled.stderr, "");
    assert!(!secret.exists(), "the secret is still there");
    assert_eq!(device.status()["server_url"], server.url());
}

#[test]
fn a_secret_that_cannot_be_deleted_is_told_and_never_shown() {
    let Some(etc) = Etc::new() else { return };
    let (server, device) = (TestServer::start(), Device::new());
    let secret = device.directory().join("secret");
    let text = server.secret();
    std::fs::write(&secret, &text).unwrap();
    etc.preset(&preset(&server, Some(&secret)));
    let immutable = Command::new("chattr").arg("+i").arg(&secret).status();
    if !immutable.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no file can be kept from root here");
        return;
    }
    let enrolled = etc.run(&device, &["enroll", "--username", "ada"]);
    assert!(Command::new("chattr").arg("-i").arg(&secret).status().unwrap().success());
    assert_eq!(enrolled.code, Some(0), "{}", enrolled.stderr);
    assert!(enrolled.stderr.contains("is not deleted"), "{}", enrolled.stderr);
    assert!(!enrolled.stderr.contains(&text) && !enrolled.stdout.contains(&text));
}

#[test]
fn no_flag_and_no_variable_leads_past_the_preset() {
    let Some(etc) = Etc::new() else { return };
    let (server, other) = (TestServer::start(), TestServer::start());
    etc.preset(&preset(&server, None));
    let (url, secret) = (other.url(), other.secret());
    let flags = ["enroll", "--username", "ada", "--enrollment-secret", &secret];
    let by_flag = [&flags[..], &["--server", &url]].concat();
    let (cause, hint) = etc.run(&Device::new(), &by_flag).expect_exit(1).cause_and_hint();
    assert_eq!(
        cause,
        format!(
            "{url} (set by flag) is another server than {}, where the administrator of this \
             computer wants it to be enrolled",
            server.url()
        )
    );
    assert_eq!(hint, "leave out --server, or ask your administrator");
    let device = Device::new().with("DEVPULSE_SERVER_URL", &url);
    let (cause, _) = etc.run(&device, &flags).expect_exit(1).cause_and_hint();
    assert!(cause.contains("set by environment (DEVPULSE_SERVER_URL)"), "{cause}");
    let device = Device::new();
    std::fs::write(device.directory().join(".env"), format!("DEVPULSE_SERVER_URL={url}\n"))
        .unwrap();
    let secret = server.secret();
    let flags = ["enroll", "--username", "ada", "--enrollment-secret", &secret];
    let enrolled = etc.run(&device, &flags).expect_exit(0);
    assert!(enrolled.stderr.contains("the administrator has decided"), "{}", enrolled.stderr);
    assert_eq!(device.status()["server_url"], server.url());
}

#[test]
fn a_preset_that_others_could_have_written_is_ignored_with_a_reason() {
    let Some(etc) = Etc::new() else { return };
    let server = TestServer::start();
    let path = etc.preset(&preset(&server, None));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let device = Device::new();
    let shown = etc.run(&device, &["config", "show"]).expect_exit(0);
    let warning = "warning: the administrator's preset is ignored: /etc/devpulse/preset.toml can be \
                   written by others than root; as root: chmod go-w /etc/devpulse/preset.toml";
    assert_eq!(shown.stderr.trim_end(), warning);
    assert!(!shown.stdout.contains(&server.url()));
    etc.preset(&format!("{}username = 'ada'\n", preset(&server, None)));
    let shown = etc.run(&device, &["config", "show"]).expect_exit(0);
    assert!(shown.stderr.contains("unknown field `username`"), "{}", shown.stderr);
    let refused = etc.run(&device, &["enroll", "--username", "ada"]).expect_exit(2);
    assert!(refused.stderr.contains("no enrollment secret is given"), "{}", refused.stderr);
}
