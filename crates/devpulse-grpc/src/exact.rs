//! Values that stand for a JSON text so exactly that writing them gives the text again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::v1;

/// A value of a message that stands for a JSON text.
pub(crate) trait Exact: Sized {
    /// Reads a text; `None` where another text would come out again.
    fn read(text: &str) -> Option<Self>;

    /// Appends the text.
    fn write(&self, out: &mut String);
}

/// The fields of a JSON object in their order, each with its text.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, &'a str)>);

/// A JSON object that is being written.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Fields<'_> {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

impl Object {
    pub(crate) fn begin() -> Self {
        let mut text = String::with_capacity(512);
        text.push('{');
        Self(text)
    }

    /// Appends a field, whose text `write` appends.
    pub(crate) fn field(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_str(name, &mut self.0);
        self.0.push(':');
        write(&mut self.0);
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Appends a JSON string.
pub(crate) fn write_str(text: &str, out: &mut String) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7f;
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        write_json(&text, out);
    }
}

fn write_json(value: &impl Serialize, out: &mut String) {
    // These types have no text that could fail.
    out.push_str(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()));
}

fn read_exactly<T: for<'de> Deserialize<'de> + Serialize>(text: &str) -> Option<T> {
    let value = serde_json::from_str(text).ok()?;
    (serde_json::to_string(&value).ok()? == text).then_some(value)
}

impl Exact for String {
    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('"')?.strip_suffix('"') {
            Some(inner) if !inner.contains('\\') => Some(inner.to_owned()),
            _ => read_exactly(text),
        }
    }

    fn write(&self, out: &mut String) {
        write_str(self, out);
    }
}

macro_rules! by_serde {
    ($($type:ty),*) => {$(
        impl Exact for $type {
            fn read(text: &str) -> Option<Self> {
                read_exactly(text)
            }

            fn write(&self, out: &mut String) {
                write_json(self, out);
            }
        }
    )*};
}

by_serde!(u64, i64, f64, bool, BTreeMap<String, String>);

#[derive(Serialize, Deserialize)]
struct RefusedSetting<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow)]
    allowed: Cow<'a, str>,
}

impl Exact for Vec<v1::RefusedSetting> {
    fn read(text: &str) -> Option<Self> {
        let settings: Vec<RefusedSetting<'_>> = serde_json::from_str(text).ok()?;
        if serde_json::to_string(&settings).ok()? != text {
            return None;
        }
        let message = |setting: RefusedSetting<'_>| v1::RefusedSetting {
            key: setting.key.into_owned(),
            value_json: setting.value.get().to_owned(),
            allowed: setting.allowed.into_owned(),
        };
        Some(settings.into_iter().map(message).collect())
    }

    fn write(&self, out: &mut String) {
        out.push('[');
        for (index, setting) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            let mut object = Object::begin();
            object.field("key", |out| write_str(&setting.key, out));
            object.field("value", |out| out.push_str(&setting.value_json));
            object.field("allowed", |out| write_str(&setting.allowed, out));
            out.push_str(&object.end());
        }
        out.push(']');
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(20);
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &RawValue>()? {
                    fields.push((name, value.get()));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
