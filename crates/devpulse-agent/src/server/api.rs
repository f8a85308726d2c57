//! The calls that a server takes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use devpulse_pipeline::{
    GrpcCode, Outcome, OutgoingBatch, OutgoingImage, ProxyFault, TransportFault,
};
use devpulse_protocol::{AccessToken, EnrollRequest, TokenRequest};
use tokio::time::Instant;

use crate::grpc::GrpcApi;
use crate::http::{HttpApi, HttpOptions, HttpSetupError, Route};
use crate::origin::ServerUrl;
use crate::settings::GrpcFallback;

/// For how long a gRPC server that lacks a method is not asked again in gRPC.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// A server, spoken to as its address says.
#[derive(Debug)]
pub struct ServerApi {
    server: ServerUrl,
    route: Route,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Http(HttpApi),
    Grpc { api: GrpcApi, fallback: Option<Fallback> },
}

/// The same place in HTTP, for where gRPC is not implemented.
#[derive(Debug)]
struct Fallback {
    api: HttpApi,
    since: Mutex<Option<Instant>>,
}

/// What came of asking for the configuration.
#[derive(Debug)]
pub(crate) struct ConfigAnswer {
    pub(crate) outcome: Outcome,
    /// What the server calls the configuration.
    pub(crate) etag: Option<String>,
    /// Whether it is still the one that the question named.
    pub(crate) is_unchanged: bool,
}

/// Has an outcome.
pub(crate) trait Answered {
    fn outcome(&self) -> &Outcome;
}

impl Answered for Outcome {
    fn outcome(&self) -> &Outcome {
        self
    }
}

impl<T> Answered for (Outcome, T) {
    fn outcome(&self) -> &Outcome {
        &self.0
    }
}

