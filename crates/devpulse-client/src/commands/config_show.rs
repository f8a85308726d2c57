//! `config show`: every setting with its origin.

use std::path::PathBuf;

use devpulse_agent::settings::{Origin, Row};
use serde::Serialize;
use serde_json::Value;

use crate::cli::ConfigShow;
use crate::failure::Failure;
use crate::output::Output;
use crate::render;
use crate::session::{Session, flag};

pub(super) fn show(home: Option<PathBuf>, arguments: &ConfigShow) -> Result<(), Failure> {
    let server = arguments.server.as_deref();
    let flags = server.map(|url| flag("--server", "server_url", url)).into_iter().collect();
    let session = Session::open(home, flags)?;
    let rows = session.settings.rows();
    let mut output = Output::stdout();
    if arguments.json {
        output.json(&rows.iter().map(JsonRow::from).collect::<Vec<_>>())?;
    } else {
        for row in &rows {
            output.line(&line(row))?;
        }
    }
    Ok(output.flush()?)
}

/// `batch.max_events = 10  (environment DEVPULSE_BATCH_MAX_SIZE)`
fn line(row: &Row) -> String {
    let value = render::json_line(&row.value.to_string()).into_owned();
    let variable = match row.origin {
        Origin::Environment(variable) => format!(" {variable}"),
        _ => String::new(),
    };
    format!("{} = {value}  ({}{variable})", row.name, row.origin.as_str())
}

/// A setting for programs.
#[derive(Serialize)]
struct JsonRow<'a> {
    name: &'static str,
    value: &'a Value,
    origin: &'static str,
    variable: Option<&'static str>,
}

impl<'a> From<&'a Row> for JsonRow<'a> {
    fn from(row: &'a Row) -> Self {
        let variable = match row.origin {
            Origin::Environment(variable) => Some(variable),
            _ => None,
        };
        Self { name: row.name, value: &row.value, origin: row.origin.as_str(), variable }
    }
}
