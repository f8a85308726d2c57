//! Rules of this repository that neither the compiler nor clippy knows.

mod edges;
mod sources;

use anyhow::{Result, bail};

use crate::workspace;

/// Checks every rule and prints each fault.
pub(crate) fn run() -> Result<()> {
    let mut faults = sources::faults(&workspace::root()?)?;
    faults.extend(edges::faults(&workspace::metadata()?));
    if faults.is_empty() {
        println!("the sources and the edges between the crates are tidy");
        return Ok(());
    }
    for fault in &faults {
        println!("{fault}");
    }
    bail!("{} faults", faults.len());
}
