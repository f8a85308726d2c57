//! Events: JSON text into a message and back, without losing a field.
//!
//! A value goes into its field of the message where writing it again gives the same text;
//! whatever does not, and every field that this version does not know, goes into
//! `other_json` as it was written. What stands there is the event's, whatever else says.

use serde_json::value::RawValue;

use crate::exact::{Exact, Fields, Object, write_str};
use crate::v1;
use crate::v1::event::Body;

/// Why a message is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventFault {
    /// `other_json` is no JSON object.
    #[error("other_json is no JSON object")]
    Other(#[source] serde_json::Error),
    /// A field whose name ends in `_json` is no JSON.
    #[error("{field} is not JSON")]
    NotJson {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        cause: serde_json::Error,
    },
}

/// The message for an event's JSON text. A text that is no object comes out as
/// `other_json`, so that whoever reads it can refuse it.
#[must_use]
pub fn event_from_json(text: &str) -> v1::Event {
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(text) else {
        return v1::Event { other_json: text.to_owned(), ..v1::Event::default() };
    };
    let mut event = v1::Event::default();
    let event_type = fields.0.iter().find(|(name, _)| name == "event_type");
    event.body = event_type.and_then(|(_, text)| body_of(text));
    let mut other = None;
    for (name, text) in fields.0 {
        if !take(&mut event, &name, text) {
            other.get_or_insert_with(Object::begin).field(&name, |out| out.push_str(text));
        }
    }
    event.other_json = other.map(Object::end).unwrap_or_default();
    event
}

/// The JSON text of an event: the text that the message was made of, if its fields were in
/// the order in which a client writes them.
///
/// # Errors
/// Fails where the message holds text that ought to be JSON and is not.
pub fn event_to_json(event: &v1::Event) -> Result<String, EventFault> {
    let other: Fields<'_> = match event.other_json.as_str() {
        "" => Fields::default(),
        text => serde_json::from_str(text).map_err(EventFault::Other)?,
    };
    event.body.as_ref().map_or(Ok(()), check)?;
    let mut object = Object::begin();
    header(&mut object, &other, "event_id", &event.event_id);
    header(&mut object, &other, "timestamp", &event.timestamp);
    header(&mut object, &other, "username", &event.username);
    header(&mut object, &other, "client_id", &event.client_id);
    header(&mut object, &other, "event_type", &event.event_type);
    match &event.body {
        Some(Body::Activity(body)) => body.write(&mut object, &other),
        Some(Body::Heartbeat(body)) => body.write(&mut object, &other),
        Some(Body::Window(body)) => body.write(&mut object, &other),
        Some(Body::Screenshot(body)) => body.write(&mut object, &other),
        Some(Body::Custom(body)) => body.write(&mut object, &other),
        Some(Body::Gap(body)) => body.write(&mut object, &other),
        None => {}
    }
    header(&mut object, &other, "epoch", &event.epoch);
    if event.seq != 0 && !other.has("seq") {
        object.field("seq", |out| event.seq.write(out));
    }
    for (name, text) in &other.0 {
        object.field(name, |out| out.push_str(text));
    }
    Ok(object.end())
}

/// What the type of an event adds to it.
trait Fieldset {
    /// Takes a field's text in, where it belongs here and comes out again as it is.
    fn take(&mut self, name: &str, text: &str) -> bool;

