//! Faults between the client and the kernel, by `strace`: the client needs no hooks for
//! them, and they hit exactly the call that is named.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A call of the system at which something happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point<'a> {
    /// The names of the call, separated by commas.
    pub(crate) calls: &'a str,
    /// The file that it is made on, below the device's home; empty for any.
    pub(crate) file: &'a str,
}

/// Whether programs can be traced here. Where they cannot, the test says so and passes,
/// unless `DEVPULSE_REQUIRE_DESKTOP` is set.
pub(crate) fn is_there() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_there = traced.is_ok_and(|status| status.success());
    if !is_there {
        let required = std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_some();
        assert!(!required, "strace is required, but it is missing or may not trace");
        eprintln!("skipped: strace is missing or may not trace");
    }
    is_there
}

/// How many calls were interfered with in the last traced run on a home.
pub(crate) fn interfered(home: &Path) -> usize {
    let record = std::fs::read_to_string(record(home)).unwrap();
    record.lines().filter(|line| line.contains("(INJECTED)")).count()
}

fn record(home: &Path) -> PathBuf {
    home.with_extension("trace")
}

impl Point<'_> {
    /// Kills the client on its way into the `nth` such call, which then never happens.
    pub(crate) fn kill(self, home: &Path, nth: u32) -> Vec<String> {
        self.injected(home, &format!("signal=KILL:when={nth}"))
    }

    /// Lets such calls fail: `when` is a number, or a range as `5..9`.
    pub(crate) fn fail(self, home: &Path, error: &str, when: &str) -> Vec<String> {
        self.injected(home, &format!("error={error}:when={when}"))
    }

    fn injected(self, home: &Path, what: &str) -> Vec<String> {
        let record = record(home).to_string_lossy().into_owned();
        let mut words = vec!["strace", "-f", "-qq", "-o", &record];
        let file = home.join(self.file).to_string_lossy().into_owned();
        if !self.file.is_empty() {
            words.extend(["-P", &file]);
        }
        let trace = format!("trace={}", self.calls);
        let inject = format!("inject={}:{what}", self.calls);
        words.extend(["-e", &trace, "-e", &inject]);
        words.into_iter().map(ToOwned::to_owned).collect()
    }
}
