//! gRPC to the organisation's server: single calls, unjudged.
//!
//! What answers without speaking gRPC (a proxy, a sign-in page, an HTTP server) is reported
//! as the HTTP answer that it is.

mod channel;

use std::time::Duration;

use bytes::Bytes;
use devpulse_grpc::health::health_check_response::ServingStatus;
use devpulse_grpc::health::health_client::HealthClient;
use devpulse_grpc::health::{HealthCheckRequest, HealthCheckResponse};
use devpulse_grpc::v1::dev_pulse_client::DevPulseClient;
use devpulse_grpc::{batch_from_json, v1};
use devpulse_pipeline::{
    GrpcAnswer, GrpcCode, Outcome, OutgoingBatch, OutgoingImage, TransportFault,
};
use devpulse_protocol::{
    AccessToken, EnrollRequest, EnrollResponse, IDEMPOTENCY_KEY, KeyResponse, Receipt,
    TokenRequest, TokenResponse,
};
use http::Uri;
use serde::Serialize;
use tonic::codec::CompressionEncoding;
use tonic::codegen::tokio_stream;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::{Request, Response, Status};

use channel::{CallFault, Channel};

use crate::http::{
    Connections, Encoding, HttpOptions, HttpSetupError, LONGEST_ANSWER, Negotiation, Route,
};
use crate::origin::ServerUrl;
use crate::server::ConfigAnswer;

/// Images travel in pieces of so many bytes.
const PIECE: usize = 256 * 1024;

/// The server's gRPC interface, one call at a time.
#[derive(Debug)]
pub(crate) struct GrpcApi {
    channel: Channel,
    origin: Uri,
    timeout: Duration,
    encodings: Negotiation,
}

impl GrpcApi {
    /// Prepares calls to a server; nothing is sent yet.
    ///
    /// # Errors
    /// Fails where the certificates that are to be trusted cannot be read.
    pub(crate) fn by(
        server: &ServerUrl,
        options: &HttpOptions,
        route: Route,
    ) -> Result<Self, HttpSetupError> {
        let channel = Channel::new(Connections::to(server, options, route)?);
        let origin = server.over_http().as_str().parse();
        let origin = origin.map_err(|_| HttpSetupError::Client(format!("{server} is no URI")))?;
        Ok(Self { channel, origin, timeout: options.timeout, encodings: Negotiation::default() })
    }

    /// Whether the server is there, and its certificate (DER) where it has one.
    pub(crate) async fn inspect(&self) -> (Outcome, Option<Vec<u8>>) {
        let mut health = HealthClient::with_origin(self.channel.clone(), self.origin.clone());
        let asked = health.check(self.request(HealthCheckRequest::default())).await;
        let asked = asked.and_then(|response| match response.get_ref().status() {
            ServingStatus::NotServing => Err(Status::unavailable("it does not serve now")),
            _ => Ok(response),
        });
        let outcome = outcome(asked, |_: HealthCheckResponse| Some(Bytes::new()));
        (outcome, self.channel.certificate())
    }

    /// Asks the server to take this device in.
    pub(crate) async fn enroll(&self, request: &EnrollRequest) -> Outcome {
        let answered = self.client().enroll(self.request(request.into())).await;
        outcome(answered, |reply| json(&EnrollResponse::try_from(reply).ok()?))
    }

    /// Exchanges the API key, which must be this server's, for a token.
    pub(crate) async fn token(&self, request: &TokenRequest) -> Outcome {
        let request = v1::IssueTokenRequest {
            api_key: request.api_key.expose().to_owned(),
            client_id: request.client_id.as_str().to_owned(),
        };
        let answered = self.client().issue_token(self.request(request)).await;
        outcome(answered, |reply| json(&TokenResponse::from(reply)))
    }

    pub(crate) async fn config(&self, token: &AccessToken, etag: Option<&str>) -> ConfigAnswer {
        let request = v1::GetConfigRequest { etag: etag.map(str::to_owned) };
        let answered = self.client().get_config(self.with_token(request, token)).await;
        let reply = answered.as_ref().ok().map(Response::get_ref);
        let is_unchanged = etag.is_some() && reply.is_some_and(|reply| reply.not_modified);
        let etag = reply.map(|reply| reply.etag.clone()).filter(|etag| !etag.is_empty());
        let outcome = outcome(answered, |reply| Some(Bytes::from(reply.config_json)));
        ConfigAnswer { outcome, etag, is_unchanged }
    }

    /// Sends a batch, compressed unless the server takes none that are.
    pub(crate) async fn batch(&self, token: &AccessToken, batch: &OutgoingBatch) -> Outcome {
        let plain = self.client();
        if self.encodings.best() == Encoding::Identity {
            return self.send(plain, token, batch).await;
        }
        let gzip = plain.clone().send_compressed(CompressionEncoding::Gzip);
        let answered = self.send(gzip, token, batch).await;
        if !is_unimplemented(&answered) {
            return answered;
        }
        // The code for a missing method is also the one for an unknown compression.
        let answered = self.send(plain, token, batch).await;
        if !is_unimplemented(&answered) {
            self.encodings.refused(Encoding::Gzip);
        }
        answered
    }