    /// Writes the fields that are not in `other`.
    fn write(&self, object: &mut Object, other: &Fields<'_>);
}

/// The place of a field in a message.
trait Slot {
    fn take(&mut self, text: &str) -> bool;
    fn write(&self, out: &mut String);
    fn is_absent(&self) -> bool;
}

impl<T: Exact> Slot for Option<T> {
    fn take(&mut self, text: &str) -> bool {
        if self.is_none() {
            *self = T::read(text);
            return self.is_some() || text == "null";
        }
        false
    }

    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

macro_rules! collection {
    ($($type:ty),*) => {$(
        impl Slot for $type {
            fn take(&mut self, text: &str) -> bool {
                let read = <$type>::read(text).filter(|_| self.is_empty());
                read.map(|read| *self = read).is_some()
            }

            fn write(&self, out: &mut String) {
                Exact::write(self, out);
            }

            fn is_absent(&self) -> bool {
                false
            }
        }
    )*};
}

collection!(std::collections::BTreeMap<String, String>, Vec<v1::RefusedSetting>);

/// `listed` fields are always there, `null` where they do not apply; `rare` ones are
/// absent then. What is `raw` is listed, too, and kept as its JSON text.
macro_rules! fieldset {
    ($message:ident {
        listed $($listed:ident),* ; $(raw $raw:ident = $text:ident ;)? rare $($rare:ident),*
    }) => {
        impl Fieldset for v1::$message {
            fn take(&mut self, name: &str, text: &str) -> bool {
                match name {
                    $(stringify!($listed) => Slot::take(&mut self.$listed, text),)*
                    $(stringify!($raw) if self.$text.is_none() => {
                        self.$text = Some(text.to_owned());
                        true
                    })?
                    $(stringify!($rare) => text != "null" && Slot::take(&mut self.$rare, text),)*
                    _ => false,
                }
            }

            fn write(&self, object: &mut Object, other: &Fields<'_>) {
                $(if !other.has(stringify!($listed)) {
                    object.field(stringify!($listed), |out| Slot::write(&self.$listed, out));
                })*
                $(if !other.has(stringify!($raw)) {
                    object.field(stringify!($raw), |out| {
                        out.push_str(self.$text.as_deref().unwrap_or("null"));
                    });
                })?
                $(if !self.$rare.is_absent() && !other.has(stringify!($rare)) {
                    object.field(stringify!($rare), |out| Slot::write(&self.$rare, out));
                })*
            }
        }
    };
}

fieldset!(Activity { listed activity_type; rare reason, until });
fieldset!(Window {
    listed window_title, app_name, pid, start_time, end_time, duration, recovered; rare
});
fieldset!(Screenshot {
    listed screenshot_hash, format, width, height, size_bytes, monitor_index, monitor_count,
    trigger, duplicate_of; rare
});
fieldset!(Gap {
    listed reason, count, from_seq, to_seq, from_time, to_time, estimated; rare
});

fieldset!(Heartbeat {
    listed heartbeat_type, pending, oldest_pending_s, dropped, capabilities, overrides,
    refused_settings, withheld, clock_skew_s, key_expires_at; raw consent = consent_json; rare
});

impl Fieldset for v1::Custom {
    fn take(&mut self, name: &str, text: &str) -> bool {
        match name {
            "name" => Slot::take(&mut self.name, text),
            "data" if self.data_json.is_none() => {
                self.data_json = Some(text.to_owned());
                true
            }
            _ => false,
        }
    }

    fn write(&self, object: &mut Object, other: &Fields<'_>) {
        if !other.has("name") {
            object.field("name", |out| Slot::write(&self.name, out));
        }
        if !other.has("data") {
            object.field("data", |out| out.push_str(self.data_json.as_deref().unwrap_or("null")));
        }
    }
}

/// The message that an event's type asks for, from the type's JSON text.
fn body_of(event_type: &str) -> Option<Body> {
    Some(match event_type {
        r#""activity""# => Body::Activity(v1::Activity::default()),
        r#""heartbeat""# => Body::Heartbeat(v1::Heartbeat::default()),
        r#""window""# => Body::Window(v1::Window::default()),
        r#""screenshot""# => Body::Screenshot(v1::Screenshot::default()),
        r#""custom""# => Body::Custom(v1::Custom::default()),
        r#""gap""# => Body::Gap(v1::Gap::default()),
        _ => return None,
    })
}

fn take(event: &mut v1::Event, name: &str, text: &str) -> bool {
    match name {
        "event_id" => take_header(&mut event.event_id, text),
        "epoch" => take_header(&mut event.epoch, text),
        "event_type" => take_header(&mut event.event_type, text),
        "timestamp" => take_header(&mut event.timestamp, text),
        "username" => take_header(&mut event.username, text),
        "client_id" => take_header(&mut event.client_id, text),
        "seq" => take_header(&mut event.seq, text),
        _ => match &mut event.body {
            Some(Body::Activity(body)) => body.take(name, text),
            Some(Body::Heartbeat(body)) => body.take(name, text),
            Some(Body::Window(body)) => body.take(name, text),
            Some(Body::Screenshot(body)) => body.take(name, text),
            Some(Body::Custom(body)) => body.take(name, text),
            Some(Body::Gap(body)) => body.take(name, text),
            None => false,
        },
    }
}

/// Fields of the header are absent where they have their default.
fn take_header<T: Exact + Default + PartialEq>(field: &mut T, text: &str) -> bool {
    let absent = T::default();
    match T::read(text).filter(|read| *read != absent && *field == absent) {
        Some(read) => {
            *field = read;
            true
        }
        None => false,
    }
}

fn header(object: &mut Object, other: &Fields<'_>, name: &'static str, text: &str) {
    if !text.is_empty() && !other.has(name) {
        object.field(name, |out| write_str(text, out));
    }
}

fn check(body: &Body) -> Result<(), EventFault> {
    match body {
        Body::Custom(custom) => {
            custom.data_json.as_deref().map_or(Ok(()), |data| check_json("data_json", data))
        }
        Body::Heartbeat(heartbeat) => heartbeat
            .refused_settings
            .iter()
            .try_for_each(|refused| check_json("value_json", &refused.value_json)),
        _ => Ok(()),
    }
}

fn check_json(field: &'static str, text: &str) -> Result<(), EventFault> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(()),
        Err(cause) => Err(EventFault::NotJson { field, cause }),
    }
}
