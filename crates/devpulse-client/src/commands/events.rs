//! `events`: what waits, what was delivered, what was refused.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

use devpulse_agent::offline;
use devpulse_agent::replay::{self, ReplayError};
use devpulse_control::{ClientError, EventsQuery, ListedEvent, Which};

use crate::cli::{Events, Replay};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::render;
use crate::render::dead_letter::DeadLetter;
use crate::session::Session;

pub(super) async fn events(home: Option<PathBuf>, arguments: Events) -> Result<(), Failure> {
    if let Some(which) = arguments.replay {
        return put_back(home, which).await;
    }
    let which = match (arguments.sent, arguments.dead) {
        (true, _) => Which::Sent,
        (_, true) => Which::Dead,
        _ => Which::Pending,
    };
    let query = EventsQuery { which, limit: arguments.limit };
    let session = Session::open(home, Vec::new())?;
    let mut printer = Printer { output: Output::stdout(), json: arguments.json, which, count: 0 };
    match session.connect().await {
        Ok(client) => {
            let mut listing = client.events(query).await?;
            while let Some(event) = listing.next().await? {
                printer.print(&event)?;
            }
        }
        Err(ClientError::NoAgent) => from_files(&session, query, &mut printer)?,
        Err(error) => return Err(error.into()),
    }
    printer.finish()
}

/// Puts dead letters back among the events that wait.
async fn put_back(home: Option<PathBuf>, which: Replay) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let event_id = match which {
        Replay::All => None,
        Replay::One(event_id) => Some(event_id),
    };
    let count = match session.connect().await {
        Ok(client) => client.replay(event_id).await?,
        Err(ClientError::NoAgent) => {
            replay::replay(&session.settings, event_id).map_err(|error| not_replayed(&error))?
        }
        Err(error) => return Err(error.into()),
    };
    let mut output = Output::stdout();
    output.line(&match count {
        0 => "there is no dead letter to put back".to_owned(),
        1 => "1 event waits to be sent again".to_owned(),
        count => format!("{count} events wait to be sent again"),
    })?;
    Ok(output.flush()?)
}

fn not_replayed(error: &ReplayError) -> Failure {
    let exit = match error {
        ReplayError::NotEnrolled => Exit::NotEnrolled,
        _ => Exit::Failed,
    };
    Failure::from_error(exit, error).with_some_hint(error.hint())
}

/// Lists events from the files, where no agent runs.
fn from_files(session: &Session, query: EventsQuery, printer: &mut Printer) -> Result<(), Failure> {
    let mut printed = Ok(());
    offline::events(&session.settings, query, |event| {
        printed = printer.print(&event);
        if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .map_err(|error| Failure::from_error(Exit::Failed, &error))?;
    Ok(printed?)
}

/// Prints events one by one.
struct Printer {
    output: Output,
    json: bool,
    which: Which,
    count: u64,
}

impl Printer {
    fn print(&mut self, listed: &ListedEvent) -> io::Result<()> {
        self.count += 1;
        match (self.json, self.which) {
            (true, Which::Dead) => self.output.json(&DeadLetter::of(listed)?),
            (true, Which::Pending | Which::Sent) => {
                self.output.line(&render::json_line(listed.json.get()))
            }
            (false, _) => self.output.line(&render::event::line(listed)),
        }
    }

    fn finish(mut self) -> Result<(), Failure> {
        if self.count == 0 && !self.json {
            output::note(match self.which {
                Which::Pending => "nothing waits to be sent",
                Which::Sent => "nothing delivered is kept",
                Which::Dead => "nothing was refused",
            });
        }
        Ok(self.output.flush()?)
    }
}
