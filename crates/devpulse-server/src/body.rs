//! Reading request bodies, within bounds.

use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Largest JSON body besides batches.
const MAX_JSON_BYTES: usize = 1024 * 1024;
/// So much of a refused body is still read, so that the device sees the answer and
/// not a connection that breaks while it sends.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// Largest window that a zstd frame may ask for, as a power of two: 32 MiB.
const MAX_WINDOW_LOG: u32 = 25;

/// How a body was encoded for its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Identity,
    Gzip,
    Zstd,
}

impl ContentEncoding {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(value) = values.next() else {
            return Ok(Self::Identity);
        };
        let name = value.to_str().unwrap_or_default().trim().to_ascii_lowercase();
        match (name.as_str(), values.next()) {
            ("" | "identity", None) => Ok(Self::Identity),
            ("gzip" | "x-gzip", None) => Ok(Self::Gzip),
            ("zstd", None) => Ok(Self::Zstd),
            _ => Err(Refusal::unsupported_encoding()),
        }
    }

    /// Undoes the encoding. No more than `limit` bytes are ever unpacked.
    pub(crate) fn decode(self, bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Identity => Ok(bytes),
            Self::Gzip => unpack(flate2::read::MultiGzDecoder::new(bytes.as_slice()), limit),
            Self::Zstd => {
                let decoder = zstd::Decoder::with_buffer(bytes.as_slice())
                    .and_then(|mut decoder| {
                        decoder.window_log_max(MAX_WINDOW_LOG)?;
                        Ok(decoder)
                    })
                    .map_err(|_| Refusal::internal())?;
                unpack(decoder, limit)
            }
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = body;
    let mut bytes = Vec::with_capacity(expected_length(&body).min(limit));
    while let Some(chunk) = next_chunk(&mut body).await {
        let chunk =
            chunk.map_err(|cause| Refusal::invalid(format!("the body broke off: {cause}")))?;
        if bytes.len() + chunk.len() > limit {
            discard(body).await;
            return Err(Refusal::too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads a JSON body into a `T`.
pub(crate) async fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Refusal> {
    let bytes = read(body, MAX_JSON_BYTES).await?;
    require_json(headers)?;
    serde_json::from_slice(&bytes)
        .map_err(|cause| Refusal::invalid(format!("the body is not what is expected: {cause}")))
}

/// Refuses a body that says it is something other than JSON.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    match media_type(headers) {
        None => Ok(()),
        Some(media_type) if media_type.eq_ignore_ascii_case("application/json") => Ok(()),
        Some(_) => Err(Refusal::unsupported_media_type("application/json")),
    }
}

/// The media type without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    value.split(';').next().map(str::trim)
}

/// Reads what is left of a body and forgets it.
pub(crate) async fn discard(mut body: Body) {
    let mut discarded = 0;
    while let Some(Ok(chunk)) = next_chunk(&mut body).await {
        discarded += chunk.len();
        if discarded > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

fn expected_length(body: &Body) -> usize {
    usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX)
}

async fn next_chunk(body: &mut Body) -> Option<Result<axum::body::Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(cause) => return Some(Err(cause)),
        }
    }
}

fn unpack(source: impl Read, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    source
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| Refusal::invalid(format!("the body cannot be unpacked: {cause}")))?;
    if bytes.len() > limit {
        return Err(Refusal::too_large(limit));
    }
    Ok(bytes)
}
