//! A dead letter for programs: the event as it is sent, and beside its fields why and
//! when it was refused.

use std::fmt;

use devpulse_control::ListedEvent;
use devpulse_protocol::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// The fields that are added.
const ADDED: [&str; 3] = ["reason", "status", "died_at"];

/// An event's own fields, in their order and to the letter, and those of its refusal. A
/// field of the event that bears one of those names gives way: a gap's `reason` is
/// called `gap_reason`.
#[derive(Debug)]
pub(crate) struct DeadLetter<'a> {
    fields: Vec<(String, Box<RawValue>)>,
    reason: Option<&'a str>,
    status: Option<u16>,
    died_at: Option<Timestamp>,
}

impl<'a> DeadLetter<'a> {
    /// Reads what was listed.
    ///
    /// # Errors
    /// Fails where the event is no JSON object.
    pub(crate) fn of(listed: &'a ListedEvent) -> Result<Self, serde_json::Error> {
        let Fields(mut fields) = serde_json::from_str(listed.json.get())?;
        let kind = fields.iter().find(|(name, _)| name == "event_type");
        let kind = kind.and_then(|(_, kind)| serde_json::from_str::<String>(kind.get()).ok());
        for (name, _) in &mut fields {
            if ADDED.contains(&name.as_str()) {
                *name = format!("{}_{name}", kind.as_deref().unwrap_or("event"));
            }
        }
        let reason = listed.reason.as_deref();
        Ok(Self { fields, reason, status: listed.status, died_at: listed.at })
    }
}

impl Serialize for DeadLetter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len() + ADDED.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("reason", &self.reason)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("died_at", &self.died_at)?;
        map.end()
    }
}

/// The fields of an object, in their order.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(json: &str, reason: Option<&str>) -> String {
        let listed = ListedEvent {
            json: RawValue::from_string(json.to_owned()).unwrap(),
            reason: reason.map(str::to_owned),
            status: reason.map(|_| 422),
            at: reason.map(|_| Timestamp::from_millis(0)),
        };
        serde_json::to_string(&DeadLetter::of(&listed).unwrap()).unwrap()
    }

    #[test]
    fn the_event_stays_as_it_is_sent_and_the_refusal_stands_beside_it() {
        assert_eq!(
            letter(r#"{"seq":18446744073709551617,"data":{"b": 1.50}}"#, Some("no such name")),
            r#"{"seq":18446744073709551617,"data":{"b": 1.50},"reason":"no such name","status":422,"died_at":"1970-01-01T00:00:00.000Z"}"#
        );
        assert_eq!(letter("{}", None), r#"{"reason":null,"status":null,"died_at":null}"#);
    }

    #[test]
    fn a_field_of_the_same_name_gives_way() {
        assert_eq!(
            letter(r#"{"event_type":"gap","reason":"damaged","count":1}"#, Some("unwanted")),
            r#"{"event_type":"gap","gap_reason":"damaged","count":1,"reason":"unwanted","status":422,"died_at":"1970-01-01T00:00:00.000Z"}"#
        );
        assert!(letter(r#"{"status":1}"#, None).starts_with(r#"{"event_status":1,"#));
    }
}
