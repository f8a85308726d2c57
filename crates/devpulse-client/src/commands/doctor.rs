//! `doctor`: what works on this device, what does not, and what to do about it.

use std::path::PathBuf;

use devpulse_agent::Desktop;
use devpulse_agent::doctor::{self, CheckState, Report};

use crate::cli::Doctor;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::render;
use crate::session;

/// Fails, after the report, where a check did.
pub(super) async fn doctor(home: Option<PathBuf>, arguments: &Doctor) -> Result<(), Failure> {
    if let Some(path) = &arguments.bundle {
        return super::bundle::write(home, path, arguments.yes).await;
    }
    let report = match session::settings(home) {
        Ok(settings) => doctor::examine(&settings, &Desktop::from_env()).await,
        Err(error) => doctor::of_unusable_settings(&error),
    };
    show(&report, arguments)?;
    let failed = report.checks.iter().filter(|check| check.state == CheckState::Failed);
    let failed: Vec<_> = failed.map(|check| check.name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let cause = format!("not everything works: {}", failed.join(", "));
    Err(Failure::new(Exit::Failed, cause).with_hint("what to do stands with each of them"))
}

fn show(report: &Report, arguments: &Doctor) -> Result<(), Failure> {
    let mut output = Output::stdout();
    if arguments.json {
        output.json(report)?;
    } else {
        output.text(&render::doctor::text(report))?;
    }
    Ok(output.flush()?)
}
