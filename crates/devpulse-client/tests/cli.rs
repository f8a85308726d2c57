//! The command line as a person and a script see it: real processes, an agent in the test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "cli/bench.rs"]
mod bench;

use std::process::Stdio;

use bench::{Bench, Ended, deadline, ids};
use devpulse_control::{PipelineState, SyncResult};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

#[tokio::test]
async fn arguments_that_make_no_sense_exit_2_with_a_sentence_and_a_hint() {
    let bench = Bench::without_agent();
    for arguments in [
        &["nonsense"][..],
        &["emit"],
        &["emit", "x", "--data", "{broken"],
        &["emit", "x", "--stdin"],
        &["emit", "--stdin", "--data", "1"],
        &["emit", ""],
        &["events", "--sent", "--dead"],
        &["events", "--limit", "many"],
        &["events", "--replay", "many"],
        &["events", "--replay", "all", "--sent"],
        &["pause", "--minutes", "0"],
        &["pause", "--minutes", "1441"],
        &["sync", "--timeout", "-1"],
        &["sync", "--timeout", "soon"],
        &["status", "--unknown"],
        &["completions", "abacus"],
        &["config", "show", "--server", "ftp://example.com"],
    ] {
        let ended = bench.run(arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?} {ended:?}");
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert!(lines[0].starts_with("error: "), "{arguments:?} {ended:?}");
        assert!(lines.len() == 1 || lines[1].starts_with("hint: "), "{arguments:?} {ended:?}");
    }
    let nothing = bench.run(&[]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (2, ""));
    assert!(nothing.stderr.contains("Usage: devpulse-client"));
}

