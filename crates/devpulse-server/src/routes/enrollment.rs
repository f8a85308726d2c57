//! Taking devices in, and giving them access tokens.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use devpulse_protocol::{EnrollRequest, EnrollResponse, ProblemCode, TokenRequest, TokenResponse};

use super::json;
use crate::body;
use crate::refusal::Refusal;
use crate::state::ServerState;
use crate::store::devices::{self, Enrollment};
use crate::store::tokens::{self, TokenGrant};

/// Longest name of a person or host, in bytes.
const MAX_NAME_BYTES: usize = 256;

pub(super) async fn enroll(
    State(state): State<ServerState>,
    headers: HeaderMap,
    request: Body,
) -> Result<Response, Refusal> {
    let (status, response) = take_in(&state, body::read_json(&headers, request).await?).await?;
    Ok(json(status, &response))
}

/// Takes a device in: 201 where it is new, 200 where the server knew it.
pub(crate) async fn take_in(
    state: &ServerState,
    request: EnrollRequest,
) -> Result<(StatusCode, EnrollResponse), Refusal> {
    for (field, name) in [("username", request.username.as_str()), ("hostname", &request.hostname)]
    {
        if name.trim().is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(Refusal::invalid(format!("{field} needs 1 to {MAX_NAME_BYTES} bytes")));
        }
    }
    let policy = state.enrollment;
    let outcome =
        state.store.write(move |connection| devices::enroll(connection, &request, policy)).await?;
    match outcome {
        Enrollment::New(response) => {
            tracing::info!(device = %response.device_id, "a device enrolled");
            Ok((StatusCode::CREATED, response))
        }
        Enrollment::Renewed(response) => {
            tracing::info!(device = %response.device_id, "a device enrolled again");
            Ok((StatusCode::OK, response))
        }
        Enrollment::BadSecret => Err(Refusal::unauthorized(
            ProblemCode::BadSecret,
            "the enrollment secret is unknown, spent, ended or issued for someone else",
        )),
        Enrollment::UserSuspended => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            ProblemCode::UserSuspended,
            "this user may not enroll devices",
        )),
        Enrollment::AlreadyEnrolled => Err(Refusal::new(
            StatusCode::CONFLICT,
            ProblemCode::AlreadyEnrolled,
            "this user has enrolled this machine; an administrator has to revoke it first",
        )),
    }
}

pub(super) async fn issue_token(
    State(state): State<ServerState>,
    headers: HeaderMap,
    request: Body,
) -> Result<Response, Refusal> {
    let response = grant(&state, body::read_json(&headers, request).await?).await?;
    Ok(json(StatusCode::OK, &response))
}

/// Gives a token for an API key.
pub(crate) async fn grant(
    state: &ServerState,
    request: TokenRequest,
) -> Result<TokenResponse, Refusal> {
    let lifetime = state.token_lifetime;
    let grant = state
        .store
        .write(move |connection| {
            tokens::grant(connection, &request.client_id, &request.api_key, lifetime)
        })
        .await?;
    match grant {
        TokenGrant::Granted(access_token) => Ok(TokenResponse {
            access_token,
            token_type: "Bearer".to_owned(),
            expires_in: lifetime.as_secs(),
        }),
        TokenGrant::UnknownKey => Err(Refusal::unauthorized(
            ProblemCode::BadKey,
            "the API key is not the one of this device",
        )),
        TokenGrant::KeyExpired => {
            Err(Refusal::unauthorized(ProblemCode::KeyExpired, "the API key has ended"))
        }
        TokenGrant::Revoked => Err(Refusal::revoked()),
    }
}
