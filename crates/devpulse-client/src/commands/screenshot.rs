//! `screenshot`: every monitor, now.

use std::path::PathBuf;

use devpulse_agent::event_summary;

use crate::cli::Screenshot;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

pub(super) async fn screenshot(
    home: Option<PathBuf>,
    arguments: &Screenshot,
) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let screenshots = session.connect().await?.screenshot().await?;
    let mut output = Output::stdout();
    for screenshot in &screenshots {
        if arguments.json {
            output.json(screenshot)?;
        } else {
            let image = event_summary::image(screenshot);
            output.line(&format!("{image}, {}", screenshot.screenshot_hash))?;
        }
    }
    Ok(output.flush()?)
}