    pub(crate) async fn image(&self, token: &AccessToken, image: &OutgoingImage) -> Outcome {
        let first = v1::PutScreenshotRequest {
            sha256: image.sha256.clone(),
            content_type: image.media_type.clone(),
            data: image.bytes.slice(..image.bytes.len().min(PIECE)),
        };
        let bytes = image.bytes.clone();
        let rest = (PIECE..bytes.len()).step_by(PIECE).map(move |start| v1::PutScreenshotRequest {
            data: bytes.slice(start..bytes.len().min(start + PIECE)),
            ..v1::PutScreenshotRequest::default()
        });
        let pieces = tokio_stream::iter(std::iter::once(first).chain(rest));
        let answered = self.client().put_screenshot(self.with_token(pieces, token)).await;
        outcome(answered, |_| Some(Bytes::new()))
    }

    /// Asks for the key that is to take the place of the device's own.
    pub(crate) async fn issue_key(&self, token: &AccessToken, idempotency_key: &str) -> Outcome {
        let mut request = self.with_token(v1::IssueKeyRequest {}, token);
        insert(request.metadata_mut(), IDEMPOTENCY_KEY, idempotency_key);
        let answered = self.client().issue_key(request).await;
        outcome(answered, |reply| json(&KeyResponse::try_from(reply).ok()?))
    }

    /// Ends the device's key.
    pub(crate) async fn revoke_self(&self, token: &AccessToken) -> Outcome {
        let request = self.with_token(v1::RevokeSelfRequest {}, token);
        outcome(self.client().revoke_self(request).await, |_| Some(Bytes::new()))
    }

    async fn send(
        &self,
        mut client: DevPulseClient<Channel>,
        token: &AccessToken,
        batch: &OutgoingBatch,
    ) -> Outcome {
        let Ok(message) = batch_from_json(&batch.body) else {
            return Outcome::Fault(TransportFault::Broken);
        };
        let mut request = self.with_token(message, token);
        insert(request.metadata_mut(), IDEMPOTENCY_KEY, &batch.batch_id.to_string());
        outcome(client.send_batch(request).await, |reply| json(&Receipt::try_from(reply).ok()?))
    }

    fn client(&self) -> DevPulseClient<Channel> {
        DevPulseClient::with_origin(self.channel.clone(), self.origin.clone())
            .max_decoding_message_size(LONGEST_ANSWER)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    fn with_token<T>(&self, message: T, token: &AccessToken) -> Request<T> {
        let mut request = self.request(message);
        let bearer = format!("Bearer {}", token.expose());
        insert(request.metadata_mut(), devpulse_grpc::AUTHORIZATION, &bearer);
        request
    }
}

/// Ids and tokens were found to fit a header when they were taken in.
fn insert(metadata: &mut MetadataMap, name: &'static str, value: &str) {
    if let Ok(mut value) = AsciiMetadataValue::try_from(value) {
        value.set_sensitive(name == devpulse_grpc::AUTHORIZATION);
        metadata.insert(AsciiMetadataKey::from_static(name), value);
    }
}

fn json(reply: &impl Serialize) -> Option<Bytes> {
    serde_json::to_vec(reply).ok().map(Bytes::from)
}

fn is_unimplemented(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Grpc(answer) if answer.code == GrpcCode::Unimplemented)
}

/// What happened; `reply` puts what was answered in the words of HTTP.
fn outcome<T>(
    answered: Result<Response<T>, Status>,
    reply: impl FnOnce(T) -> Option<Bytes>,
) -> Outcome {
    let date = |metadata: &MetadataMap| {
        metadata.get("date").and_then(|date| date.to_str().ok()).map(str::to_owned)
    };
    match answered {
        Ok(response) => Outcome::Grpc(GrpcAnswer {
            code: GrpcCode::Ok,
            date: date(response.metadata()),
            reply: reply(response.into_inner()).unwrap_or_default(),
            ..GrpcAnswer::default()
        }),
        Err(status) => match CallFault::within(&status) {
            Some(fault) => fault.outcome(),
            None => refusal(&status, date(status.metadata())),
        },
    }
}

fn refusal(status: &Status, date: Option<String>) -> Outcome {
    let details = devpulse_grpc::details(status);
    Outcome::Grpc(GrpcAnswer {
        code: GrpcCode::from_number(status.code() as i32),
        message: status.message().into(),
        problem: details.code,
        retry_delay: details.retry_delay,
        date,
        reply: Bytes::new(),
    })
}
