//! Batches of events, answered with a receipt.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use devpulse_protocol::{IDEMPOTENCY_KEY, ProblemCode};

use super::json_text;
use crate::batch::{BatchFault, ParsedBatch};
use crate::body::{self, ContentEncoding};
use crate::caller::Caller;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::batches::{self, BatchOutcome};

/// Largest batch, before and after its content encoding is undone.
const MAX_BATCH_BYTES: usize = 32 * 1024 * 1024;

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
    let batch = tokio::task::spawn_blocking(move || {
        let body = encoding.decode(bytes, MAX_BATCH_BYTES)?;
        Ok::<_, Refusal>(ParsedBatch::parse(body, &device_id, &key)?)
    })
    .await
    .map_err(|_| Refusal::internal())??;
    match state.store.write(move |connection| batches::take(connection, row, &batch)).await? {
        BatchOutcome::Receipt(receipt) => Ok(json_text(StatusCode::OK, receipt)),
        BatchOutcome::Mismatch => Err(Refusal::new(
            StatusCode::CONFLICT,
            ProblemCode::BatchMismatch,
            "this batch_id was used for a batch with another content",
        )),
        BatchOutcome::Revoked => Err(Refusal::revoked()),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<String, Refusal> {
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
