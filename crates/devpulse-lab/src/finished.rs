//! What a finished process leaves.

use std::process::Output;

use serde_json::Value;

/// How a process ended.
#[derive(Debug)]
pub struct Finished {
    call: String,
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed as its result.
    pub stdout: String,
    /// Everything else that it printed.
    pub stderr: String,
}

impl Finished {
    /// Reads what a call left.
    #[must_use]
    pub fn of(arguments: &[&str], output: Output) -> Self {
        Self {
            call: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails where it ended in another way.
    #[track_caller]
    pub fn expect_exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}{}", self.call, self.stdout, self.stderr);
        self
    }

    /// The cause and the hint that were printed, and that nothing else was.
    #[track_caller]
    #[must_use]
    pub fn cause_and_hint(&self) -> (String, String) {
        let mut lines = self.stderr.lines().filter(|line| !line.is_empty());
        let cause = lines.next().and_then(|line| line.strip_prefix("error: "));
        let hint = lines.next().and_then(|line| line.strip_prefix("hint: "));
        let (Some(cause), Some(hint)) = (cause, hint) else {
            panic!("{} printed no cause and hint:\n{}", self.call, self.stderr)
        };
        assert_eq!(lines.next(), None, "{} printed more:\n{}", self.call, self.stderr);
        assert_eq!(self.stdout, "", "{} printed a result beside its error", self.call);
        (cause.to_owned(), hint.to_owned())
    }

    /// What it printed, as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", self.call, self.stdout))
    }
}
