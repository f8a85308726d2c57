//! The server's key, as an administrator pins it.
//!
//! The settings and the preset read pins, and the TLS client asks them about a key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// SHA-256 over a public key as certificates hold it (SubjectPublicKeyInfo, DER), so that a
/// certificate may be renewed under the same key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyPin([u8; 32]);

/// The keys that the server may have; any where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPins(Box<[KeyPin]>);

impl KeyPin {
    /// The pin of a key (SubjectPublicKeyInfo, DER).
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// `sha256/` and base64, or as curl writes it, with two strokes.
    fn parse(text: &str) -> Option<Self> {
        let base64 = text.strip_prefix("sha256/")?;
        // The base64 may begin with a stroke itself; its length tells.
        let with_two_strokes = base64.strip_prefix('/').filter(|rest| rest.len() == BASE64);
        let digest = STANDARD.decode(with_two_strokes.unwrap_or(base64)).ok()?;
        digest.try_into().ok().map(Self)
    }
}

/// Letters of a SHA-256 in base64.
const BASE64: usize = 44;

impl KeyPins {
    /// What [`KeyPins::parse`] accepts.
    pub const ALLOWED: &str =
        "sha256/ and the base64 of a SHA-256, or several of them with spaces in between";

    /// Reads one pin or several: in one text, or in a list of texts.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        let texts: Vec<&str> = match value {
            Value::String(text) => vec![text],
            Value::Array(texts) => texts.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        let words = texts.iter().flat_map(|text| text.split([' ', ',', '\t', '\n']));
        let pins = words.filter(|word| !word.is_empty()).map(KeyPin::parse);
        let pins: Box<[KeyPin]> = pins.collect::<Option<_>>()?;
        (!pins.is_empty()).then_some(Self(pins))
    }

    /// Whether any key will do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the server may have this key.
    #[must_use]
    pub fn permit(&self, key: KeyPin) -> bool {
        self.is_empty() || self.0.contains(&key)
    }

    /// As JSON; null where there is none.
    #[must_use]
    pub fn to_json(&self) -> Value {
        if self.is_empty() {
            return Value::Null;
        }
        self.0.iter().map(|pin| Value::from(pin.to_string())).collect()
    }
}

impl fmt::Display for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pin_may_begin_with_a_stroke_of_its_own() {
        let pin = KeyPin([0xff; 32]);
        for text in [pin.to_string(), pin.to_string().replacen('/', "//", 1)] {
            assert_eq!(KeyPins::parse(&json!(text)), Some(KeyPins(Box::new([pin]))), "{text}");
        }
    }

    #[test]
    fn one_pin_or_several_are_read_and_others_are_not_permitted() {
        let [one, other, third] = [b"one", b"two", b"six"].map(|key| KeyPin::of(key));
        let curl = other.to_string().replacen('/', "//", 1);
        for value in [
            json!(format!("{one} {other}")),
            json!(format!("{one},{curl}")),
            json!([one.to_string(), other.to_string()]),
        ] {
            let pins = KeyPins::parse(&value).unwrap();
            assert!(pins.permit(one) && pins.permit(other) && !pins.permit(third), "{value}");
            assert_eq!(pins.to_json(), json!([one.to_string(), other.to_string()]));
        }
        assert!(KeyPins::default().permit(third));
        assert_eq!(KeyPins::default().to_json(), Value::Null);
    }

    #[test]
    fn what_is_no_pin_is_refused_together_with_its_neighbours() {
        let good = KeyPin::of(b"one");
        for value in [
            json!(""),
            json!([]),
            json!(7),
            json!([7]),
            json!("sha256/AAAA"),
            json!(good.to_string().replace("sha256", "sha1")),
            json!(format!("{good} {}x", &good.to_string()[..20])),
        ] {
            assert_eq!(KeyPins::parse(&value), None, "{value}");
        }
    }
}
