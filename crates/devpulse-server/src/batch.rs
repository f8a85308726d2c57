//! Reading a batch: as little of each event as is needed, the rest kept as it was sent.

use std::borrow::Cow;
use std::ops::Range;

use devpulse_protocol::{
    BatchEnvelope, BatchId, DeviceId, Epoch, EventId, EventType, MAX_CUSTOM_DATA_BYTES,
    ProblemCode, Rejection, Seq, Timestamp,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::credential::Digest;

/// A batch that was read, with the events that may be stored and those that may not.
#[derive(Debug)]
pub(crate) struct ParsedBatch {
    pub(crate) id: BatchId,
    /// Of the whole body, before its content encoding.
    pub(crate) digest: Digest,
    /// The whole body.
    pub(crate) text: String,
    pub(crate) events: Vec<ParsedEvent>,
    pub(crate) rejected: Vec<Rejection>,
}

/// An event that may be stored.
#[derive(Debug)]
pub(crate) struct ParsedEvent {
    pub(crate) id: EventId,
    pub(crate) event_type: EventType,
    pub(crate) time: Timestamp,
    /// Where its text lies in the body.
    pub(crate) text: Range<usize>,
}

/// Why a whole batch is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchFault {
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("the body is no batch: {0}")]
    NotABatch(#[source] serde_json::Error),
    #[error("the idempotency key is not the batch_id {0}")]
    OtherKey(BatchId),
    #[error("event_count is {said}, but there are {found} events")]
    WrongCount { said: usize, found: usize },
    #[error("event {index} has no event_id that could be rejected: {cause}")]
    Nameless {
        index: usize,
        #[source]
        cause: serde_json::Error,
    },
}

impl ParsedBatch {
    /// Reads a body that `device` sent under the idempotency key `key`.
    pub(crate) fn parse(body: Vec<u8>, device: &DeviceId, key: &str) -> Result<Self, BatchFault> {
        let digest = Digest::of(&body);
        let text = String::from_utf8(body).map_err(|_| BatchFault::NotUtf8)?;
        let envelope: BatchEnvelope<&RawValue> =
            serde_json::from_str(&text).map_err(BatchFault::NotABatch)?;
        if key.parse().ok() != Some(envelope.batch_id) {
            return Err(BatchFault::OtherKey(envelope.batch_id));
        }
        if envelope.event_count != envelope.events.len() {
            return Err(BatchFault::WrongCount {
                said: envelope.event_count,
                found: envelope.events.len(),
            });
        }
        let mut events = Vec::with_capacity(envelope.events.len());
        let mut rejected = Vec::new();
        for (index, raw) in envelope.events.iter().enumerate() {
            match read_event(raw, device) {
                Ok(header) => {
                    let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
                    events.push(ParsedEvent {
                        id: header.event_id,
                        event_type: header.event_type,
                        time: header.timestamp,
                        text: start..start + raw.get().len(),
                    });
                }
                Err(message) => {
                    let name: Name = serde_json::from_str(raw.get())
                        .map_err(|cause| BatchFault::Nameless { index, cause })?;
                    rejected.push(Rejection {
                        event_id: name.event_id,
                        code: ProblemCode::Invalid,
                        message,
                    });
                }
            }
        }
        Ok(Self { id: envelope.batch_id, digest, text, events, rejected })
    }
}

/// What every event has, borrowed where its text allows it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "some fields only have to be there")]
struct Header<'a> {
    event_id: EventId,
    epoch: Epoch,
    seq: Seq,
    event_type: EventType,
    timestamp: Timestamp,
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    /// Only custom events have it.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Name {
    event_id: EventId,
}

fn read_event<'a>(raw: &'a RawValue, device: &DeviceId) -> Result<Header<'a>, String> {
    let header: Header<'a> = serde_json::from_str(raw.get()).map_err(|cause| cause.to_string())?;
    if header.client_id != device.as_str() {
        return Err("client_id is not the device that sent the event".to_owned());
    }
    if header.event_type == EventType::Custom
        && let Some(data) = header.data
        && data.get().len() > MAX_CUSTOM_DATA_BYTES
    {
        return Err(format!(
            "data may have at most {MAX_CUSTOM_DATA_BYTES} bytes, this has {}",
            data.get().len()
        ));
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: EventId, extra: &str) -> String {
        format!(
            r#"{{"event_id":"{id}","epoch":"00000000000000ff","seq":1,"event_type":"custom",
            "timestamp":"2026-01-02T03:04:05.678Z","username":"ada","client_id":"d1"{extra}}}"#
        )
    }

    fn parse(id: BatchId, count: usize, events: &str) -> Result<ParsedBatch, BatchFault> {
        let body = format!(
            r#"{{"batch_id":"{id}","created_at":"2026-01-02T03:04:05.678Z",
            "event_count":{count},"events":[{events}]}}"#
        );
        ParsedBatch::parse(body.into_bytes(), &DeviceId::new("d1"), &id.to_string())
    }

    #[test]
    fn the_text_of_an_event_is_kept_byte_for_byte() {
        let sent = event(EventId::new(), r#", "data" : 1.50e0,"unknown":[ 1 ]"#);
        let batch = parse(BatchId::new(), 2, &format!(" {}, {sent} ", event(EventId::new(), "")));
        let batch = batch.unwrap();
        assert_eq!(&batch.text[batch.events[1].text.clone()], sent);
    }

    #[test]
    fn a_bad_event_is_rejected_by_its_id_and_its_neighbour_is_kept() {
        let bad = EventId::new();
        for broken in [
            event(bad, "").replace("\"custom\"", "\"unheard\""),
            event(bad, "").replace("\"seq\":1,", ""),
            event(bad, "").replace("\"d1\"", "\"d2\""),
            event(bad, "").replace("2026-01-02T", "yesterday"),
            event(bad, &format!(r#","data":"{}""#, "x".repeat(MAX_CUSTOM_DATA_BYTES))),
        ] {
            let events = format!("{broken},{}", event(EventId::new(), ""));
            let batch = parse(BatchId::new(), 2, &events).unwrap();
            assert_eq!(batch.events.len(), 1, "{broken}");
            assert_eq!(batch.rejected[0].event_id, bad);
            assert!(!batch.rejected[0].message.is_empty());
        }
    }

    #[test]
    fn data_of_exactly_the_limit_is_kept() {
        let text = format!(r#","data":"{}""#, "x".repeat(MAX_CUSTOM_DATA_BYTES - 2));
        let batch = parse(BatchId::new(), 1, &event(EventId::new(), &text)).unwrap();
        assert_eq!((batch.events.len(), batch.rejected.len()), (1, 0));
    }

    #[test]
    fn a_batch_that_contradicts_itself_is_refused_as_a_whole() {
        let id = BatchId::new();
        let one = event(EventId::new(), "");
        assert!(matches!(parse(id, 2, &one), Err(BatchFault::WrongCount { said: 2, found: 1 })));
        assert!(matches!(parse(id, 1, "{}"), Err(BatchFault::Nameless { index: 0, .. })));
        assert!(matches!(parse(id, 1, "7"), Err(BatchFault::Nameless { index: 0, .. })));
        let stranger = ParsedBatch::parse(
            format!(
                r#"{{"batch_id":"{id}","created_at":"2026-01-02T03:04:05Z","event_count":0,"events":[]}}"#
            )
            .into_bytes(),
            &DeviceId::new("d1"),
            &BatchId::new().to_string(),
        );
        assert!(matches!(stranger, Err(BatchFault::OtherKey(_))));
    }
}
