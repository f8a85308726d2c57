//! Where text goes: results to standard output, everything else to standard error.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

/// Standard output, written in one go where nobody watches line by line.
pub(crate) struct Output(BufWriter<Stdout>);

impl Output {
    pub(crate) fn stdout() -> Self {
        Self(BufWriter::new(io::stdout()))
    }

    /// Whether a person reads along.
    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }

    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        self.text(line)?;
        self.0.write_all(b"\n")
    }

    /// A value as one line of JSON.
    pub(crate) fn json<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let json = serde_json::to_string(value)?;
        self.line(&crate::render::json_line(&json))
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether a person reads standard error along.
pub(crate) fn errors_are_watched() -> bool {
    io::stderr().is_terminal()
}

/// A line to standard error. Where that is closed, nobody wants to know.
pub(crate) fn note(line: &str) {
    let mut stderr = io::stderr().lock();
    if stderr.write_all(line.as_bytes()).and_then(|()| stderr.write_all(b"\n")).is_err() {
        tracing::trace!("standard error is closed");
    }
}
