//! What the computer's administrator has decided about settings, above everything else.
//!
//! On Linux it is `policy.toml` beside the preset, on Windows a key of the registry that
//! only administrators write, on macOS what a configuration profile forces. No variable
//! moves any of them. What is wrong with a value is found where settings are made.

#[cfg(not(any(windows, target_os = "macos")))]
mod policy_file;
#[cfg(any(target_os = "macos", test))]
mod profile;
#[cfg(windows)]
mod registry;
mod toml_text;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::administrator::{self, Mistrust};
#[cfg(not(any(windows, target_os = "macos")))]
use policy_file as imp;
#[cfg(target_os = "macos")]
use profile as imp;
#[cfg(windows)]
use registry as imp;
pub(crate) use watch::ManagedWatch;

/// What the administrator has decided about settings.
#[derive(Clone, Debug, Default)]
pub struct Managed {
    /// The values, in the order in which they were written.
    pub values: Vec<ManagedValue>,
    /// Why there is a policy that does not count.
    pub fault: Option<Arc<ManagedFault>>,
}

/// A value of the administrator's, not yet checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagedValue {
    /// The dotted name that it was given, which need not be a setting's.
    pub name: String,
    /// The value.
    pub given: Given,
    /// The line of the file, counted from 1, where it is one.
    pub line: Option<usize>,
}

/// A value, as its source gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// With a type.
    Typed(Value),
    /// As text, to be read as a flag's is.
    Text(String),
}

/// Why a policy that is there does not count.
#[derive(Debug, thiserror::Error)]
pub enum ManagedFault {
    /// Others could have written it.
    #[error("the administrator's policy is ignored: {0}")]
    Mistrusted(#[from] Mistrust),
    /// It is not what such a file has to be.
    #[error("the administrator's policy is ignored: {place}: {message}")]
    Broken {
        /// The file, with the line where there is one.
        place: String,
        /// What is wrong with it.
        message: String,
    },
}

impl ManagedFault {
    /// What the administrator has to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Mistrusted(mistrust) => mistrust.hint(),
            Self::Broken { .. } => Some("as root: correct it, or remove it".to_owned()),
        }
    }
}

impl Managed {
    /// The policy of this computer; empty where its administrator made none.
    #[must_use]
    pub fn of_this_computer() -> Self {
        imp::read()
    }

    /// The policy in this file, which has to belong to `owner`, a user id.
    #[must_use]
    pub fn of_file(path: &Path, owner: u32) -> Self {
        let text = match administrator::read_owned_by(path, owner) {
            Ok(Some(text)) => text,
            Ok(None) => return Self::default(),
            Err(mistrust) => return Self::of_fault(mistrust.into()),
        };
        match toml_text::values(&text) {
            Ok(values) => Self { values, fault: None },
            Err((line, message)) => Self::of_fault(ManagedFault::Broken {
                place: format!("{} line {line}", path.display()),
                message,
            }),
        }
    }

    /// Whether it gives the setting of this dotted name a value.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        self.values.iter().any(|value| value.name == name)
    }

    /// Whether nothing differs from `other`.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let fault = |one: &Self| one.fault.as_ref().map(ToString::to_string);
        self.values == other.values && fault(self) == fault(other)
    }

    fn of_fault(fault: ManagedFault) -> Self {
        Self { values: Vec::new(), fault: Some(Arc::new(fault)) }
    }
}

/// The administrator's policy file.
#[must_use]
pub fn policy_file() -> PathBuf {
    administrator::directory().join("policy.toml")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    fn read(text: &str, mode: u32) -> Managed {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Managed::of_file(&path, rustix::process::geteuid().as_raw())
    }

    #[test]
    fn values_are_read_with_their_lines_and_judged_by_nobody_yet() {
        let managed =
            read("colour = 'blue'\n[batch]\nmax_events = 0\n[app]\nquit_allowed = false\n", 0o644);
        assert!(managed.fault.is_none());
        let found: Vec<_> = managed
            .values
            .iter()
            .map(|value| (value.name.as_str(), value.given.clone(), value.line))
            .collect();
        assert_eq!(
            found,
            [
                ("colour", Given::Typed(json!("blue")), Some(1)),
                ("batch.max_events", Given::Typed(json!(0)), Some(3)),
                ("app.quit_allowed", Given::Typed(json!(false)), Some(5)),
            ]
        );
        assert!(managed.names("batch.max_events") && !managed.names("batch"));
    }

    #[test]
    fn a_policy_that_others_could_have_written_or_that_is_not_toml_does_not_count() {
        let writable = read("log = 'debug'\n", 0o666);
        assert!(writable.values.is_empty());
        let fault = writable.fault.unwrap();
        let message = fault.to_string();
        assert!(message.starts_with("the administrator's policy is ignored: "), "{message}");
        assert!(fault.hint().unwrap().contains("chmod go-w"));
        let broken = read("log = 'debug'\nbatch = = 3\n", 0o644);
        assert!(broken.values.is_empty());
        let message = broken.fault.unwrap().to_string();
        assert!(message.contains("policy.toml line 2"), "{message}");
    }

    #[test]
    fn no_policy_is_an_empty_one_and_a_changed_one_differs() {
        let absent = Managed::of_file(Path::new("/nonexistent/policy.toml"), 0);
        assert!(absent.is_same(&Managed::default()));
        assert!(!read("log = 'debug'\n", 0o644).is_same(&read("log = 'info'\n", 0o644)));
        assert!(!read("log = 'debug'\n", 0o666).is_same(&absent));
    }
}
