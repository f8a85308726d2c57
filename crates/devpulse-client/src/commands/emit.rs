//! `emit NAME`: one custom event.

use std::path::PathBuf;

use devpulse_protocol::{Custom, CustomError};
use serde_json::value::RawValue;

use super::emit_stdin;
use crate::cli::Emit;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

pub(super) async fn emit(home: Option<PathBuf>, arguments: Emit) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let Some(name) = arguments.name else {
        return emit_stdin::emit_lines(&session.connect().await?).await;
    };
    let data = arguments.data.unwrap_or_else(|| RawValue::NULL.to_owned());
    let event = Custom::new(name, data).map_err(refused)?;
    let client = session.connect().await?;
    let event_id = client.emit_durably(&event.name, event.data).await?;
    let mut output = Output::stdout();
    output.line(&event_id.to_string())?;
    Ok(output.flush()?)
}

fn refused(error: CustomError) -> Failure {
    Failure::from_error(Exit::Usage, &error).with_hint("see: devpulse-client emit --help")
}
