//! The examples of `docs/extending.md`, run as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::agent::{Device, TestServer};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/examples").join(name)
}

/// Runs a program that finds `devpulse-client` on its path, as a person's shell would.
fn run(device: &Device, program: &str, arguments: &[&str]) -> Output {
    let client = device.command(&[]);
    let folder = Path::new(client.get_program()).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(device.directory()).env_clear();
    for (name, value) in client.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("PATH", path).output().unwrap()
}

#[test]
fn a_commit_becomes_an_event_that_says_how_large_it_was() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        let output = run(&device, "git", &[&identity, arguments].concat());
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "--quiet"]);
    let hook = device.directory().join(".git/hooks/post-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::copy(example("post-commit"), hook).unwrap();
    std::fs::write(device.directory().join("notes.txt"), "one\ntwo\n").unwrap();
    git(&["add", "notes.txt"]);
    git(&["commit", "--quiet", "--message", "a message that stays here"]);

    device.run(&["sync"]).expect_exit(0);
    let commit = server.wait_for("the commit", |event| event["name"] == "git.commit");
    assert_eq!(commit["data"], serde_json::json!({"files": 1, "added": 2, "removed": 0}));
    let all = serde_json::to_string(&server.events()).unwrap();
    assert!(!all.contains("a message that stays here"));
}

#[test]
fn a_shell_command_becomes_an_event_with_its_status_and_duration() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    let script = device.directory().join("session.bash");
    let prompt = example("prompt.bash");
    std::fs::write(
        &script,
        format!("source '{}'\nfalse\neval \"$PROMPT_COMMAND\"\n", prompt.display()),
    )
    .unwrap();
    run(&device, "bash", &["--norc", script.to_str().unwrap()]);
    let command = server.wait_for("the command", |event| event["name"] == "shell.command");
    assert_eq!(command["data"]["status"], 1);
    assert!(command["data"]["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0));
}
