//! Content encodings: the best that the server takes.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::Instant;

/// For how long a server's refusal of an encoding is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
const ZSTD_LEVEL: i32 = 3;

/// A content encoding, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Zstd,
    Gzip,
    Identity,
}

/// Which encoding the server takes, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    refused: Mutex<Option<(Encoding, Instant)>>,
}

impl Encoding {
    /// The encoding as `Content-Encoding` names it; identity is not named.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Zstd => Some("zstd"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    pub(super) fn encode(self, body: &Bytes) -> io::Result<Bytes> {
        match self {
            Self::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL).map(Bytes::from),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body)?;
                encoder.finish().map(Bytes::from)
            }
            Self::Identity => Ok(body.clone()),
        }
    }

    const fn weaker(self) -> Option<Self> {
        match self {
            Self::Zstd => Some(Self::Gzip),
            Self::Gzip => Some(Self::Identity),
            Self::Identity => None,
        }
    }
}

impl Negotiation {
    /// The best encoding that the server did not refuse lately.
    pub(crate) fn best(&self) -> Encoding {
        match *self.lock() {
            Some((refused, at)) if at.elapsed() < REMEMBERED => {
                refused.weaker().unwrap_or(Encoding::Identity)
            }
            _ => Encoding::Zstd,
        }
    }

    /// Takes note of a refusal; gives what to try next.
    pub(crate) fn refused(&self, encoding: Encoding) -> Option<Encoding> {
        let weaker = encoding.weaker()?;
        *self.lock() = Some((encoding, Instant::now()));
        Some(weaker)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Encoding, Instant)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refused_encoding_is_left_alone_for_a_day() {
        let negotiation = Negotiation::default();
        assert_eq!(negotiation.best(), Encoding::Zstd);
        assert_eq!(negotiation.refused(Encoding::Zstd), Some(Encoding::Gzip));
        assert_eq!(negotiation.best(), Encoding::Gzip);
        assert_eq!(negotiation.refused(Encoding::Gzip), Some(Encoding::Identity));
        assert_eq!(negotiation.refused(Encoding::Identity), None);
        tokio::time::advance(REMEMBERED - Duration::from_secs(1)).await;
        assert_eq!(negotiation.best(), Encoding::Identity);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(negotiation.best(), Encoding::Zstd);
    }

    #[test]
    fn every_encoding_can_be_undone() {
        use std::io::Read;

        let body = Bytes::from("{\"events\":[]}".repeat(100));
        let zstd = Encoding::Zstd.encode(&body).unwrap();
        assert_eq!(zstd::bulk::decompress(&zstd, body.len()).unwrap(), body);
        let gzip = Encoding::Gzip.encode(&body).unwrap();
        let mut unzipped = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut unzipped).unwrap();
        assert_eq!(unzipped, body);
        assert_eq!(Encoding::Identity.encode(&body).unwrap(), body);
        assert!(zstd.len() < 100 && gzip.len() < 100);
    }
}
