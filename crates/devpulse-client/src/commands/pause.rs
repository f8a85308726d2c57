//! `pause` and `resume`.

use std::path::PathBuf;

use devpulse_control::{PauseRequest, PauseStatus, Resumption};

use crate::cli::Pause;
use crate::failure::Failure;
use crate::output::Output;
use crate::render;
use crate::session::Session;

pub(super) async fn pause(home: Option<PathBuf>, arguments: Pause) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let client = session.connect().await?;
    let request = PauseRequest { minutes: arguments.minutes, reason: arguments.reason };
    say(&begun(&client.pause(request).await?))
}

pub(super) async fn resume(home: Option<PathBuf>) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    say(match session.connect().await?.resume().await? {
        Resumption::Resumed => "capture goes on",
        Resumption::NotPaused => "capture was not paused",
    })
}

fn begun(pause: &PauseStatus) -> String {
    let length = render::duration(pause.until.since(pause.since));
    format!("capture is paused for {length}, until {}", pause.until)
}

fn say(line: &str) -> Result<(), Failure> {
    let mut output = Output::stdout();
    output.line(line)?;
    Ok(output.flush()?)
}
