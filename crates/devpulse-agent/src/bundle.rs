//! What somebody needs who is asked for help: one archive with versions, settings, states,
//! counters and recent logs. No titles, no secrets, no names of people.
//!
//! It is gathered whole first, so that a person can be told what is in it before it is
//! written. It needs no running agent.

mod event_log;
mod logs;
mod scrub;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use devpulse_capture::Desktop;
use devpulse_control::{ControlClient, Status};
use devpulse_protocol::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::doctor;
use crate::home::{Home, access};
use crate::machine;
use crate::offline;
use crate::settings::{Settings, SettingsError};
use scrub::Scrubber;

/// How long a running agent has to tell its state.
const AGENT_DEADLINE: Duration = Duration::from_secs(5);

/// What is to be written.
#[derive(Debug)]
pub struct Bundle {
    parts: Vec<Part>,
}

/// One file of the archive.
#[derive(Debug)]
pub struct Part {
    /// Its name in the archive.
    pub name: String,
    /// What it holds, in a few words.
    pub about: &'static str,
    bytes: Vec<u8>,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Something is there already.
    #[error("{path} is there already", path = .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("{path} cannot be written", path = .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl BundleError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Exists(_) => "name another file, or remove this one first",
            Self::Unwritable { .. } => "name a file in a directory that exists and is yours",
        }
    }
}

impl Part {
    /// Its length in bytes, before it is packed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl Bundle {
    /// Looks at everything. Takes about ten seconds at the most, and writes nothing. Where
    /// the settings cannot be used, that is what the archive tells.
    pub async fn gather(settings: Result<&Settings, &SettingsError>, desktop: &Desktop) -> Self {
        let scrubber = Scrubber::of(settings.ok());
        let report = match settings {
            Ok(settings) => doctor::examine(settings, desktop).await,
            Err(error) => doctor::of_unusable_settings(error),
        };
        let mut parts = vec![
            part("about.txt", "what is in here, and what is not", ABOUT.into()),
            part("versions.json", "versions of DevPulse and of the system", json(&versions())),
            scrubber.json("doctor.json", "what works, what does not, and why", json!(report)),
        ];
        if let Ok(settings) = settings {
            let status = match status(settings).await {
                Ok(status) => json!(status),
                Err(cause) => json!({"error": cause}),
            };
            parts.push(scrubber.json("status.json", "the agent's states and counters", status));
            parts.push(scrubber.json(
                "settings.json",
                "every setting with its origin; of rules only how many",
                rows(settings),
            ));
            parts.push(scrubber.json(
                "event-log.json",
                "the event log's version and size, and no event",
                event_log::facts(settings),
            ));
            let home = &settings.local().home;
            parts.push(scrubber.json(
                "files.json",
                "the files in the agent's home: names and sizes",
                files(home),
            ));
            parts.extend(logs::parts(home, &scrubber));
        }
        Self { parts }
    }

    /// What is in it, in the order of the archive.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Writes the archive, a gzipped tar that nobody but its owner may read.
    ///
    /// # Errors
    /// Fails where the file is there already, or cannot be written; nothing is left then.
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        let unwritable = |source| BundleError::Unwritable { path: path.to_owned(), source };
        let file = access::create_private_file(path);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BundleError::Exists(path.to_owned()),
            _ => unwritable(error),
        })?;
        self.pack(file).map_err(|error| {
            if let Err(error) = fs::remove_file(path) {
                tracing::debug!(%error, "what was begun cannot be removed");
            }
            unwritable(error)
        })
    }

    fn pack(&self, file: File) -> io::Result<()> {
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
        let now = u64::try_from(Timestamp::now().as_millis() / 1000).unwrap_or_default();
        for part in &self.parts {
            let mut header = tar::Header::new_ustar();
            header.set_size(part.bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(now);
            let name = format!("devpulse-diagnostics/{}", part.name);
            archive.append_data(&mut header, name, part.bytes.as_slice())?;
        }
        let mut file = archive.into_inner()?.finish()?;
        file.flush()?;
        file.sync_all()
    }
}

const ABOUT: &str = "\
DevPulse diagnostics

Each file says what works on one computer, and what does not. What is left out:

- titles of windows, names of applications, images and events: none is read;
- keys, tokens, secrets, and what stands before @ in an address;
- the name of the person, which is (user), and of their directory, which is ~;
- the words in which a server refused something, because they may quote an event;
- rules for windows, because they name titles;
- lines of the logs below the level of information, and those of other libraries.

The ids of the device and of the user are kept: they are what an administrator needs to find
the device at the server.
";

fn part(name: &str, about: &'static str, bytes: Vec<u8>) -> Part {
    Part { name: name.to_owned(), about, bytes }
}

fn json(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

impl Scrubber {
    fn json(&self, name: &str, about: &'static str, value: Value) -> Part {
        part(name, about, json(&self.value(value)))
    }
}

fn versions() -> Value {
    json!({
        "devpulse": env!("CARGO_PKG_VERSION"),
        "control_protocol": devpulse_control::CONTROL_PROTOCOL,
        "protocol": devpulse_protocol::PROTOCOL_VERSION,
        "os": machine::os_version(),
        "arch": std::env::consts::ARCH,
        "gathered_at": Timestamp::now(),
    })
}

/// From the running agent, or from the files where none answers.
async fn status(settings: &Settings) -> Result<Status, String> {
    let asking = async {
        let client = ControlClient::connect(&settings.local().home.socket()).await.ok()?;
        client.status().await.ok()
    };
    if let Ok(Some(status)) = tokio::time::timeout(AGENT_DEADLINE, asking).await {
        return Ok(status);
    }
    let settings = settings.clone();
    let reading = tokio::task::spawn_blocking(move || offline::status(&settings));
    match reading.await {
        Ok(Ok(status)) => Ok(status),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn rows(settings: &Settings) -> Value {
    let row = |row: crate::settings::Row| {
        let value = match row.value {
            Value::Array(rules) if row.name == "window.rules" => {
                json!(format!("({} rules)", rules.len()))
            }
            value => value,
        };
        json!({"name": row.name, "value": value, "origin": row.origin.to_string()})
    };
    let warnings: Vec<_> = settings.warnings().iter().map(ToString::to_string).collect();
    let settings: Vec<_> = settings.rows().into_iter().map(row).collect();
    json!({"settings": settings, "warnings": warnings})
}

fn files(home: &Home) -> Value {
    let Ok(entries) = fs::read_dir(home.root()) else { return json!([]) };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?)))
        .collect();
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    let shown = files.into_iter().map(|(name, metadata)| {
        let kind = if metadata.is_dir() { "directory" } else { "file" };
        let is_open = access::is_open_to_others(&home.root().join(&name), &metadata);
        json!({"name": name, "kind": kind, "bytes": metadata.len(), "open_to_others": is_open})
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        Bundle { parts: vec![part("about.txt", "what is in here", b"text".to_vec())] }
    }

    #[test]
    fn an_archive_is_closed_to_others_and_replaces_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("bundle.tar.gz");
        bundle().write(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;

            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        let unpacked = flate2::read::GzDecoder::new(File::open(&path).unwrap());
        let mut archive = tar::Archive::new(unpacked);
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["devpulse-diagnostics/about.txt"]);
        let before = fs::read(&path).unwrap();
        let refused = bundle().write(&path).unwrap_err();
        assert!(matches!(refused, BundleError::Exists(_)), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), before);
        let nowhere = scratch.path().join("absent/bundle.tar.gz");
        assert!(matches!(bundle().write(&nowhere), Err(BundleError::Unwritable { .. })));
    }
}
