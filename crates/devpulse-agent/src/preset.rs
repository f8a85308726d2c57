//! What the computer's administrator has decided about enrollment: the server, and where
//! the secret lies that takes this computer in there.
//!
//! The file does not enroll anybody by itself, and no disclosure is left out for it.

use std::io;
use std::path::{Path, PathBuf};

use devpulse_protocol::EnrollmentSecret;
use serde::Deserialize;

use crate::administrator::{self, Mistrust};
use crate::origin::{PlainHttp, ServerUrl, ServerUrlError};
use crate::pin::KeyPins;

const NAME: &str = "preset.toml";
/// Secrets are read up to here.
const LONGEST_SECRET: usize = 64 * 1024;

/// The administrator's preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Where this computer is to be enrolled, and nowhere else.
    pub server_url: ServerUrl,
    /// The file that holds the enrollment secret.
    pub enrollment_secret_file: Option<PathBuf>,
    /// The keys of which that server has to have one, whatever other settings say.
    pub server_pins: KeyPins,
}

/// Why a preset that is there does not count.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// Others could have written it.
    #[error("the administrator's preset is ignored: {0}")]
    Mistrusted(#[from] Mistrust),
    /// It is not TOML, or sets what it cannot.
    #[error("the administrator's preset is ignored: {path}: {message}", path = .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The preset names none.
    #[error("the administrator's preset names no enrollment secret")]
    NotNamed,
    /// The file cannot be read, or holds none.
    #[error("the enrollment secret cannot be read from {path}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What became of the secret's file after an enrollment.
#[derive(Debug)]
pub enum Spent {
    /// There was none, or it is deleted.
    Gone,
    /// It is still there.
    Remains {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    server_url: String,
    #[serde(default)]
    enrollment_secret_file: Option<PathBuf>,
    #[serde(default)]
    server_pin: Option<serde_json::Value>,
}

impl PresetError {
    /// What the administrator has to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Mistrusted(mistrust) => mistrust.hint(),
            Self::Invalid { .. } => Some(
                "it may set server_url, enrollment_secret_file and server_pin, with their values in \
                 quotes"
                    .to_owned(),
            ),
        }
    }
}

impl Preset {
    /// The preset of this computer; `None` where its administrator made none.
    ///
    /// # Errors
    /// Fails where there is one that does not count. Whoever reads it warns and goes on
    /// without.
    pub fn of_this_computer() -> Result<Option<Self>, PresetError> {
        Self::read(&administrator::directory().join(NAME), administrator::ROOT)
    }

    /// The preset in this file, which has to belong to `owner`.
    ///
    /// # Errors
    /// As [`Preset::of_this_computer`].
    pub fn read(path: &Path, owner: u32) -> Result<Option<Self>, PresetError> {
        let Some(text) = administrator::read_owned_by(path, owner)? else { return Ok(None) };
        let invalid = |message| PresetError::Invalid { path: path.to_owned(), message };
        Self::parse(&text).map(Some).map_err(invalid)
    }

    /// The secret, from its file; a line break at its end is none of it.
    ///
    /// # Errors
    /// Fails where none is named, or where its file does not give one.
    pub fn secret(&self) -> Result<EnrollmentSecret, SecretError> {
        let path = self.enrollment_secret_file.as_ref().ok_or(SecretError::NotNamed)?;
        let unreadable = |source| SecretError::Unreadable { path: path.clone(), source };
        let mut text = std::fs::read_to_string(path).map_err(unreadable)?;
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        match text.len() {
            0 => Err(unreadable(io::Error::other("it is empty"))),
            LONGEST_SECRET.. => Err(unreadable(io::Error::other("it is too long to be one"))),
            _ => Ok(EnrollmentSecret::new(text)),
        }
    }

    /// Deletes the secret's file, which was good for one enrollment.
    pub fn spend(&self) -> Spent {
        let Some(path) = &self.enrollment_secret_file else { return Spent::Gone };
        match std::fs::remove_file(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Spent::Remains { path: path.clone(), cause }
            }
            _ => Spent::Gone,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let Text { server_url, enrollment_secret_file, server_pin } =
            toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let server_url = ServerUrl::parse(&server_url, PlainHttp::LoopbackOnly)
            .map_err(|error: ServerUrlError| format!("server_url has to be {error}"))?;
        if enrollment_secret_file.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err("enrollment_secret_file is not a whole path".to_owned());
        }
        let server_pins = match server_pin {
            Some(value) => KeyPins::parse(&value)
                .ok_or_else(|| format!("server_pin has to be {}", KeyPins::ALLOWED))?,
            None => KeyPins::default(),
        };
        if !server_pins.is_empty() && !server_url.origin().scheme().is_secure() {
            return Err("server_pin needs an https or grpcs server".to_owned());
        }
        Ok(Self { server_url, enrollment_secret_file, server_pins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_names_the_server_and_perhaps_a_file() {
        let preset = Preset::parse("server_url = 'https://pulse.example'").unwrap();
        assert_eq!(preset.server_url.as_str(), "https://pulse.example");
        assert!(matches!(preset.secret(), Err(SecretError::NotNamed)));
        let text = "server_url = 'https://a.example'\nenrollment_secret_file = '/etc/s'";
        let preset = Preset::parse(text).unwrap();
        assert_eq!(preset.enrollment_secret_file.as_deref(), Some(Path::new("/etc/s")));
    }

    #[test]
    fn what_a_preset_cannot_set_is_named() {
        for (text, cause) in [
            ("server_url = 'https://a.example'\nserver = 'x'", "unknown field `server`"),
            ("", "missing field `server_url`"),
            ("server_url = 'http://a.example'", "server_url has to be https"),
            ("server_url = 7", "invalid type"),
            ("server_url", "key with no value"),
            ("server_url = 'https://a.example'\nserver_pin = 'x'", "server_pin has to be sha256/"),
            (
                "server_url = 'https://a.example'\nenrollment_secret_file = 'secret'",
                "enrollment_secret_file is not a whole path",
            ),
        ] {
            let refused = Preset::parse(text).unwrap_err();
            assert!(refused.contains(cause), "{text}: {refused}");
        }
    }

    #[test]
    fn a_secret_is_read_without_its_line_break_and_its_file_deleted() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("secret");
        let server_url = ServerUrl::parse("https://a.example", PlainHttp::LoopbackOnly).unwrap();
        let preset = Preset {
            server_url,
            enrollment_secret_file: Some(path.clone()),
            server_pins: KeyPins::default(),
        };
        assert!(matches!(preset.secret(), Err(SecretError::Unreadable { .. })));
        for empty in ["", "\n"] {
            std::fs::write(&path, empty).unwrap();
            assert!(matches!(preset.secret(), Err(SecretError::Unreadable { .. })));
        }
        std::fs::write(&path, "hunter2\r\n").unwrap();
        assert_eq!(preset.secret().unwrap().expose(), "hunter2");
        assert!(matches!(preset.spend(), Spent::Gone));
        assert!(!path.exists());
        assert!(matches!(preset.spend(), Spent::Gone));
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(preset.spend(), Spent::Remains { .. }));
    }
}
