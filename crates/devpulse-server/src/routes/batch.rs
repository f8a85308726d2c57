//! Batches of events, answered with a receipt.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use devpulse_protocol::{DeviceId, IDEMPOTENCY_KEY, ProblemCode};

use super::json_text;
use crate::batch::{BatchFault, ParsedBatch};
use crate::body::{self, ContentEncoding};
use crate::caller::Caller;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::batches::{self, BatchOutcome};

/// Largest batch, before and after its content encoding is undone.
pub(crate) const MAX_BATCH_BYTES: usize = 32 * 1024 * 1024;

pub(super) async fn send(
    State(state): State<ServerState>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let Caller { row, device_id, request } = caller;
    let (parts, body) = request.into_parts();
    let bytes = body::read(body, MAX_BATCH_BYTES).await?;
    body::require_json(&parts.headers)?;
    let encoding = ContentEncoding::of(&parts.headers)?;
    let key = idempotency_key(&parts.headers)?;
    let text = move || encoding.decode(bytes, MAX_BATCH_BYTES);
    Ok(json_text(StatusCode::OK, take(&state, (row, device_id), key, text).await?))
}

/// Stores the batch that `text` gives and that was sent under the idempotency key `key` by
/// the device in a row. Returns the receipt as JSON.
pub(crate) async fn take(
    state: &ServerState,
    (row, device_id): (i64, DeviceId),
    key: String,
    text: impl FnOnce() -> Result<Vec<u8>, Refusal> + Send + 'static,
) -> Result<String, Refusal> {
    let batch = tokio::task::spawn_blocking(move || {
        Ok::<_, Refusal>(ParsedBatch::parse(text()?, &device_id, &key)?)
    })
    .await
    .map_err(|_| Refusal::internal())??;
    match state.store.write(move |connection| batches::take(connection, row, &batch)).await? {
        BatchOutcome::Receipt(receipt) => Ok(receipt),
        BatchOutcome::Mismatch => Err(Refusal::new(
            StatusCode::CONFLICT,
            ProblemCode::BatchMismatch,
            "this batch_id was used for a batch with another content",
        )),
        BatchOutcome::Revoked => Err(Refusal::revoked()),
    }
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<String, Refusal> {
    headers
        .get(IDEMPOTENCY_KEY)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.trim().to_owned())
        .ok_or_else(|| Refusal::invalid("a batch bears its batch_id as Idempotency-Key"))
}

impl From<BatchFault> for Refusal {
    fn from(fault: BatchFault) -> Self {
        Self::invalid(fault.to_string())
    }
}
