//! The `Run` key of the Windows registry.

use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

use super::{ARGUMENT, AutostartError, Launch, NAME};

const RUN: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run";

/// The plugin asks the key, and whether the person switched it off in the task manager.
pub(super) fn is_on(
    plugin: impl FnOnce() -> Result<bool, AutostartError>,
) -> Result<bool, AutostartError> {
    plugin()
}

/// Whether the value is anything but the command that starts this program.
pub(super) fn is_stale(launch: &Launch) -> Result<bool, AutostartError> {
    let value = [CURRENT_USER, LOCAL_MACHINE].into_iter().find_map(value);
    Ok(value.is_some_and(|value| value != command(launch)))
}

/// Puts the path between quotes, wherever the plugin wrote it.
pub(super) fn write(
    launch: &Launch,
    _undo: impl FnOnce() -> Result<(), AutostartError>,
) -> Result<(), AutostartError> {
    for root in [CURRENT_USER, LOCAL_MACHINE] {
        if value(root).is_some_and(|value| value != command(launch)) {
            let written = root.create(RUN).and_then(|key| key.set_string(NAME, command(launch)));
            written.map_err(|error| AutostartError::Entry {
                path: RUN.into(),
                source: std::io::Error::other(error),
            })?;
        }
    }
    Ok(())
}

/// The plugin removes the value of both roots.
pub(super) fn clear() -> Result<(), AutostartError> {
    Ok(())
}

fn value(root: &Key) -> Option<String> {
    root.open(RUN).and_then(|key| key.get_string(NAME)).ok()
}

fn command(launch: &Launch) -> String {
    format!("\"{}\" {ARGUMENT}", launch.program.display())
}
