//! Logs: to standard error, and to a file a day in the home.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::home::access;
use crate::printable::printable;

const DAYS_KEPT: usize = 7;
const FILE_PREFIX: &str = "devpulse";
const FILE_SUFFIX: &str = "log";

/// How much is logged: a level, or levels by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The directory or a file in it cannot be written.
    #[error("the log directory {path} cannot be written", path = .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Logging was set up before in this process.
    #[error("logging is set up already")]
    Twice,
}

/// Keeps the writer of log files alive; what is still on its way is written when
/// this is dropped.
#[derive(Debug)]
#[must_use = "log files end when this is dropped"]
pub struct LogGuard {
    _writer: Option<tracing_appender::non_blocking::WorkerGuard>,
}

impl LogFilter {
    /// Reads a filter such as `info` or `info,devpulse_agent=debug`; `None` where a
    /// level is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let known = |part: &str| match part.split_once('=') {
            Some((module, level)) => is_module(module) && is_level(level),
            None => is_level(part),
        };
        text.split(',').map(str::trim).all(known).then_some(Self(text))
    }

    /// The filter's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

/// Begins to log: to standard error always, and to `directory` where one is given
/// (one file a day, seven kept, open to nobody but the owner).
///
/// # Errors
/// Fails where the directory cannot be written, or logging was set up before.
pub fn init(filter: &LogFilter, directory: Option<&Path>) -> Result<LogGuard, LoggingError> {
    let env_filter = EnvFilter::new(filter.as_str());
    let terminal = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(|| Printable(io::stderr()));
    let registry = tracing_subscriber::registry().with(env_filter).with(terminal);
    let Some(directory) = directory else {
        registry.try_init().map_err(|_| LoggingError::Twice)?;
        return Ok(LogGuard { _writer: None });
    };
    let files = DailyFiles::open(directory)
        .map_err(|source| LoggingError::Directory { path: directory.to_owned(), source })?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let files = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || Printable(writer.make_writer()));
    registry.with(files).try_init().map_err(|_| LoggingError::Twice)?;
    Ok(LogGuard { _writer: Some(guard) })
}

fn is_level(text: &str) -> bool {
    matches!(text, "off" | "error" | "warn" | "info" | "debug" | "trace")
}

fn is_module(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-'))
}

/// Writes a log line, which comes in one piece, with control characters escaped.
struct Printable<W>(W);

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(buffer);
        let line = text.strip_suffix('\n');
        let mut printed = printable(line.unwrap_or(&text)).into_owned();
        if line.is_some() {
            printed.push('\n');
        }
        self.0.write_all(printed.as_bytes())?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// One file a day, each closed to others when it is begun.
struct DailyFiles {
    appender: RollingFileAppender,
    directory: PathBuf,
    day: u64,
}

impl DailyFiles {
    fn open(directory: &Path) -> io::Result<Self> {
        access::create_directory(directory)?;
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(FILE_PREFIX)
            .filename_suffix(FILE_SUFFIX)
            .max_log_files(DAYS_KEPT)
            .build(directory)
            .map_err(io::Error::other)?;
        let files = Self { appender, directory: directory.to_owned(), day: today() };
        files.close_to_others()?;
        Ok(files)
    }

    fn close_to_others(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() && access::is_open_to_others(&entry.path(), &metadata) {
                access::close_to_others(&entry.path(), &metadata)?;
            }
        }
        Ok(())
    }
}

impl Write for DailyFiles {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.appender.write(buffer)?;
        if self.day != today() {
            self.day = today();
            self.close_to_others()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }
}

fn today() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_levels_by_module() {
        for text in
            ["info", "OFF", "warn,devpulse_agent=debug", "info, devpulse_pipeline::wal=trace"]
        {
            assert!(LogFilter::parse(text).is_some(), "{text}");
        }
        for text in ["", "inof", "devpulse_agent", "info,devpulse_agent=loud", "=debug"] {
            assert_eq!(LogFilter::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_log_line_stays_one_line_and_commands_no_terminal() {
        let mut written = Vec::new();
        Printable(&mut written).write_all(b"title: a\x1b[2J\nforged line\n").unwrap();
        assert_eq!(written, b"title: a\\u{1b}[2J\\nforged line\n");
    }

    #[cfg(unix)]
    #[test]
    fn log_files_are_closed_to_others() {
        use std::os::unix::fs::MetadataExt;

        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("logs");
        let mut files = DailyFiles::open(&directory).unwrap();
        files.write_all(b"line\n").unwrap();
        let entries: Vec<_> = fs::read_dir(&directory).unwrap().map(Result::unwrap).collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read(entries[0].path()).unwrap(), b"line\n");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let directory = file.path().join("logs");
        let error = init(&LogFilter::default(), Some(&directory)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the log directory {} cannot be written", directory.display())
        );
    }
}
