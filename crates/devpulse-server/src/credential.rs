//! Secrets that the server issues, and the digests that it keeps of them.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// A new secret of 256 random bits, in hexadecimal behind a prefix that tells people what it is.
pub(crate) fn generate(prefix: &str) -> String {
    format!("{prefix}{}", Digest(rand::random()))
}

/// A secret as [`generate`] makes one, the same each time for the same seed and text: so that
/// a question that is asked again gets the same answer, although none is kept.
pub(crate) fn derive(prefix: &str, seed: &[u8; 32], text: &str) -> String {
    let inner = Digest::of([seed.as_slice(), text.as_bytes()].concat());
    format!("{prefix}{}", Digest::of([seed.as_slice(), &inner.0].concat()))
}

/// A SHA-256. It is enough to protect what [`generate`] made, because 256 random
/// bits cannot be guessed; it would not be enough for what people make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }

    /// Whether this is the digest of `secret`, in a time that does not tell how much of it is.
    pub(crate) fn matches(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_being_written_and_read() {
        let digest = Digest::of("abc");
        assert_eq!(Digest::from_hex(&digest.to_string()), Some(digest));
        assert!(digest.to_string().starts_with("ba7816bf"));
    }

    #[test]
    fn text_that_is_no_digest_is_refused() {
        for text in ["", "00", &"g".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
            assert_eq!(Digest::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn a_derived_secret_is_the_same_for_the_same_text_and_seed_only() {
        let derived = derive("dpk_", &[1; 32], "dev-1 a");
        assert_eq!(derived, derive("dpk_", &[1; 32], "dev-1 a"));
        assert_ne!(derived, derive("dpk_", &[1; 32], "dev-1 b"));
        assert_ne!(derived, derive("dpk_", &[2; 32], "dev-1 a"));
    }

    #[test]
    fn generated_secrets_differ_and_match_only_their_own_digest() {
        let (one, other) = (generate("dps_"), generate("dps_"));
        assert_ne!(one, other);
        assert!(Digest::of(&one).matches(&one));
        assert!(!Digest::of(&one).matches(&other));
    }
}
