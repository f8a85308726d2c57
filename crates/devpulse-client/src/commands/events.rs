//! `events`: what waits, what was delivered, what was refused.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

use devpulse_agent::offline;
use devpulse_control::{ClientError, EventsQuery, ListedEvent, Which};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cli::Events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::render;
use crate::session::Session;

pub(super) async fn events(home: Option<PathBuf>, arguments: Events) -> Result<(), Failure> {
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

/// A dead letter for programs.
#[derive(Serialize)]
struct DeadLetter<'a> {
    event: &'a RawValue,
    reason: Option<&'a str>,
    status: Option<u16>,
}

impl Printer {
    fn print(&mut self, listed: &ListedEvent) -> io::Result<()> {
        self.count += 1;
        match (self.json, self.which) {
            (true, Which::Dead) => self.output.json(&DeadLetter {
                event: &listed.json,
                reason: listed.reason.as_deref(),
                status: listed.status,
            }),
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
