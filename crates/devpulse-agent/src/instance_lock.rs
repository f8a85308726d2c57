//! One agent at a time on a home.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::home::{Home, access};

/// What the holder of the lock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It captures and sends until it is ended.
    Agent,
    /// It sends what is pending and ends; it can be asked to hand over.
    Sync,
    /// It changes what no agent may have open, and ends by itself.
    Command,
}

/// Who holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// What it does.
    pub role: Role,
}

/// The right to be the one agent on a home; given up when dropped, or when the
/// process ends in whatever way.
#[derive(Debug)]
pub struct InstanceLock {
    file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{}", held(.0.as_ref()))]
    HeldBy(Option<Holder>),
    /// The lock file cannot be used.
    #[error("the lock {path} cannot be taken", path = .path.display())]
    Unusable {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl LockError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::HeldBy(Some(Holder { role: Role::Sync | Role::Command, .. })) => {
                Some("wait until it has ended".to_owned())
            }
            Self::HeldBy(_) => Some("see what it does with: devpulse-client status".to_owned()),
            Self::Unusable { .. } => None,
        }
    }
}

impl InstanceLock {
    /// Takes the lock of an existing home, without waiting.
    ///
    /// # Errors
    /// Names the holder where another process holds it.
    pub fn acquire(home: &Home, role: Role) -> Result<Self, LockError> {
        let path = home.lock();
        let unusable = |source| LockError::Unusable { path: home.lock(), source };
        let mut options = access::private_file();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        match access::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::HeldBy(holder(&mut file))),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let me = Holder { pid: std::process::id(), role };
        write_holder(&mut file, me).map_err(unusable)?;
        Ok(Self { file })
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "the lock file keeps the name of its last holder");
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Sync => "sync",
            Self::Command => "command",
        })
    }
}

fn held(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, role: Role::Agent }) => {
            format!("an agent is running already (pid {pid})")
        }
        Some(Holder { pid, role: Role::Sync }) => format!("a sync is running (pid {pid})"),
        Some(Holder { pid, role: Role::Command }) => {
            format!("another devpulse command is at work on this home (pid {pid})")
        }
        None => "another DevPulse process holds this home".to_owned(),
    }
}

fn write_holder(file: &mut File, holder: Holder) -> io::Result<()> {
    let mut line = serde_json::to_vec(&holder)?;
    line.push(b'\n');
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&line)
}

fn holder(file: &mut File) -> Option<Holder> {
    let mut line = String::new();
    file.take(256).read_to_string(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let scratch = tempfile::tempdir().unwrap();
        let home = Home::at(scratch.path());
        (scratch, home)
    }

    #[test]
    fn a_second_holder_is_refused_with_the_pid_and_role_of_the_first() {
        let (_scratch, home) = home();
        let pid = std::process::id();
        for (role, sentence, hint) in [
            (
                Role::Agent,
                format!("an agent is running already (pid {pid})"),
                "see what it does with: devpulse-client status",
            ),
            (Role::Sync, format!("a sync is running (pid {pid})"), "wait until it has ended"),
            (
                Role::Command,
                format!("another devpulse command is at work on this home (pid {pid})"),
                "wait until it has ended",
            ),
        ] {
            let _held = InstanceLock::acquire(&home, role).unwrap();
            let error = InstanceLock::acquire(&home, Role::Agent).unwrap_err();
            assert!(
                matches!(error, LockError::HeldBy(Some(holder)) if holder == Holder { pid, role })
            );
            assert_eq!(error.to_string(), sentence);
            assert_eq!(error.hint().as_deref(), Some(hint));
        }
    }

    #[test]
    fn a_lock_that_was_given_up_can_be_taken() {
        let (_scratch, home) = home();
        drop(InstanceLock::acquire(&home, Role::Agent).unwrap());
        assert_eq!(std::fs::read(home.lock()).unwrap(), b"");
        InstanceLock::acquire(&home, Role::Sync).unwrap();
    }

    #[test]
    fn what_a_dead_holder_left_behind_does_not_hold_the_lock() {
        let (_scratch, home) = home();
        std::fs::write(home.lock(), "{\"pid\":1,\"role\":\"agent\"}\n and much more").unwrap();
        let _held = InstanceLock::acquire(&home, Role::Agent).unwrap();
        let error = InstanceLock::acquire(&home, Role::Agent).unwrap_err();
        assert!(
            matches!(error, LockError::HeldBy(Some(holder)) if holder.pid == std::process::id())
        );
    }

    #[test]
    fn a_holder_without_a_name_still_holds_the_lock() {
        let (_scratch, home) = home();
        let held = InstanceLock::acquire(&home, Role::Agent).unwrap();
        held.file.set_len(0).unwrap();
        let error = InstanceLock::acquire(&home, Role::Agent).unwrap_err();
        assert_eq!(error.to_string(), "another DevPulse process holds this home");
    }

    #[test]
    fn a_lock_file_that_cannot_be_opened_is_an_error() {
        let (_scratch, home) = home();
        std::fs::create_dir(home.lock()).unwrap();
        let error = InstanceLock::acquire(&home, Role::Agent).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the lock {} cannot be taken", home.lock().display())
        );
        assert_eq!(error.hint(), None);
    }
}
