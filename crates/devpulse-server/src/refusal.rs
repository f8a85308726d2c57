//! Errors as the server answers them: problems with a status and a code, never plain text.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use devpulse_grpc::Details;
use devpulse_protocol::{Problem, ProblemCode};
use tonic::{Code, Status};

use crate::store::StoreError;

/// When to come again where the server cannot now.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An answer that says no, or that the server failed.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: ProblemCode,
    detail: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ProblemCode::Invalid, detail)
    }

    pub(crate) fn unauthorized(code: ProblemCode, detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    pub(crate) fn revoked() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            ProblemCode::DeviceRevoked,
            "this device was revoked by an administrator or by itself",
        )
    }

    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ProblemCode::Other("method_not_allowed".to_owned()),
            "this path does not take this method",
        )
    }

    pub(crate) fn unsupported_media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemCode::Other("unsupported_media_type".to_owned()),
            format!("this path takes {expected}"),
        )
    }

    pub(crate) fn unsupported_encoding() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemCode::UnsupportedEncoding,
            "the content encoding may be zstd, gzip or none",
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ProblemCode::TooLarge,
            format!("the body may have at most {limit} bytes before its content encoding"),
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ProblemCode::Internal,
            "the server failed; its log says why",
        )
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let cause: &dyn std::error::Error = &error;
        tracing::error!(error = cause, "the database failed");
        match error {
            StoreError::Closed => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ProblemCode::Internal,
                "the server is shutting down",
            ),
            error if error.is_busy() => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ProblemCode::Internal,
                "another process holds the database",
            ),
            _ => Self::internal(),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.status {
            StatusCode::BAD_REQUEST => Code::InvalidArgument,
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::FORBIDDEN => Code::PermissionDenied,
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::CONFLICT => Code::AlreadyExists,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => {
                Code::ResourceExhausted
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::METHOD_NOT_ALLOWED => {
                Code::FailedPrecondition
            }
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            _ => Code::Internal,
        };
        let details = Details {
            code: Some(refusal.code),
            retry_delay: (code == Code::Unavailable).then_some(RETRY_AFTER),
        };
        devpulse_grpc::status(code, refusal.detail, &details)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem {
            title: self.status.canonical_reason().unwrap_or_default().to_owned(),
            status: self.status.as_u16(),
            detail: Some(self.detail),
            code: Some(self.code),
        };
        let mut response = (self.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        }
        response
    }
}
