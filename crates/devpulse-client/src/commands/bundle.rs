//! `doctor --bundle`: what somebody needs who is asked for help.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use devpulse_agent::Desktop;
use devpulse_agent::bundle::Bundle;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::render::bytes;
use crate::session;

/// Lists what is in it, asks at a terminal, and writes it.
pub(super) async fn write(home: Option<PathBuf>, path: &Path, yes: bool) -> Result<(), Failure> {
    let settings = session::settings(home);
    let bundle = Bundle::gather(settings.as_ref(), &Desktop::from_env()).await;
    output::note(&listing(&bundle, path));
    if !yes && io::stdin().is_terminal() {
        confirm()?;
    }
    bundle
        .write(path)
        .map_err(|error| Failure::from_error(Exit::Failed, &error).with_hint(error.hint()))?;
    let mut output = Output::stdout();
    output.line(&path.display().to_string())?;
    Ok(output.flush()?)
}

fn listing(bundle: &Bundle, path: &Path) -> String {
    let mut text = format!("{} will hold:\n", path.display());
    for part in bundle.parts() {
        let size = bytes(part.len() as u64);
        text.push_str(&format!("  {:<28}{size:>10}  {}\n", part.name, part.about));
    }
    text.push_str("no titles, no secrets, no names of people; nothing is sent");
    text
}

fn confirm() -> Result<(), Failure> {
    let mut stderr = io::stderr().lock();
    let asked = stderr.write_all(b"Write it? [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    let answered = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    answered.map_err(|error| {
        Failure::new(Exit::Failed, format!("the terminal cannot be asked: {error}"))
    })?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "it was not confirmed, so nothing is written")),
    }
}
