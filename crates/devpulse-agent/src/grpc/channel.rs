//! What gRPC calls go over: the same client as HTTP's, so that trust, names, proxies and
//! deadlines are the same.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use devpulse_pipeline::{Outcome, TransportFault};
use http::header::CONTENT_TYPE;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;
use tonic::codegen::Service;

use crate::http::{Connections, LONGEST_ANSWER, answer_in};

/// Carries gRPC calls.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    connections: Connections,
}

/// Why a call has no gRPC answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum CallFault {
    /// Nothing answered.
    #[error("{0}")]
    Fault(TransportFault),
    /// What answered speaks no gRPC.
    #[error("the answer is not gRPC")]
    NotGrpc(Box<Outcome>),
}

impl Channel {
    pub(super) const fn new(connections: Connections) -> Self {
        Self { connections }
    }

    /// The certificate (DER) that the server last proved to be with.
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        self.connections.certificate()
    }

    async fn perform(
        self,
        request: http::Request<tonic::body::Body>,
    ) -> Result<http::Response<Reply>, CallFault> {
        let fault = |error: reqwest::Error| CallFault::Fault(self.connections.fault(&error));
        let request = request.map(|body| reqwest::Body::wrap(Outgoing(Mutex::new(body))));
        let request = reqwest::Request::try_from(request).map_err(fault)?;
        let response = self.connections.client().execute(request).await.map_err(fault)?;
        self.connections.answered(response.status()).map_err(CallFault::Fault)?;
        let content_type = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
        if !content_type.is_some_and(|text| text.starts_with(b"application/grpc")) {
            return Err(CallFault::NotGrpc(Box::new(answer_in(response, &self.connections).await)));
        }
        let response = http::Response::<reqwest::Body>::from(response);
        Ok(response.map(|body| Reply { connections: self.connections, body, read: 0 }))
    }
}

impl CallFault {
    /// The fault that a status stands for.
    pub(super) fn within(status: &Status) -> Option<&Self> {
        let mut cause = Error::source(status);
        while let Some(error) = cause {
            if let Some(fault) = error.downcast_ref() {
                return Some(fault);
            }
            cause = error.source();
        }
        None
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Fault(fault) => Outcome::Fault(fault.clone()),
            Self::NotGrpc(answer) => (**answer).clone(),
        }
    }
}

impl Service<http::Request<tonic::body::Body>> for Channel {
    type Response = http::Response<Reply>;
    type Error = CallFault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, CallFault>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), CallFault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.clone().perform(request))
    }
}

/// The body of a request. The client asks for bodies that several threads may see, which a
/// lock that nobody ever waits for makes of one.
struct Outgoing(Mutex<tonic::body::Body>);

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let body = self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(body).poll_frame(context)
    }
}

/// The body of an answer, of a bounded length.
pub(super) struct Reply {
    connections: Connections,
    body: reqwest::Body,
    read: usize,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = CallFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallFault>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| CallFault::Fault(this.connections.fault(&error)))?;
            this.read += frame.data_ref().map_or(0, Bytes::len);
            // The length that precedes each message counts too.
            if this.read >= LONGEST_ANSWER {
                return Err(CallFault::Fault(TransportFault::TooLong));
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
