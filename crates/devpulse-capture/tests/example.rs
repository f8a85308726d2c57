//! The worked example of `docs/extending.md` does what it says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, unreachable_pub, reason = "an example, whose main is not called here")]
#[path = "../examples/line_focus.rs"]
mod line_focus;

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use devpulse_capture::Captured;
use devpulse_protocol::EventBody;
use tokio::sync::mpsc;

async fn next(captured: &mut mpsc::Receiver<Captured>) -> EventBody {
    let waiting = tokio::time::timeout(Duration::from_secs(20), captured.recv());
    waiting.await.unwrap().unwrap().body
}

#[tokio::test]
async fn lines_become_window_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("focus");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (out, mut captured) = mpsc::channel(16);
    let handle = line_focus::capture(path.clone(), out);
    assert!(matches!(next(&mut captured).await, EventBody::Activity(_)));

    let writing = tokio::task::spawn_blocking(move || std::fs::File::create(path).unwrap());
    let mut lines = writing.await.unwrap();
    let mut signals = handle.signals();
    let served = signals.wait_for(|signals| signals.focus.backend.as_deref() == Some("lines"));
    tokio::time::timeout(Duration::from_secs(20), served).await.unwrap().unwrap();
    for line in ["Editor\tchapter one", "Browser\tsources", ""] {
        writeln!(lines, "{line}").unwrap();
        // A person looks at a window for a while; a title that flits by is none.
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    let mut titles = Vec::new();
    while titles.len() < 2 {
        if let EventBody::Window(window) = next(&mut captured).await {
            titles.push((window.app_name.unwrap(), window.window_title.unwrap()));
        }
    }
    assert_eq!(
        titles,
        [
            ("Editor".to_owned(), "chapter one".to_owned()),
            ("Browser".to_owned(), "sources".to_owned())
        ]
    );
}
