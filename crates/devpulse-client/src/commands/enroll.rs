//! `enroll`: the secret that an administrator issued becomes this device's key.

use std::path::{Path, PathBuf};

use devpulse_agent::credentials::{KeptIn, SystemKeychain};
use devpulse_agent::enrollment::{
    Backlog, BacklogChoice, EnrollError, Enrolled, EnrollmentRequest, FailureClass,
};
use devpulse_agent::preset::{Preset, SecretError, Spent};
use devpulse_agent::printable::printable;
use devpulse_agent::replacement;
use devpulse_agent::unenroll::KeyAtServer;
use devpulse_protocol::EnrollmentSecret;

use crate::cli::Enroll;
use crate::commands::secret_file;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::session::{Session, flag};

pub(super) async fn enroll(home: Option<PathBuf>, arguments: Enroll) -> Result<(), Failure> {
    let username = arguments.username.as_deref().map(|name| flag("--username", "username", name));
    let server = arguments.server.as_deref().map(|url| flag("--server", "server_url", url));
    let session = Session::open(home, username.into_iter().chain(server).collect())?;
    let Some(username) = session.settings.local().username.clone() else {
        return Err(Failure::new(
            Exit::Usage,
            "nobody is logged in whom to enroll this device for",
        )
        .with_hint("name the person with --username"));
    };
    let choice = if arguments.discard { BacklogChoice::Discard } else { BacklogChoice::Refuse };
    let (secret, by_preset) = match (arguments.enrollment_secret, arguments.enrollment_secret_file)
    {
        (None, None) => (preset_secret(session.settings.preset())?, session.settings.preset()),
        (given, file) => (secret(given, file.as_deref())?, None),
    };
    let request = EnrollmentRequest {
        username,
        secret,
        hostname: arguments.hostname,
        force: arguments.force,
        backlog: Backlog { pending: 0, choice },
    };
    let keychain = SystemKeychain::new();
    let enrolled = replacement::enroll(request, &session.settings, &keychain)
        .await
        .map_err(|error| failure(&error))?;
    if let Some(Spent::Remains { path, cause }) = by_preset.map(Preset::spend) {
        output::note(&format!(
            "warning: the enrollment secret in {} is not deleted: {cause}; ask your administrator \
             to delete it",
            printable(&path.to_string_lossy())
        ));
    }
    if let KeyAtServer::Unknown(cause) = &enrolled.former_key {
        output::note(&format!(
            "warning: the key of the former enrollment may still be valid at its server: {}",
            printable(cause)
        ));
    }
    let mut output = Output::stdout();
    output.line(&conclusion(&enrolled))?;
    Ok(output.flush()?)
}

fn conclusion(enrolled: &Enrolled) -> String {
    let identity = &enrolled.credentials.identity;
    format!(
        "enrolled {} for {} at {}; the key is kept in {}",
        printable(identity.device_id.as_str()),
        printable(identity.username.as_str()),
        printable(&identity.server_url.to_string()),
        match enrolled.kept_in {
            KeptIn::Keyring => "the keychain",
            KeptIn::File => "a file that only you can read",
        }
    )
}

fn failure(error: &EnrollError) -> Failure {
    let exit = match error.class() {
        FailureClass::Failed => Exit::Failed,
        FailureClass::Usage => Exit::Usage,
        FailureClass::Unreachable => Exit::Unreachable,
        FailureClass::Refused => Exit::Refused,
    };
    Failure::from_error(exit, error).with_some_hint(error.hint())
}

/// The secret that the administrator has put on this computer.
fn preset_secret(preset: Option<&Preset>) -> Result<EnrollmentSecret, Failure> {
    let Some(preset) = preset else {
        return Err(Failure::new(Exit::Usage, "no enrollment secret is given")
            .with_hint("name its file with --enrollment-secret-file, or - for standard input"));
    };
    preset.secret().map_err(|error| {
        let exit = match error {
            SecretError::NotNamed => Exit::Usage,
            SecretError::Unreadable { .. } => Exit::Failed,
        };
        Failure::from_error(exit, &error)
            .with_hint("give the secret with --enrollment-secret-file, or ask your administrator")
    })
}

/// The secret, from wherever it is given; a line break at its end is none of it.
fn secret(given: Option<String>, file: Option<&Path>) -> Result<EnrollmentSecret, Failure> {
    let mut text = match (given, file) {
        (Some(secret), _) => secret,
        (None, Some(file)) => secret_file::read(file, "the enrollment secret")?,
        (None, None) => String::new(),
    };
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        return Err(Failure::new(Exit::Usage, "the enrollment secret is empty")
            .with_hint("ask your administrator for one"));
    }
    Ok(EnrollmentSecret::new(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn from_file(content: &[u8]) -> Result<EnrollmentSecret, Failure> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        secret(None, Some(file.path()))
    }

    #[test]
    fn a_line_break_at_the_end_of_a_secret_is_none_of_it() {
        for content in [&b"hunter2"[..], b"hunter2\n", b"hunter2\r\n", b"hunter2\n\n"] {
            assert_eq!(from_file(content).unwrap().expose(), "hunter2");
        }
        assert_eq!(from_file(b" hunter 2 \n").unwrap().expose(), " hunter 2 ");
        assert_eq!(secret(Some("hunter2\n".to_owned()), None).unwrap().expose(), "hunter2");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        assert!(matches!(from_file(b"\n"), Err(Failure::Error { exit: Exit::Usage, .. })));
        for content in [&b"hunter2\xff"[..], &[b'x'; 70_000]] {
            let refused = from_file(content).unwrap_err().to_string();
            assert!(!refused.contains("hunter2") && !refused.contains("xxx"), "{refused}");
        }
    }
}
