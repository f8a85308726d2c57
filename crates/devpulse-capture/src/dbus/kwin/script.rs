//! Scripts in KWin: put there as a file, started, and heard when they call back.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;
use zbus::message::{Message, Type};

use super::super::bus::{Bus, CallError};
use super::object;
use crate::hook::HookError;
use crate::policy::hex;

/// A script that has not answered by then does not run.
const PATIENCE: Duration = Duration::from_secs(4);

/// A script that runs in KWin.
pub(super) struct Script {
    /// What it says with every call, so that nobody else can speak for it.
    word: String,
    _file: Removed,
}

/// A file that is removed when it is let go of.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // What is left goes with the session's folder.
        std::fs::remove_file(&self.0).ok();
    }
}

impl Script {
    /// Starts a script under this name, in the place of an older one that an agent left there
    /// which was killed.
    pub(super) async fn load(
        bus: &Bus,
        folder: &Path,
        name: &str,
        text: &str,
    ) -> Result<Self, HookError> {
        let word = hex(&rand::random::<[u8; 16]>());
        let service = bus.unique_name();
        let text = text.replace("@SERVICE@", &service).replace("@WORD@", &word);
        let path = folder.join(format!("{name}-{word}.js"));
        let file = write(&path, &text).map_err(|error| {
            HookError::with_source(format!("{} cannot be written", path.display()), error)
        })?;
        let scripting = object("/Scripting", "org.kde.kwin.Scripting");
        let unloaded: Result<bool, CallError> = bus.call(scripting, "unloadScript", &name).await;
        unloaded.map_err(refused)?;
        let path = path.to_string_lossy().into_owned();
        let number: i32 =
            bus.call(scripting, "loadScript", &(path, name)).await.map_err(refused)?;
        if number < 0 {
            return Err(HookError::new("KWin does not take the script"));
        }
        let started: Result<(), CallError> = bus.call(scripting, "start", &()).await;
        started.map_err(refused)?;
        Ok(Self { word, _file: file })
    }

    /// What the script says with a call, where it is one of its calls.
    pub(super) fn said(&self, message: &Message, kwin: &str) -> Option<String> {
        let header = message.header();
        let from_kwin = header.sender().is_some_and(|sender| sender.as_str() == kwin);
        if message.message_type() != Type::MethodCall || !from_kwin {
            return None;
        }
        let (word, said): (String, String) = message.body().deserialize().ok()?;
        (word == self.word).then_some(said)
    }
}

/// Runs a script that answers once, and returns its answer.
pub(super) async fn answer(
    bus: &mut Bus,
    kwin: &str,
    folder: &Path,
    text: &str,
) -> Result<String, HookError> {
    let name = format!("devpulse-{}", hex(&rand::random::<[u8; 8]>()));
    let script = Script::load(bus, folder, &name, text).await?;
    let answered = timeout(PATIENCE, async {
        loop {
            let message = bus.next_message().await?;
            if let Some(said) = script.said(&message, kwin) {
                bus.acknowledge(&message).await?;
                return Ok(said);
            }
        }
    })
    .await
    .unwrap_or_else(|_| Err(HookError::new("KWin's script does not answer")));
    let scripting = object("/Scripting", "org.kde.kwin.Scripting");
    let unloaded: Result<bool, CallError> = bus.call(scripting, "unloadScript", &name).await;
    unloaded.map_err(refused)?;
    answered
}

/// Writes a file that KWin can read. The folder is the session's: nobody else looks into it.
fn write(path: &Path, text: &str) -> std::io::Result<Removed> {
    use std::io::Write as _;

    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o644).open(path)?;
    let removed = Removed(path.to_owned());
    file.write_all(text.as_bytes())?;
    Ok(removed)
}

fn refused(error: CallError) -> HookError {
    HookError::with_source("KWin refuses the script", error)
}
