//! A worked example of a hook: what has the focus is read from lines of text.
//!
//! Where there is no desktop, a terminal multiplexer or an editor can say what a person
//! works on, one line `APPLICATION<TAB>TITLE` for each change, an empty line for nothing:
//!
//! ```text
//! mkfifo focus && cargo run --package devpulse-capture --example line_focus -- focus &
//! printf 'Editor\tchapter one\n' > focus
//! ```
//!
//! `docs/extending.md` walks through it.

#![allow(clippy::print_stdout, reason = "an example shows what it captures")]

use std::path::PathBuf;
use std::sync::Arc;

use devpulse_capture::{
    Backends, BoxFuture, Capture, CapturePolicy, Captured, Desktop, Hook, HookError, Observation,
    Observations, Probe, Refusal, Signal, WindowFacts,
};
use devpulse_protocol::Config;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const BACKEND: &str = "lines";

/// Serves the focus from lines of text.
pub struct LineFocus<R> {
    lines: R,
}

impl<R: AsyncRead + Send + Unpin + 'static> Hook for LineFocus<R> {
    fn signal(&self) -> Signal {
        Signal::Focus
    }

    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move {
            // The present state comes first: until the first line nothing has the focus.
            out.send(Observation::NoWindow, out.now()).await;
            let mut lines = BufReader::new(self.lines).lines();
            loop {
                let line = tokio::select! {
                    () = cancel.cancelled() => return Ok(()),
                    line = lines.next_line() => line,
                };
                match line {
                    Ok(Some(line)) => out.send(observation(&line), out.now()).await,
                    Ok(None) => return Err(HookError::new("whoever wrote the lines has ended")),
                    Err(error) => return Err(HookError::with_source("the lines broke off", error)),
                }
            }
        })
    }
}

/// Finds out whether there is something to read, and opens it.
pub fn probe(path: PathBuf) -> Probe {
    Probe {
        backend: BACKEND,
        open: Arc::new(move |_: &Desktop| {
            let path = path.clone();
            Box::pin(async move {
                let lines = tokio::fs::File::open(&path).await.map_err(|error| {
                    Refusal::Failed(format!("{} cannot be read: {error}", path.display()))
                })?;
                Ok(Box::new(LineFocus { lines }) as Box<dyn Hook>)
            })
        }),
    }
}

/// Starts capture with this hook and no other.
pub fn capture(path: PathBuf, out: mpsc::Sender<Captured>) -> devpulse_capture::CaptureHandle {
    let policy = CapturePolicy::from_config(&Config::default(), [0; 32]);
    let backends = Backends { focus: vec![probe(path)], ..Backends::default() };
    Capture::start_with(policy, Desktop::default(), backends, out)
}

fn observation(line: &str) -> Observation {
    let Some((app, title)) = line.split_once('\t') else { return Observation::NoWindow };
    Observation::Window(WindowFacts {
        // One window for each application: a changed title is then a changed title.
        window: app.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte)),
        title: Some(title.to_owned()),
        app_name: Some(app.to_owned()),
        pid: None,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Some(path) = std::env::args_os().nth(1) else {
        println!("name the file that the lines are to be read from");
        return;
    };
    let (out, mut captured) = mpsc::channel(16);
    let _capture = capture(PathBuf::from(path), out);
    while let Some(event) = captured.recv().await {
        match serde_json::to_string(&event.body) {
            Ok(body) => println!("{body}"),
            Err(error) => println!("an event has no JSON form: {error}"),
        }
    }
}
