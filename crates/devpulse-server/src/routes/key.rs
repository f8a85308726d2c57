//! The next key of a device.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use devpulse_protocol::{ApiKey, DeviceId, IDEMPOTENCY_KEY, KeyResponse};

use super::json;
use crate::body;
use crate::caller::Caller;
use crate::credential;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::keys;

/// Longest idempotency key, in bytes.
const LONGEST: usize = 64;

pub(super) async fn issue(
    State(state): State<ServerState>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let Caller { row, device_id, request } = caller;
    let (parts, body) = request.into_parts();
    body::discard(body).await;
    let response = next(&state, (row, device_id), idempotency_key(&parts.headers)?).await?;
    Ok(json(StatusCode::OK, &response))
}

/// Issues the next key of a device. Asked again under the same idempotency key, this process
/// issues the same.
pub(crate) async fn next(
    state: &ServerState,
    (row, device_id): (i64, DeviceId),
    idempotency_key: String,
) -> Result<KeyResponse, Refusal> {
    let asked = format!("{device_id} {idempotency_key}");
    let api_key = ApiKey::new(credential::derive("dpk_", &state.key_seed, &asked));
    let lifetime = state.enrollment.key_lifetime;
    tracing::info!(device = %device_id, "a device exchanges its key");
    Ok(state.store.write(move |connection| keys::issue(connection, row, api_key, lifetime)).await?)
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<String, Refusal> {
    headers
        .get(IDEMPOTENCY_KEY)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.trim().to_owned())
        .filter(|value| (1..=LONGEST).contains(&value.len()))
        .ok_or_else(|| Refusal::invalid("the request bears an Idempotency-Key of 1 to 64 bytes"))
}
