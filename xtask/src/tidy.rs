//! Rules of this repository that neither the compiler nor clippy knows.

mod edges;
mod promises;
mod sources;

use anyhow::{Result, bail};

use crate::workspace;

/// Checks every rule and prints each fault.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    let mut faults = sources::faults(&root)?;
    faults.extend(promises::faults(&root)?);
    faults.extend(edges::faults(&workspace::metadata()?));
    if faults.is_empty() {
        println!("the sources, the edges between the crates and the promises are tidy");
        return Ok(());
    }
    for fault in &faults {
        println!("{fault}");
    }
    bail!("{} faults", faults.len());
}
