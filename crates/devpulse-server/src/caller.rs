//! Who calls: the version they speak, and the device that their token belongs to.

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use devpulse_protocol::{DeviceId, PROTOCOL_HEADER, PROTOCOL_VERSION, ProblemCode};

use crate::body;
use crate::credential::Digest;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::tokens::{self, TokenBearer};

/// A request that a device made with a valid token.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The device's row.
    pub(crate) row: i64,
    pub(crate) device_id: DeviceId,
    pub(crate) request: Request,
}

/// Lets only requests through that speak this version of the protocol.
pub(crate) async fn require_protocol(request: Request, next: Next) -> Result<Response, Refusal> {
    match check_protocol(request.headers()) {
        Ok(()) => Ok(next.run(request).await),
        Err(refusal) => {
            body::discard(request.into_body()).await;
            Err(refusal)
        }
    }
}

/// Refuses another version of the protocol than this one.
pub(crate) fn check_protocol(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(PROTOCOL_HEADER) {
        Some(version) if version == PROTOCOL_VERSION => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            ProblemCode::UnsupportedProtocol,
            format!("every request bears DevPulse-Protocol: {PROTOCOL_VERSION}"),
        )),
    }
}

impl FromRequest<ServerState> for Caller {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Refusal> {
        match identify(request.headers(), state).await {
            Ok((row, device_id)) => Ok(Self { row, device_id, request }),
            Err(refusal) => {
                body::discard(request.into_body()).await;
                Err(refusal)
            }
        }
    }
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The device that a request's token belongs to: its row and its id.
pub(crate) async fn identify(
    headers: &HeaderMap,
    state: &ServerState,
) -> Result<(i64, DeviceId), Refusal> {
    let token = bearer_token(headers).ok_or_else(bad_token)?;
    let digest = Digest::of(token);
    match state.store.read(move |connection| tokens::bearer(connection, &digest)).await? {
        TokenBearer::Device { row, device_id } => Ok((row, device_id)),
        TokenBearer::Revoked => Err(Refusal::revoked()),
        TokenBearer::Unknown => Err(bad_token()),
    }
}

fn bad_token() -> Refusal {
    Refusal::unauthorized(ProblemCode::BadToken, "the access token is missing, unknown or ended")
}

/// Refuses whoever does not bear the admin token.
pub(crate) async fn require_admin(
    State(token): State<crate::AdminToken>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if bearer_token(request.headers()).is_some_and(|given| token.matches(given)) {
        return Ok(next.run(request).await);
    }
    body::discard(request.into_body()).await;
    Err(Refusal::unauthorized(ProblemCode::BadToken, "the admin token is missing or wrong"))
}
