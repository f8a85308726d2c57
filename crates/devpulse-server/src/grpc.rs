//! The public interface over gRPC: what the routes do, in other words.

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use devpulse_grpc::health::health_check_response::ServingStatus;
use devpulse_grpc::health::health_server::{self, Health, HealthServer};
use devpulse_grpc::health::{HealthCheckRequest, HealthCheckResponse};
use devpulse_grpc::v1::dev_pulse_server::{self, DevPulse, DevPulseServer};
use devpulse_grpc::{batch_to_json, v1};
use devpulse_protocol::{DeviceId, Receipt};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status, Streaming};

use crate::caller::{check_protocol, identify};
use crate::credential::Digest;
use crate::refusal::Refusal;
use crate::routes::batch::{self, MAX_BATCH_BYTES};
use crate::routes::screenshot::{self, MAX_IMAGE_BYTES, Novelty};
use crate::routes::{config, enrollment, key, nothing_here, revoke};
use crate::state::ServerState;

type Reply<T> = Result<tonic::Response<T>, Status>;

/// The routes of gRPC and nothing else.
pub(crate) fn grpc_router(state: &ServerState) -> Router {
    routes(state).fallback(nothing_here)
}

/// The routes of gRPC.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(state: &ServerState) -> Router<S> {
    let service = DevPulseServer::new(Service { state: state.clone() })
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_BATCH_BYTES);
    let path = |name: &str| format!("/{name}/{{*method}}");
    Router::new()
        .route_service(&path(dev_pulse_server::SERVICE_NAME), service)
        .route_service(&path(health_server::SERVICE_NAME), HealthServer::new(Works))
}

/// Whether a request is a gRPC call.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The answer to a call of a service that is not there.
pub(crate) fn no_such_service() -> Response {
    Status::new(Code::Unimplemented, "there is no such service").into_http()
}

#[derive(Debug)]
struct Service {
    state: ServerState,
}

impl Service {
    /// The device that calls: its row and its id.
    async fn caller(&self, metadata: &MetadataMap) -> Result<(i64, DeviceId), Refusal> {
        check_protocol(metadata.as_ref())?;
        identify(metadata.as_ref(), &self.state).await
    }
}

#[tonic::async_trait]
impl DevPulse for Service {
    async fn enroll(&self, request: Request<v1::EnrollRequest>) -> Reply<v1::EnrollResponse> {
        check_protocol(request.metadata().as_ref())?;
        let request = request.into_inner().try_into().map_err(invalid)?;
        let (_, response) = enrollment::take_in(&self.state, request).await?;
        reply(&response)
    }

    async fn issue_token(
        &self,
        request: Request<v1::IssueTokenRequest>,
    ) -> Reply<v1::IssueTokenResponse> {
        check_protocol(request.metadata().as_ref())?;
        let response = enrollment::grant(&self.state, request.into_inner().into()).await?;
        reply(&response)
    }

    async fn get_config(
        &self,
        request: Request<v1::GetConfigRequest>,
    ) -> Reply<v1::GetConfigResponse> {
        let (_, device_id) = self.caller(request.metadata()).await?;
        let current = config::current(&self.state, device_id).await?;
        let not_modified = request.into_inner().etag.as_deref() == Some(&current.tag);
        let mut response = v1::GetConfigResponse {
            not_modified,
            etag: current.tag,
            ..v1::GetConfigResponse::default()
        };
        if !not_modified {
            response.version = current.version;
            response.config_json = current.body;
        }
        reply(response)
    }

    async fn send_batch(&self, request: Request<v1::Batch>) -> Reply<v1::Receipt> {
        let caller = self.caller(request.metadata()).await?;
        let key = batch::idempotency_key(request.metadata().as_ref())?;
        let message = request.into_inner();
        let text = move || Ok(batch_to_json(&message).map_err(invalid)?.into_bytes());
        let receipt = batch::take(&self.state, caller, key, text).await?;
        let receipt: Receipt = serde_json::from_str(&receipt).map_err(|_| Refusal::internal())?;
        reply(receipt)
    }

    async fn put_screenshot(
        &self,
        request: Request<Streaming<v1::PutScreenshotRequest>>,
    ) -> Reply<v1::PutScreenshotResponse> {
        let (row, _) = self.caller(request.metadata()).await?;
        let mut pieces = request.into_inner();
        let first = pieces.message().await?.ok_or_else(|| Refusal::invalid("there is no image"))?;
        let named = Digest::from_hex(&first.sha256)
            .ok_or_else(|| Refusal::invalid("the first message names a SHA-256"))?;
        let media_type = screenshot::media_type(Some(&first.content_type))?;
        let mut bytes = first.data.to_vec();
        while let Some(piece) = pieces.message().await? {
            if bytes.len() + piece.data.len() > MAX_IMAGE_BYTES {
                return Err(Refusal::too_large(MAX_IMAGE_BYTES).into());
            }
            bytes.extend_from_slice(&piece.data);
        }
        let novelty = screenshot::take(&self.state, row, named, media_type, bytes).await?;
        reply(v1::PutScreenshotResponse { known: novelty == Novelty::Known })
    }

    async fn issue_key(
        &self,
        request: Request<v1::IssueKeyRequest>,
    ) -> Reply<v1::IssueKeyResponse> {
        let caller = self.caller(request.metadata()).await?;
        let asked = key::idempotency_key(request.metadata().as_ref())?;
        reply(&key::next(&self.state, caller, asked).await?)
    }

    async fn revoke_self(
        &self,
        request: Request<v1::RevokeSelfRequest>,
    ) -> Reply<v1::RevokeSelfResponse> {
        let (_, device_id) = self.caller(request.metadata()).await?;
        revoke(&self.state, device_id).await?;
        reply(v1::RevokeSelfResponse {})
    }
}

/// Whoever gets an answer knows that the server works.
#[derive(Debug)]
struct Works;

#[tonic::async_trait]
impl Health for Works {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Reply<HealthCheckResponse> {
        match request.into_inner().service.as_str() {
            "" | dev_pulse_server::SERVICE_NAME => {
                reply(HealthCheckResponse { status: ServingStatus::Serving.into() })
            }
            _ => Err(Status::not_found("there is no such service")),
        }
    }
}

fn reply<T>(message: impl Into<T>) -> Reply<T> {
    Ok(tonic::Response::new(message.into()))
}

fn invalid(fault: impl std::fmt::Display) -> Refusal {
    Refusal::invalid(fault.to_string())
}
