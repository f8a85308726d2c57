//! The configuration, sent only where the device does not have it yet.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use devpulse_protocol::DeviceId;

use super::json_text;
use crate::caller::Caller;
use crate::credential::Digest;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::configs;

/// The configuration that a device gets.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) version: i64,
    /// As JSON.
    pub(crate) body: String,
    /// Its entity tag.
    pub(crate) tag: String,
}

/// Reads the configuration that a device gets.
pub(crate) async fn current(state: &ServerState, device_id: DeviceId) -> Result<Current, Refusal> {
    let document =
        state.store.read(move |connection| configs::effective(connection, &device_id)).await?;
    let body = serde_json::to_string(&document.config).map_err(|_| Refusal::internal())?;
    let tag = format!("\"{}\"", Digest::of(&body));
    Ok(Current { version: document.version, body, tag })
}

pub(super) async fn fetch(
    State(state): State<ServerState>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let Current { body, tag, .. } = current(&state, caller.device_id).await?;
    let mut response = if names_tag(caller.request.headers(), &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json_text(StatusCode::OK, body)
    };
    let value = HeaderValue::try_from(tag).map_err(|_| Refusal::internal())?;
    response.headers_mut().insert(header::ETAG, value);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// Whether `If-None-Match` names `tag`, compared weakly as RFC 9110 asks for.
fn names_tag(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|entry| entry == "*" || entry.strip_prefix("W/").unwrap_or(entry) == tag)
}
