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
        mend(root, RUN, launch)?;
    }
    Ok(())
}

/// The plugin removes the value of both roots.
pub(super) fn clear() -> Result<(), AutostartError> {
    Ok(())
}

/// Puts the command that starts this program in place of another one.
fn mend(root: &Key, path: &str, launch: &Launch) -> Result<(), AutostartError> {
    let value = root.open(path).and_then(|key| key.get_string(NAME)).ok();
    if value.is_none_or(|value| value == command(launch)) {
        return Ok(());
    }
    let written = root.create(path).and_then(|key| key.set_string(NAME, command(launch)));
    written.map_err(|error| AutostartError::Entry {
        path: path.into(),
        source: std::io::Error::other(error),
    })
}

fn value(root: &Key) -> Option<String> {
    root.open(RUN).and_then(|key| key.get_string(NAME)).ok()
}

fn command(launch: &Launch) -> String {
    format!("\"{}\" {ARGUMENT}", launch.program.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_is_put_between_quotes_in_the_registry() {
        const PLACE: &str = r"SOFTWARE\DevPulse\Test of the Run key";
        let launch = Launch { program: r"C:\Program Files\DevPulse Client\devpulse.exe".into() };
        let key = CURRENT_USER.create(PLACE).unwrap();
        // As the plugin writes it.
        key.set_string(NAME, r"C:\Program Files\DevPulse Client\devpulse.exe --hidden").unwrap();
        mend(CURRENT_USER, PLACE, &launch).unwrap();
        let quoted = r#""C:\Program Files\DevPulse Client\devpulse.exe" --hidden"#;
        assert_eq!(key.get_string(NAME).unwrap(), quoted);
        CURRENT_USER.remove_tree(PLACE).unwrap();
        mend(CURRENT_USER, PLACE, &launch).unwrap();
        assert!(CURRENT_USER.open(PLACE).is_err());
    }
}
