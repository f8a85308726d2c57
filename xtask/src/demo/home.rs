//! The folder in which all of the demo lives, deleted with it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A new folder that only this user can read.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn create() -> Result<Self> {
        let name = format!("devpulse-demo-{}", std::process::id());
        let home = Self(std::env::temp_dir().join(name));
        let mut folders = DirBuilder::new();
        folders.mode(0o700);
        folders.create(&home.0).with_context(|| format!("{} cannot be made", home.0.display()))?;
        for folder in [home.logs(), home.agent(), home.user()] {
            folders.create(folder)?;
        }
        Ok(home)
    }

    /// What the programs write.
    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// What the agent takes for `DEVPULSE_HOME`.
    pub(crate) fn agent(&self) -> PathBuf {
        self.0.join("agent")
    }

    /// What programs take for the person's own folder.
    pub(crate) fn user(&self) -> PathBuf {
        self.0.join("user")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} could not be deleted: {error}", self.0.display());
        }
    }
}
