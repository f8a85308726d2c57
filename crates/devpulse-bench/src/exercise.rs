//! The paths that every event takes, by themselves, so that they can be counted or profiled:
//! so many events and nothing else.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use devpulse_pipeline::wal::{BatchLimits, LoadedBatch, NewEvent, Store};
use devpulse_protocol::{CheckedReceipt, Receipt, Timestamp};

use crate::append;
use crate::workload::Workload;

/// What the queue commits at once while events keep coming.
pub(crate) const GROUP: usize = 64;
/// A batch, as it is by default.
pub(crate) const LIMITS: BatchLimits = BatchLimits { max_events: 100, max_bytes: 1 << 20 };

/// The names of the exercises.
pub const EXERCISES: [&str; 3] = ["encode", "append", "deliver"];

/// Runs an exercise over so many events, with its files in `folder`.
///
/// `encode` makes sessions into JSON, `append` commits them in groups of 64, and `deliver`
/// appends them, forms batches of 100, compresses and acknowledges them.
///
/// # Errors
/// Fails where the disk does, and where there is no such exercise.
pub fn run(name: &str, events: usize, folder: &Path) -> Result<()> {
    let mut workload = Workload::new(23);
    match name {
        "encode" => {
            for _ in 0..events {
                let session = workload.session();
                let event = NewEvent::from_draft(&session).context("a session as JSON")?;
                std::hint::black_box(event);
            }
            Ok(())
        }
        "append" => fill(&mut append::open(folder)?, &mut workload, events),
        "deliver" => {
            let mut store = append::open(folder)?;
            fill(&mut store, &mut workload, events)?;
            while let Some(batch) = next_batch(&mut store)? {
                let body = zstd::bulk::compress(&batch.outgoing.body, 3).context("zstd fails")?;
                std::hint::black_box(body);
                acknowledge(&mut store, &batch)?;
            }
            Ok(())
        }
        unknown => bail!("there is no exercise `{unknown}`"),
    }
}

/// Appends so many events in groups, as the queue does.
pub(crate) fn fill(store: &mut Store, workload: &mut Workload, events: usize) -> Result<()> {
    let mut left = events;
    while left > 0 {
        let group = workload.events(left.min(GROUP));
        store.append(&group).context("events cannot be appended")?;
        left -= group.len();
    }
    Ok(())
}

/// Forms and loads the next batch; `None` where nothing waits.
pub(crate) fn next_batch(store: &mut Store) -> Result<Option<LoadedBatch>> {
    let formed = store.form_batch(LIMITS, Timestamp::now()).context("no batch can be formed")?;
    let Some(meta) = formed else { return Ok(None) };
    let loaded = store.load_batch(&meta).context("a batch cannot be read")?;
    Ok(Some(loaded.context("a batch is gone")?))
}

/// Takes a batch as delivered.
pub(crate) fn acknowledge(store: &mut Store, batch: &LoadedBatch) -> Result<()> {
    let receipt = receipt(batch)?;
    store
        .acknowledge(batch, &receipt, true, None, Timestamp::now())
        .context("a batch cannot be acknowledged")?;
    Ok(())
}

/// The receipt of a server that took everything.
pub(crate) fn receipt(batch: &LoadedBatch) -> Result<CheckedReceipt> {
    let receipt = Receipt {
        batch_id: batch.meta.id,
        accepted: batch.events.len() as u64,
        duplicates: 0,
        rejected: Vec::new(),
        config_version: None,
    };
    let checked = receipt.check(batch.meta.id, &batch.outgoing.event_ids);
    checked.context("a receipt that does not add up")
}
