//! `emit --stdin`: custom events as they come, many under way at once.
//!
//! A thread reads lines, one task submits them in order, another prints the ids in the
//! same order, each once its event is durable. Nothing is ever submitted twice: where
//! the agent is lost, what was not answered is reported and left.

use std::io::{self, BufRead, Read};

use devpulse_control::{ClientError, ControlClient, Emission};
use devpulse_protocol::Custom;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Events that may be submitted and not answered.
const MAX_UNANSWERED: usize = 1024;

/// Lines that are read ahead of what is submitted.
const LINES_AHEAD: usize = 64;

/// Longest line: an event with the largest data, however generously it is written.
const MAX_LINE_BYTES: u64 = 512 * 1024;

const LINE_HINT: &str =
    r#"a line is one JSON object, such as {"name": "deploy", "data": {"ok": true}}"#;

pub(super) async fn emit_lines(client: &ControlClient) -> Result<(), Failure> {
    let (submitted, unanswered) = mpsc::channel(MAX_UNANSWERED);
    let lines = read_lines();
    let (submission, answers) =
        tokio::join!(submit(client, lines, submitted), print_ids(unanswered));
    answers.and(submission)
}

/// A line of standard input.
struct Line {
    /// Counted from 1.
    number: u64,
    text: Vec<u8>,
}

/// An event that was handed over and not answered.
struct Submitted {
    line: u64,
    emission: Emission,
}

/// An event as a line gives it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineEvent {
    name: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

/// Submits lines until they end, one is bad, or nobody takes the answers any more.
async fn submit(
    client: &ControlClient,
    mut lines: mpsc::Receiver<io::Result<Line>>,
    submitted: mpsc::Sender<Submitted>,
) -> Result<(), Failure> {
    loop {
        let line = tokio::select! {
            biased;
            () = submitted.closed() => return Ok(()),
            () = client.lost() => return Err(Failure::from(ClientError::Lost)),
            line = lines.recv() => line,
        };
        let Some(line) = line else { return Ok(()) };
        let line = line.map_err(|error| {
            Failure::new(Exit::Failed, format!("standard input cannot be read: {error}"))
        })?;
        if line.text.trim_ascii().is_empty() {
            continue;
        }
        let event = parse(&line)?;
        let Ok(place) = submitted.reserve().await else { return Ok(()) };
        let emission = client.emit(&event.name, event.data).await?;
        place.send(Submitted { line: line.number, emission });
    }
}

fn parse(line: &Line) -> Result<Custom, Failure> {
    let bad = |cause: String| {
        let cause = format!("line {} of standard input is no event: {cause}", line.number);
        Failure::new(Exit::Failed, cause).with_hint(LINE_HINT)
    };
    if line.text.len() as u64 > MAX_LINE_BYTES {
        return Err(bad(format!("it is longer than {MAX_LINE_BYTES} bytes")));
    }
    let event: LineEvent =
        serde_json::from_slice(&line.text).map_err(|fault| bad(fault.to_string()))?;
    let data = event.data.unwrap_or_else(|| RawValue::NULL.to_owned());
    Custom::new(event.name, data).map_err(|fault| bad(fault.to_string()))
}

/// Prints the ids in the order of the lines, each once its event is durable. The first
/// event that the agent refuses ends the reading; those behind it are still answered.
async fn print_ids(mut unanswered: mpsc::Receiver<Submitted>) -> Result<(), Failure> {
    let mut output = Output::stdout();
    let mut first_refusal = None;
    while let Some(Submitted { line, emission }) = unanswered.recv().await {
        match emission.durable().await {
            Ok(event_id) => {
                output.line(&event_id.to_string())?;
                output.flush()?;
            }
            Err(error) if error.is_loss() => {
                unanswered.close();
                let mut left = 1;
                while unanswered.try_recv().is_ok() {
                    left += 1;
                }
                return Err(lost(line, left));
            }
            Err(error) => {
                unanswered.close();
                first_refusal.get_or_insert_with(|| refused(line, error));
            }
        }
    }
    first_refusal.map_or(Ok(()), Err)
}

fn refused(line: u64, error: ClientError) -> Failure {
    match Failure::from(error) {
        Failure::Error { exit, cause, hint } => Failure::Error {
            exit,
            cause: format!("line {line} of standard input was refused: {cause}"),
            hint,
        },
        Failure::OutputClosed => Failure::OutputClosed,
    }
}

fn lost(line: u64, unanswered: u64) -> Failure {
    Failure::new(
        Exit::Failed,
        format!(
            "the agent was lost before {} answered, from line {line} of standard input on",
            if unanswered == 1 {
                "1 event was".to_owned()
            } else {
                format!("{unanswered} events were")
            }
        ),
    )
    .with_hint("these may be stored or not, and all before them are; nothing was submitted twice")
}

/// Lines as they come. The thread is left to itself at the end, because nothing can
/// wake it from a read.
fn read_lines() -> mpsc::Receiver<io::Result<Line>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        for number in 1.. {
            let mut text = Vec::new();
            let line = match stdin.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut text) {
                Ok(0) => return,
                Ok(_) => Ok(Line { number, text }),
                Err(error) => Err(error),
            };
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}
