//! The sections of a long task: a heading and the time that each took.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Runs sections one after the other and remembers how long each took.
pub(crate) struct Sections {
    started: Instant,
    done: Vec<(&'static str, Duration)>,
}

impl Sections {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs a section; an error says in which one it arose.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        section: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = section();
        let elapsed = started.elapsed();
        let verdict = if outcome.is_ok() { "passed" } else { "failed" };
        println!("-- {name}: {verdict} after {}", Elapsed(elapsed));
        self.done.push((name, elapsed));
        outcome.with_context(|| format!("section `{name}` failed"))
    }

    /// Prints what each section took.
    pub(crate) fn finish(&self) {
        println!("\n== summary");
        for (name, elapsed) in &self.done {
            println!("{name:<24} {:>12}", Elapsed(*elapsed).to_string());
        }
        let total = Elapsed(self.started.elapsed());
        println!("ok: all {} sections passed in {total}", self.done.len());
    }
}

/// A duration as people read it.
pub(crate) struct Elapsed(pub(crate) Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 60 {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            write!(f, "{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_section_bears_its_name() {
        let mut sections = Sections::new();
        sections.run("first", || Ok(())).unwrap();
        let error = sections.run("second", || anyhow::bail!("cause")).unwrap_err();
        assert_eq!(format!("{error:#}"), "section `second` failed: cause");
    }

    #[test]
    fn minutes_are_shown_from_sixty_seconds_on() {
        assert_eq!(Elapsed(Duration::from_millis(59_940)).to_string(), "59.9 s");
        assert_eq!(Elapsed(Duration::from_secs(605)).to_string(), "10 min 05 s");
    }
}
