//! What a run found, as it is kept in a file of JSON between runs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::figure::Figure;

/// Everything that was measured last, by the name of the measurement.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: String,
    pub(crate) measured: BTreeMap<String, Measured>,
}

/// What one measurement found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The day, in UTC.
    pub(crate) day: String,
    /// Processes that wanted to run on average over the minute before, and over the last one.
    pub(crate) load: [f64; 2],
    pub(crate) figures: Vec<Figure>,
    pub(crate) tables: Vec<Table>,
}

/// A table that compares several things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    /// By which the document asks for it.
    pub(crate) name: String,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Measured {
    pub(crate) fn add(&mut self, name: &str, what: &str, unit: &str, samples: &[f64]) {
        self.figures.push(Figure::of(name, what, unit, samples));
    }
}

impl Results {
    /// What an earlier run left; nothing where there was none.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} holds no results", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).context("results have no JSON form")?;
        text.push('\n');
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The figure of this name.
    pub(crate) fn figure(&self, name: &str) -> Option<&Figure> {
        let all = self.measured.values().flat_map(|measured| &measured.figures);
        all.into_iter().find(|figure| figure.name == name)
    }

    /// The table of this name.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        let all = self.measured.values().flat_map(|measured| &measured.tables);
        all.into_iter().find(|table| table.name == name)
    }
}
