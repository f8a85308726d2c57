//! `rules test`: what the rules make of the windows that are open, or of one that is described.

use std::path::PathBuf;

use devpulse_agent::Desktop;
use devpulse_agent::rules::{self, WindowFacts};

use crate::cli::RulesTest;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::render;
use crate::session::Session;

pub(super) async fn test(home: Option<PathBuf>, arguments: RulesTest) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let windows = match (arguments.app, arguments.title) {
        (None, None) => open_windows().await?,
        (app_name, title) => vec![WindowFacts { window: 0, title, app_name, pid: None }],
    };
    if windows.is_empty() {
        output::note("no window is open");
    }
    if !session.settings.config().window.enabled {
        output::note("windows are not reported at all: window.enabled is false");
    }
    let rules = rules::of(&session.settings);
    let mut output = Output::stdout();
    for window in &windows {
        let ruling = rules.judge(window.app_name.as_deref(), window.title.as_deref());
        output.text(&render::rules::window(window, &ruling))?;
    }
    Ok(output.flush()?)
}

async fn open_windows() -> Result<Vec<WindowFacts>, Failure> {
    rules::open_windows(&Desktop::from_env()).await.map_err(|refusal| {
        let cause = format!("the open windows cannot be listed: {refusal}");
        Failure::new(Exit::Failed, cause).with_hint(
            "run it in the desktop session, or describe a window: \
             devpulse-client rules test --app NAME --title TITLE",
        )
    })
}