#[tokio::test]
async fn help_and_version_are_results() {
    let bench = Bench::without_agent();
    let steering = [&["pause"][..], &["resume"], &["screenshot"], &["unenroll"]];
    let usual = [&[][..], &["status"], &["sync"], &["emit"], &["events"], &["config", "show"]];
    for command in usual.into_iter().chain(steering) {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let ended = bench.run(&arguments).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
        assert!(ended.stdout.contains("Usage: devpulse-client"), "{ended:?}");
    }
    let version = bench.run(&["--version"]).await;
    assert_eq!(version.stdout, format!("devpulse-client {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn without_an_agent_emitting_exits_6() {
    let bench = Bench::without_agent();
    let no_agent = Ended {
        code: 6,
        stdout: String::new(),
        stderr: "error: no agent is running\nhint: start it with: devpulse-client run\n".to_owned(),
    };
    assert_eq!(bench.run(&["emit", "deploy"]).await, no_agent);
    assert_eq!(bench.run_with_input(&["emit", "--stdin"], "{\"name\":\"x\"}\n").await, no_agent);
}

#[tokio::test]
async fn an_emitted_event_is_answered_with_its_id() {
    let bench = Bench::start();
    bench.agent().make_durable(2);
    let ended = bench.run(&["emit", "deploy", "--data", r#"{"b": [1,  2], "a": null}"#]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(ids(&ended.stdout), bench.agent().ids());
    assert_eq!(bench.run(&["emit", "bare"]).await.code, 0);
    let emitted = bench.agent().emitted();
    assert_eq!(emitted[0], ("deploy".to_owned(), r#"{"b": [1,  2], "a": null}"#.to_owned()));
    assert_eq!(emitted[1], ("bare".to_owned(), "null".to_owned()));
}

#[tokio::test]
async fn what_the_agent_refuses_is_an_error_without_raw_control_characters() {
    let bench = Bench::start();
    let ended = bench.run(&["emit", "refuse me"]).await;
    assert_eq!(ended.code, 1);
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr, "error: not \\u{1b}[31mwanted\nhint: try another name\n");
}

#[tokio::test]
async fn lines_are_answered_while_the_input_is_open_and_in_their_order() {
    let bench = Bench::start();
    let mut child = bench.spawn(&["emit", "--stdin"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    stdin.write_all(b"{\"name\":\"a\",\"data\":{\"n\": 1}}\n\n{\"name\":\"b\"}\n").await.unwrap();
    deadline(bench.agent().wait_for(2)).await;
    bench.agent().make_durable(1);
    let first = deadline(stdout.next_line()).await.unwrap().unwrap();
    assert_eq!(first, bench.agent().ids()[0].to_string());
    bench.agent().make_durable(2);
    let second = deadline(stdout.next_line()).await.unwrap().unwrap();
    assert_eq!(second, bench.agent().ids()[1].to_string());
    stdin.write_all(b"{\"data\":null,\"name\":\"c\"}").await.unwrap();
    drop(stdin);
    let third = deadline(stdout.next_line()).await.unwrap().unwrap();
    assert_eq!(third, bench.agent().ids()[2].to_string());
    assert_eq!(deadline(child.wait()).await.unwrap().code(), Some(0));
    let emitted = bench.agent().emitted();
    assert_eq!(emitted[0], ("a".to_owned(), "{\"n\": 1}".to_owned()));
    assert_eq!(emitted[2], ("c".to_owned(), "null".to_owned()));
}

#[tokio::test]
async fn five_thousand_lines_are_each_submitted_once_and_never_more_than_1024_unanswered() {
    let bench = Bench::start();
    let input: String =
        (0..5000).map(|n| format!("{{\"name\":\"n{n}\",\"data\":{n}}}\n")).collect();
    let agent = bench.agent().clone();
    let answering = tokio::spawn(async move {
        agent.wait_for(1000).await;
        assert!(agent.ids().len() <= 1024);
        agent.make_durable(5000);
    });
    let ended = bench.run_with_input(&["emit", "--stdin"], &input).await;
    deadline(answering).await.unwrap();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(ids(&ended.stdout), bench.agent().ids());
    let names: Vec<String> = bench.agent().emitted().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, (0..5000).map(|n| format!("n{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bad_line_is_named_after_what_was_sent_before_is_answered() {
    let bench = Bench::start();
    for (bad, cause) in [
        ("{\"name\":\"x\"", "EOF"),
        ("[1]", "invalid"),
        ("{\"name\":\"x\",\"daat\":1}", "daat"),
        ("{\"data\":1}", "name"),
        ("{\"name\":\" \"}", "needs a name"),
    ] {
        bench.agent().make_durable(2);
        let before = bench.agent().ids().len();
        let input = format!("{{\"name\":\"a\"}}\n{{\"name\":\"b\"}}\n{bad}\n{{\"name\":\"c\"}}\n");
        let ended = bench.run_with_input(&["emit", "--stdin"], &input).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert_eq!(ids(&ended.stdout), bench.agent().ids()[before..before + 2]);
        assert_eq!(bench.agent().ids().len(), before + 2);
        assert!(ended.stderr.starts_with("error: line 3 of standard input is no event: "));
        assert!(ended.stderr.contains(cause), "{ended:?}");
        assert!(ended.stderr.contains("\nhint: "), "{ended:?}");
    }
}

#[tokio::test]
async fn a_line_that_the_agent_refuses_is_named_and_those_behind_it_are_answered() {
    let bench = Bench::start();
    bench.agent().make_durable(2);
    let input = "{\"name\":\"a\"}\n{\"name\":\"refuse me\"}\n{\"name\":\"b\"}\n";
    let ended = bench.run_with_input(&["emit", "--stdin"], input).await;
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.starts_with("error: line 2 of standard input was refused: not "));
    assert_eq!(ids(&ended.stdout), bench.agent().ids());
}

#[tokio::test]
async fn a_lost_agent_ends_the_input_with_an_error_and_nothing_is_submitted_again() {
    let bench = Bench::start();
    let mut child = bench.spawn(&["emit", "--stdin"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"name\":\"a\"}\n{\"name\":\"b\"}\n{\"name\":\"c\"}\n").await.unwrap();
    deadline(bench.agent().wait_for(3)).await;
    bench.agent().make_durable(1);
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    deadline(stdout.next_line()).await.unwrap().unwrap();
    let agent = bench.agent().clone();
    let again = bench.restart().await;
    let ended = deadline(child.wait_with_output()).await.unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(
        stderr.starts_with("error: the agent was lost before 2 events were answered, from line 2")
    );
    assert_eq!((agent.ids().len(), again.agent().ids().len()), (3, 0));
    drop(stdin);
}

#[tokio::test]
async fn an_agent_lost_while_nothing_is_under_way_ends_the_input_too() {
    let bench = Bench::start();
    let mut child = bench.spawn(&["emit", "--stdin"]);
    let mut stdin = child.stdin.take().unwrap();
    bench.agent().make_durable(1);
    stdin.write_all(b"{\"name\":\"a\"}\n").await.unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    deadline(stdout.next_line()).await.unwrap().unwrap();
    bench.stop().await;
    let ended = deadline(child.wait_with_output()).await.unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        String::from_utf8(ended.stderr).unwrap().starts_with("error: the connection to the agent")
    );
    drop(stdin);
}

#[tokio::test]
async fn status_is_one_json_object_or_a_page_for_people() {
    let bench = Bench::start();
    let ended = bench.run(&["status", "--json"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(status["pipeline"]["state"], "backing_off");
    assert_eq!(status["agent"]["running"], true);
    assert_eq!(status["pipeline"]["next_attempt"], Value::Null);
    assert_eq!(ended.stdout.lines().count(), 1);

    let ended = bench.run(&["status"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.contains("last error: \\u{1b}]0;title\\u{7}"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b'));
}

#[tokio::test]
async fn a_watched_status_comes_again_until_it_is_interrupted() {
    let bench = Bench::start();
    let mut child = bench.spawn(&["status", "--watch", "--json"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line = deadline(stdout.next_line()).await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["enrolled"], true);
    }
    let pid = child.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
    assert!(kill.success());
    assert_eq!(deadline(child.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn events_are_listed_as_they_are_sent_one_a_line() {
    let bench = Bench::start();
    let ended = bench.run(&["events", "--json", "--limit", "2"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["name"], "n1");
    assert_eq!(lines[1]["data"], json!({"title": "a\u{9b}b"}));
    assert!(!ended.stdout.contains('\u{9b}'));

    let ended = bench.run(&["events", "--dead", "--json", "--limit", "1"]).await;
    let dead: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(dead["reason"], "invalid");
    assert_eq!(dead["status"], 422);
    assert_eq!((&dead["name"], &dead["died_at"]), (&json!("n0"), &Value::Null));
    assert_eq!(dead.get("event"), None);

    let ended = bench.run(&["events", "--limit", "1"]).await;
    assert!(ended.stdout.contains("custom      n0 "), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\u{9b}'));
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let bench = Bench::start();
    let mut child = bench.spawn(&["events", "--json"]);
    let mut stdout = child.stdout.take().unwrap();
    let mut some = [0; 64];
    deadline(stdout.read_exact(&mut some)).await.unwrap();
    drop(stdout);
    let ended = deadline(child.wait_with_output()).await.unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[tokio::test]
async fn an_output_that_takes_nothing_is_an_error() {
    let bench = Bench::start();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let child = bench.command(&["status"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let ended = deadline(child.wait_with_output()).await.unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(stderr.starts_with("error: standard output cannot be written"), "{stderr}");
}

#[tokio::test]
async fn a_synchronisation_exits_as_it_ended_and_reports_in_plain_lines() {
    let bench = Bench::start();
    for (result, code) in [
        (SyncResult::Drained, 0),
        (SyncResult::TimedOut, 7),
        (SyncResult::Revoked, 5),
        (SyncResult::Stopped, 7),
    ] {
        bench.agent().end_sync_with(result);
        let ended = bench.run(&["sync", "--timeout", "1.5"]).await;
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(
            ended.stderr.starts_with(
                "3 events delivered, 7 pending; backing off: server \\u{1b}[2J down\n"
            )
        );
        let told = if code == 0 { &ended.stdout } else { &ended.stderr };
        assert!(told.contains("events"), "{ended:?}");
    }
    assert_eq!(bench.agent().state(), PipelineState::BackingOff);
}

#[tokio::test]
async fn settings_are_shown_with_their_origin_and_an_invalid_one_fails() {
    let bench = Bench::without_agent();
    let shown = bench.run(&["config", "show"]).await;
    assert_eq!(shown.code, 0);
    assert!(shown.stdout.contains("batch.max_events = 100  (default)\n"), "{}", shown.stdout);
    let mut command = bench.command(&["config", "show", "--json"]);
    command.env("DEVPULSE_BATCH_MAX_SIZE", "7");
    let ended = deadline(command.output()).await.unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&ended.stdout).unwrap();
    let row = rows.iter().find(|row| row["name"] == "batch.max_events").unwrap();
    assert_eq!(
        *row,
        json!({
            "name": "batch.max_events", "value": 7,
            "origin": "environment", "variable": "DEVPULSE_BATCH_MAX_SIZE",
        })
    );
    let mut command = bench.command(&["config", "show"]);
    command.env("DEVPULSE_BATCH_MAX_SIZE", "0");
    let ended = deadline(command.output()).await.unwrap();
    assert_eq!((ended.status.code(), ended.stdout.as_slice()), (Some(1), &b""[..]));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(stderr.starts_with("error: DEVPULSE_BATCH_MAX_SIZE is 0, allowed is "), "{stderr}");
}

#[tokio::test]
async fn completions_are_made_for_every_shell() {
    let bench = Bench::without_agent();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = bench.run(&["completions", shell]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert!(ended.stdout.contains("devpulse-client"));
    }
}
