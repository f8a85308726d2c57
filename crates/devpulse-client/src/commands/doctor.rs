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
    #[cfg(target_os = "linux")]
    if arguments.install_gnome_extension {
        return install_gnome_extension();
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

#[cfg(target_os = "linux")]
fn install_gnome_extension() -> Result<(), Failure> {
    use devpulse_agent::gnome_extension::{ID, install};

    let installed = install().map_err(|error| {
        let failure = Failure::from_error(Exit::Failed, &error);
        failure.with_hint("run this on GNOME, as the person who works there, not as root")
    })?;
    let mut output = Output::stdout();
    output.text(&format!(
        "Installed {ID} for GNOME Shell {} in {}.\n\
         Log out and in again: GNOME Shell looks for extensions when it starts.\n",
        installed.shell,
        installed.folder.display()
    ))?;
    Ok(output.flush()?)
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
