//! The token that administrators bear, in a file that only its owner can read.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::credential::{self, Digest};

/// The token that administrators bear; kept as its digest.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken(Digest);

/// Why the token file is no use.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// It cannot be read, or not be made.
    #[error("the admin token file {path} cannot be used")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// Others can read it.
    #[error("the admin token file {path} can be read by others")]
    ReadableByOthers {
        /// Which file.
        path: PathBuf,
    },
    /// It holds too little to be a token.
    #[error("the admin token file {path} holds no token")]
    NoToken {
        /// Which file.
        path: PathBuf,
    },
}

/// A shorter token could be guessed.
const MIN_TOKEN_BYTES: usize = 32;

impl AdminToken {
    /// Reads the token from `path`, where it is made first if there is no such file.
    ///
    /// # Errors
    /// Refuses a file that others can read, or that holds fewer than 32 bytes.
    pub fn load_or_create(path: &Path) -> Result<Self, AdminTokenError> {
        match Self::load(path) {
            Err(AdminTokenError::Unusable { cause, .. }) if cause.kind() == ErrorKind::NotFound => {
                create(path)?;
                Self::load(path)
            }
            result => result,
        }
    }

    pub(crate) fn matches(&self, given: &str) -> bool {
        self.0.matches(given)
    }

    fn load(path: &Path) -> Result<Self, AdminTokenError> {
        let unusable = |cause| AdminTokenError::Unusable { path: path.to_owned(), cause };
        let mut file = fs::File::open(path).map_err(unusable)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().map_err(unusable)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(AdminTokenError::ReadableByOthers { path: path.to_owned() });
            }
        }
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).map_err(unusable)?;
        let token = text.trim();
        if token.len() < MIN_TOKEN_BYTES {
            return Err(AdminTokenError::NoToken { path: path.to_owned() });
        }
        Ok(Self(Digest::of(token)))
    }
}

/// Writes a new token under another name, readable by its owner only, and gives it its
/// name once it is complete. Where another process was faster, its token stays.
fn create(path: &Path) -> Result<(), AdminTokenError> {
    let unusable = |cause| AdminTokenError::Unusable { path: path.to_owned(), cause };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(unusable)?;
    writeln!(file, "{}", credential::generate("dpa_")).map_err(unusable)?;
    file.as_file().sync_all().map_err(unusable)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(unusable(failed.error)),
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_read_back_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let made = AdminToken::load_or_create(&path).unwrap();
        assert!(made.matches(fs::read_to_string(&path).unwrap().trim()));
        assert!(!made.matches("dpa_"));
        assert_eq!(AdminToken::load_or_create(&path).unwrap(), made);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_token_file_is_readable_by_its_owner_only_and_a_wider_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        AdminToken::load_or_create(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = AdminToken::load_or_create(&path);
        assert!(matches!(refused, Err(AdminTokenError::ReadableByOthers { .. })));
    }

    #[test]
    fn a_file_that_holds_too_little_is_no_token() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        create(&path).unwrap();
        fs::write(&path, "short\n").unwrap();
        let refused = AdminToken::load_or_create(&path);
        assert!(matches!(refused, Err(AdminTokenError::NoToken { .. })));
    }
}
