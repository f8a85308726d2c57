//! The program: its lines, its exit codes, its commands beside a running server.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use crate::harness::{Device, client};

fn program(db: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devpulse-server"));
    command.arg("--db").arg(db).env("DEVPULSE_LOG", "warn");
    command
}

fn run(db: &Path, arguments: &[&str]) -> Output {
    program(db).args(arguments).output().unwrap()
}

#[track_caller]
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server process, ended when the test ends.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    fn serve(db: &Path, more: &[&str]) -> Self {
        let listen = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut child = program(db).args(listen).args(more).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn url(&mut self) -> String {
        let line = self.line();
        let url = line.strip_prefix("listening on ").unwrap();
        url.split_whitespace().next().unwrap().to_owned()
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn it_serves_says_where_and_ends_cleanly_on_either_signal() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("data.db");
        let mut process = Process::serve(&db, &["--token-ttl", "90"]);
        let (url, admin_url) = (process.url(), process.url());
        assert_ne!(url, admin_url);

        let secret = stdout(&run(&db, &["secret", "create", "--max-uses", "1"]));
        let device = Device::enroll_with(&url, "ada", secret.trim(), client()).await;
        assert_eq!(device.ask_token().await.json()["expires_in"], 90);
        let event = device.event(1, "");
        device.send(std::slice::from_ref(&event)).await.receipt();
        assert_eq!(stdout(&run(&db, &["events"])), format!("{event}\n"));
        assert_eq!(stdout(&run(&db, &["events", "--type", "window"])), "");
        assert!(stdout(&run(&db, &["secret", "list"])).contains("1/1"));
        assert!(stdout(&run(&db, &["device", "list"])).contains("ada@desk"));
        stdout(&run(&db, &["device", "revoke", &device.id]));
        device.ask_token().await.is_problem(403, "device_revoked");

        process.signal(signal);
        assert!(process.child.wait().unwrap().success());
        let mut rest = String::new();
        process.lines.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        assert!(!db.with_file_name("data.db-wal").exists(), "the database was closed");
        assert!(db.with_file_name("admin-token").exists());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn events_are_followed_as_they_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("data.db");
    let mut process = Process::serve(&db, &[]);
    let url = process.url();
    let secret = stdout(&run(&db, &["secret", "create"]));
    let device = Device::enroll_with(&url, "ada", secret.trim(), client()).await;
    let child = program(&db)
        .args(["events", "--follow", "--device", &device.id])
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let mut follower = Process { child, lines };
    for seq in 0..2 {
        let event = device.event(seq, "");
        device.send(std::slice::from_ref(&event)).await.receipt();
        assert_eq!(follower.line(), format!("{event}\n"));
    }
    follower.signal("INT");
    assert!(follower.child.wait().unwrap().success());
}

#[test]
fn the_configuration_is_read_from_a_file_and_printed() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("data.db");
    let file = directory.path().join("config.json");
    let file_name = file.to_str().unwrap();
    std::fs::write(&file, r#"{"idle_threshold_s": 60, "later": [1]}"#).unwrap();
    assert_eq!(stdout(&run(&db, &["config", "set", file_name])), "version 2\n");
    let printed: serde_json::Value =
        serde_json::from_str(&stdout(&run(&db, &["config", "get"]))).unwrap();
    assert_eq!(printed, serde_json::json!({"version": 2, "idle_threshold_s": 60, "later": [1]}));
    std::fs::write(&file, r#"{"idle_threshold_s": -1}"#).unwrap();
    let refused = run(&db, &["config", "set", file_name]);
    fails(&refused, 1, "idle_threshold_s is -1");
}

#[test]
fn failures_are_one_sentence_and_a_hint() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("data.db");
    fails(&run(&db, &["serve", "--listen", "0.0.0.0:0"]), 1, "can be reached from other machines");
    fails(&run(&db, &["events"]), 1, "there is no database");
    fails(&run(&db, &["config", "get"]), 1, "there is no database");
    stdout(&run(&db, &["secret", "create"]));
    fails(&run(&db, &["config", "get", "--device", "x"]), 1, "there is no device x");
    fails(&run(&db, &["secret", "delete", "7"]), 1, "there is no secret 7");
    let nowhere = directory.path().join("missing/data.db");
    fails(&run(&nowhere, &["secret", "create"]), 1, "cannot be used");
    assert_eq!(run(&db, &["serve", "--tls-cert", "x"]).status.code(), Some(2));
    assert_eq!(run(&db, &["events", "--type", "dream"]).status.code(), Some(2));
}

#[track_caller]
fn fails(output: &Output, code: i32, sentence: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("error: ") && lines[0].contains(sentence), "{text}");
    assert!(lines[1].starts_with("hint: "), "{text}");
}