impl Answered for ConfigAnswer {
    fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl ServerApi {
    /// Prepares calls to a server; nothing is sent yet.
    ///
    /// # Errors
    /// Fails where the certificates that are to be trusted cannot be read.
    pub fn new(server: ServerUrl, options: &HttpOptions) -> Result<Self, HttpSetupError> {
        let route = Route::to(&server, options);
        let http = || HttpApi::by(&server, options, route.clone());
        let way = if server.origin().scheme().is_grpc() {
            let fallback = match options.grpc_fallback {
                GrpcFallback::Off => None,
                GrpcFallback::Https => Some(Fallback { api: http()?, since: Mutex::default() }),
            };
            Way::Grpc { api: GrpcApi::by(&server, options, route.clone())?, fallback }
        } else {
            Way::Http(http()?)
        };
        Ok(Self { server, route, way })
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Whether the server is there.
    pub async fn health(&self) -> Outcome {
        self.inspect().await.0
    }

    /// Whether the server is there, and its certificate (DER) where it has one.
    pub(crate) async fn inspect(&self) -> (Outcome, Option<Vec<u8>>) {
        self.with_proxy_login(|| async move {
            match &self.way {
                Way::Http(api) => api.inspect().await,
                Way::Grpc { api, .. } => api.inspect().await,
            }
        })
        .await
    }

    /// Calls, and once more where the proxy asks for a name and a password that the keychain
    /// has.
    async fn with_proxy_login<T: Answered, F: Future<Output = T>>(
        &self,
        call: impl Fn() -> F,
    ) -> T {
        let answered = call().await;
        if wants_proxy_login(answered.outcome()) && self.route.learn_login().await {
            call().await
        } else {
            answered
        }
    }

    /// Asks the server to take this device in.
    pub async fn enroll(&self, request: &EnrollRequest) -> Outcome {
        self.with_proxy_login(|| async move {
            match &self.way {
                Way::Http(api) => api.enroll(request).await,
                Way::Grpc { api, fallback } => {
                    either(api.enroll(request), fallback, |http| http.enroll(request)).await
                }
            }
        })
        .await
    }

    /// Exchanges the API key, which must be this server's, for a token.
    pub(crate) async fn token(&self, request: &TokenRequest) -> Outcome {
        self.with_proxy_login(|| async move {
            match &self.way {
                Way::Http(api) => api.token(request).await,
                Way::Grpc { api, fallback } => {
                    either(api.token(request), fallback, |http| http.token(request)).await
                }
            }
        })
        .await
    }

    pub(crate) async fn config(&self, token: &AccessToken, etag: Option<&str>) -> ConfigAnswer {
        self.with_proxy_login(|| async move {
            match &self.way {
                Way::Http(api) => api.config(token, etag).await,
                Way::Grpc { api, fallback } => {
                    either(api.config(token, etag), fallback, |http| http.config(token, etag)).await
                }
            }
        })
        .await
    }

    pub(crate) async fn batch(&self, token: &AccessToken, batch: &OutgoingBatch) -> Outcome {
        self.with_proxy_login(|| async move {
            match &self.way {
                Way::Http(api) => api.batch(token, batch).await,
                Way::Grpc { api, fallback } => {
                    either(api.batch(token, batch), fallback, |http| http.batch(token, batch)).await
                }
            }
        })
        .await
    }

    pub(crate) async fn image(&self, token: &AccessToken, image: &OutgoingImage) -> Outcome {
        self.with_proxy_login(|| async move {
            match &self.way {
                Way::Http(api) => api.image(token, image).await,
                Way::Grpc { api, fallback } => {
                    either(api.image(token, image), fallback, |http| http.image(token, image)).await
                }
            }
        })
        .await
    }

    /// Asks for the key that is to take the place of the device's own.
    pub(crate) async fn issue_key(&self, token: &AccessToken, idempotency_key: &str) -> Outcome {
        match &self.way {
            Way::Http(api) => api.issue_key(token, idempotency_key).await,
            Way::Grpc { api, fallback } => {
                let http = |http| HttpApi::issue_key(http, token, idempotency_key);
                either(api.issue_key(token, idempotency_key), fallback, http).await
            }
        }
    }

    /// Ends the device's key.
    pub(crate) async fn revoke_self(&self, token: &AccessToken) -> Outcome {
        self.with_proxy_login(|| async move {
            match &self.way {
                Way::Http(api) => api.revoke_self(token).await,
                Way::Grpc { api, fallback } => {
                    either(api.revoke_self(token), fallback, |http| http.revoke_self(token)).await
                }
            }
        })
        .await
    }
}

/// Calls in gRPC; where that is not implemented and there is a fallback, in HTTP.
async fn either<'a, T: Answered, F: Future<Output = T>>(
    grpc: impl Future<Output = T>,
    fallback: &'a Option<Fallback>,
    http: impl FnOnce(&'a HttpApi) -> F,
) -> T {
    let Some(fallback) = fallback else { return grpc.await };
    if !fallback.is_in_use() {
        let answered = grpc.await;
        if !is_unimplemented(answered.outcome()) {
            return answered;
        }
        tracing::warn!(
            server = fallback.api.server().as_str(),
            "the server lacks gRPC, or a method of it; it is spoken to in HTTP for an hour"
        );
        fallback.begin();
    }
    http(&fallback.api).await
}

fn wants_proxy_login(outcome: &Outcome) -> bool {
    match outcome {
        // Some proxies refuse a wrong password as they refuse a server.
        Outcome::Fault(TransportFault::Proxy(fault)) => matches!(
            fault,
            ProxyFault::LoginRequired | ProxyFault::LoginRefused | ProxyFault::Refused
        ),
        _ => false,
    }
}

/// Also where something answers that speaks no gRPC at all, as gRPC itself has it.
fn is_unimplemented(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Grpc(answer) => answer.code == GrpcCode::Unimplemented,
        Outcome::Http(answer) => matches!(answer.status, 404 | 405 | 415 | 501),
        Outcome::Fault(_) | Outcome::NoKey(_) => false,
    }
}

impl Fallback {
    fn is_in_use(&self) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < REMEMBERED)
    }

    fn begin(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
