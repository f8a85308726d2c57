//! Images, each under its SHA-256.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use devpulse_protocol::ImageFormat;

use crate::body;
use crate::caller::Caller;
use crate::credential::Digest;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::screenshots::{self, ImageOutcome};

/// Largest image file.
pub(crate) const MAX_IMAGE_BYTES: usize = 16 * 1024 * 1024;

pub(super) async fn send(
    State(state): State<ServerState>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    let (mut parts, body) = caller.request.into_parts();
    let bytes = body::read(body, MAX_IMAGE_BYTES).await?;
    let media_type = media_type(body::media_type(&parts.headers))?;
    let named = Path::<String>::from_request_parts(&mut parts, &()).await;
    let named = named.ok().and_then(|Path(text)| Digest::from_hex(&text));
    let named = named.ok_or_else(|| Refusal::invalid("the path ends with a SHA-256"))?;
    match take(&state, caller.row, named, media_type, bytes).await? {
        Novelty::New => Ok(StatusCode::CREATED),
        Novelty::Known => Ok(StatusCode::OK),
    }
}

/// Whether the server had an image before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    New,
    Known,
}

/// The media type of an image that the server takes.
pub(crate) fn media_type(named: Option<&str>) -> Result<&'static str, Refusal> {
    [ImageFormat::Webp, ImageFormat::Jpeg, ImageFormat::Png]
        .map(ImageFormat::media_type)
        .into_iter()
        .find(|known| named == Some(known))
        .ok_or_else(|| Refusal::unsupported_media_type("image/webp, image/jpeg or image/png"))
}

/// Stores an image of the device in row `row`, if it is the one that is named.
pub(crate) async fn take(
    state: &ServerState,
    row: i64,
    named: Digest,
    media_type: &'static str,
    bytes: Vec<u8>,
) -> Result<Novelty, Refusal> {
    let outcome = tokio::task::spawn_blocking(move || (Digest::of(&bytes), bytes))
        .await
        .map_err(|_| Refusal::internal())
        .and_then(|(found, bytes)| {
            if found == named {
                Ok(bytes)
            } else {
                Err(Refusal::invalid(format!("the image's SHA-256 is {found}")))
            }
        })?;
    let outcome = state
        .store
        .write(move |connection| screenshots::take(connection, row, &named, media_type, &outcome))
        .await?;
    match outcome {
        ImageOutcome::Stored => Ok(Novelty::New),
        ImageOutcome::Known => Ok(Novelty::Known),
        ImageOutcome::Revoked => Err(Refusal::revoked()),
    }
}
