//! A property list below `~/Library/LaunchAgents`.

use std::path::PathBuf;

use super::{ARGUMENT, AutostartError, Launch, NAME};

/// The plugin looks whether the file is there, which is what the system does.
pub(super) fn is_on(
    plugin: impl FnOnce() -> Result<bool, AutostartError>,
) -> Result<bool, AutostartError> {
    plugin()
}

/// Whether the file is there and is not the one that starts this program.
pub(super) fn is_stale(launch: &Launch) -> Result<bool, AutostartError> {
    let written = std::fs::read_to_string(file()?);
    Ok(written.is_ok_and(|text| text != property_list(launch)))
}

/// Writes what the plugin wrote anew, with the characters that XML reserves escaped.
pub(super) fn write(
    launch: &Launch,
    _undo: impl FnOnce() -> Result<(), AutostartError>,
) -> Result<(), AutostartError> {
    let path = file()?;
    std::fs::write(&path, property_list(launch))
        .map_err(|source| AutostartError::Entry { path, source })
}

/// The plugin removes the file.
pub(super) fn clear() -> Result<(), AutostartError> {
    Ok(())
}

fn file() -> Result<PathBuf, AutostartError> {
    let home = std::env::var_os("HOME").map(PathBuf::from).ok_or(AutostartError::NoHome)?;
    Ok(home.join("Library/LaunchAgents").join(format!("{NAME}.plist")))
}

fn property_list(launch: &Launch) -> String {
    let program = launch.program.display().to_string();
    let program = program.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n\
         <key>Label</key>\n<string>{NAME}</string>\n\
         <key>ProgramArguments</key>\n<array>\n\
         <string>{program}</string>\n<string>{ARGUMENT}</string>\n</array>\n\
         <key>RunAtLoad</key>\n<true/>\n</dict>\n</plist>\n"
    )
}
