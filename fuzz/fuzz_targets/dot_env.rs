#![no_main]

/// The agent is too much to build for one function, so its file is taken by itself.
#[path = "../../crates/devpulse-agent/src/settings/dot_env.rs"]
mod dot_env;

/// Stands for the agent's.
#[derive(Debug)]
enum SettingsError {
    BrokenDotEnv { line: usize },
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines = text.lines().count();
    match dot_env::parse(text) {
        Ok(found) => {
            for assignment in found {
                assert!((1..=lines).contains(&assignment.line));
                assert!(!assignment.name.is_empty());
                drop(assignment.value);
            }
        }
        Err(SettingsError::BrokenDotEnv { line }) => assert!((1..=lines.max(1)).contains(&line)),
    }
});
