//! Batches: the JSON text that the log makes into a message, and back.

use devpulse_protocol::BatchEnvelope;
use serde_json::value::RawValue;

use crate::event::{EventFault, event_from_json, event_to_json};
use crate::exact::write_str;
use crate::v1;

/// Why a message is no batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchFault {
    /// One of its events is none.
    #[error("event {index} is none: {cause}")]
    Event {
        /// Which event, from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        cause: EventFault,
    },
}

/// The message for a batch's JSON text; the same text gives the same message.
///
/// # Errors
/// Fails where the text is no batch.
pub fn batch_from_json(text: &[u8]) -> Result<v1::Batch, serde_json::Error> {
    let batch: BatchEnvelope<&RawValue> = serde_json::from_slice(text)?;
    Ok(v1::Batch {
        batch_id: batch.batch_id.to_string(),
        created_at: batch.created_at.to_string(),
        event_count: batch.event_count as u64,
        events: batch.events.into_iter().map(|event| event_from_json(event.get())).collect(),
    })
}

/// The JSON text of a batch.
///
/// # Errors
/// Fails where one of its events is none.
pub fn batch_to_json(batch: &v1::Batch) -> Result<String, BatchFault> {
    let mut text = String::with_capacity(256 + batch.events.len() * 512);
    text.push_str("{\"batch_id\":");
    write_str(&batch.batch_id, &mut text);
    text.push_str(",\"created_at\":");
    write_str(&batch.created_at, &mut text);
    text.push_str(&format!(",\"event_count\":{},\"events\":[", batch.event_count));
    for (index, event) in batch.events.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let event = event_to_json(event).map_err(|cause| BatchFault::Event { index, cause })?;
        text.push_str(&event);
    }
    text.push_str("]}");
    Ok(text)
}
