//! The public interface: what devices call.

pub(crate) mod batch;
pub(crate) mod config;
pub(crate) mod enrollment;
pub(crate) mod key;
pub(crate) mod screenshot;
mod table;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use devpulse_protocol::DeviceId;
use serde::Serialize;

pub use self::table::PublicRoute;
use crate::caller::{Caller, require_protocol};
use crate::grpc;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::devices;

/// The public routes over `state`, those of gRPC among them.
pub fn router(state: ServerState) -> Router {
    let (versioned, unversioned): (Vec<_>, Vec<_>) =
        PublicRoute::ALL.into_iter().partition(|route| route.bears_version());
    table::collect(versioned)
        .route_layer(from_fn(require_protocol))
        .merge(table::collect(unversioned))
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .merge(grpc::routes(&state))
        .fallback(nothing_here)
        .layer(from_fn(log))
        .with_state(state)
}

/// An answer whose body is `value` as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json_text(status, body),
        Err(cause) => {
            tracing::error!(%cause, "an answer cannot be written as JSON");
            Refusal::internal().into_response()
        }
    }
}

/// An answer whose body is JSON already.
pub(crate) fn json_text(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

async fn health() -> Response {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
        server: &'static str,
        version: &'static str,
    }
    json(
        StatusCode::OK,
        &Health {
            status: "ok",
            server: "devpulse-server (reference, not for production)",
            version: env!("CARGO_PKG_VERSION"),
        },
    )
}

/// Logs what was asked and answered, for whoever sets `DEVPULSE_LOG=debug`.
async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::debug!(%method, path, status = response.status().as_u16());
    response
}

async fn revoke_self(
    State(state): State<ServerState>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    revoke(&state, caller.device_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the right to send of the device that asks.
pub(crate) async fn revoke(state: &ServerState, device_id: DeviceId) -> Result<(), Refusal> {
    tracing::info!(device = %device_id, "a device revokes itself");
    state.store.write(move |connection| devices::revoke(connection, &device_id)).await?;
    Ok(())
}

/// What is asked for is not there; told in the language of whoever asks.
pub(crate) async fn nothing_here(request: Request) -> Response {
    if grpc::is_grpc(request.headers()) {
        return grpc::no_such_service();
    }
    Refusal::not_found("there is nothing at this path").into_response()
}
