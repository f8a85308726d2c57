//! Starting the server and ending it.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::task::JoinHandle;

use crate::admin::Admin;
use crate::admin_routes::admin_router;
use crate::admin_token::{AdminToken, AdminTokenError};
use crate::grpc::grpc_router;
use crate::options::ServerOptions;
use crate::routes::router;
use crate::state::ServerState;
use crate::store::StoreError;
use crate::tls::{self, TlsError};

/// Requests that are under way at shutdown may take this long.
const GRACE: Duration = Duration::from_secs(3);

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// A server that answers. Dropping it cuts its connections; [`RunningServer::shutdown`]
/// lets them finish.
#[derive(Debug)]
pub struct RunningServer {
    state: ServerState,
    public: Listener,
    grpc: Option<Listener>,
    admin: Option<Listener>,
    security: Security,
}

/// Whether devices are served over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    Plain,
    Tls,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Without TLS, everyone on the network could read what devices send.
    #[error("{0} can be reached from other machines, and without TLS they could read everything")]
    PlainBeyondLoopback(SocketAddr),
    /// The admin interface is for this machine only.
    #[error("{0} can be reached from other machines, but the admin interface is for this one only")]
    AdminBeyondLoopback(SocketAddr),
    /// The address is taken, or is not one of this machine.
    #[error("the server cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// TLS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The admin token cannot be used.
    #[error(transparent)]
    AdminToken(#[from] AdminTokenError),
}

impl ServerError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PlainBeyondLoopback(_) => {
                Some("give --tls-cert and --tls-key, or listen on 127.0.0.1")
            }
            Self::AdminBeyondLoopback(_) => Some("let --admin-listen name 127.0.0.1 or [::1]"),
            Self::Listen { .. } => Some("choose another port, or 0 for any that is free"),
            Self::Store(StoreError::Foreign { .. }) => Some("choose another file with --db"),
            Self::Store(StoreError::File { .. }) => {
                Some("choose a file in a directory that exists and that you may write to")
            }
            Self::AdminToken(AdminTokenError::ReadableByOthers { .. }) => {
                Some("run `chmod 600` on it, or delete it for a new token")
            }
            Self::AdminToken(AdminTokenError::NoToken { .. }) => {
                Some("delete it; a new token is made at the next start")
            }
            Self::Tls(TlsError::Pair(_)) => Some("check that the key belongs to the certificate"),
            Self::Store(_) | Self::Tls(_) | Self::AdminToken(_) => None,
        }
    }
}

impl Server {
    /// Starts a server on the current Tokio runtime. When this returns, it answers.
    ///
    /// # Errors
    /// Fails where an address, the database, the certificate or the token cannot be used.
    pub async fn start(options: ServerOptions) -> Result<RunningServer, ServerError> {
        Self::start_with(options, |router| router).await
    }

    /// As [`Server::start`], with a layer of the caller's around the public routes.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with(
        options: ServerOptions,
        layer: impl FnOnce(Router) -> Router,
    ) -> Result<RunningServer, ServerError> {
        for address in [Some(options.listen), options.grpc].into_iter().flatten() {
            if options.tls.is_none() && !address.ip().is_loopback() {
                return Err(ServerError::PlainBeyondLoopback(address));
            }
        }
        let tls = options.tls.as_ref().map(tls::config).transpose()?;
        let admin = match &options.admin {
            Some(admin) if !admin.listen.ip().is_loopback() => {
                return Err(ServerError::AdminBeyondLoopback(admin.listen));
            }
            Some(admin) => {
                Some((bind(admin.listen)?, AdminToken::load_or_create(&admin.token_file)?))
            }
            None => None,
        };
        let socket = bind(options.listen)?;
        let grpc = options.grpc.map(bind).transpose()?;
        let state = open(options.clone()).await?;
        let security = if tls.is_some() { Security::Tls } else { Security::Plain };
        let admin = admin
            .map(|(socket, token)| {
                Listener::start(socket, None, admin_router(state.admin(), token))
            })
            .transpose()?;
        let grpc = grpc
            .map(|socket| Listener::start(socket, tls.clone(), grpc_router(&state)))
            .transpose()?;
        let public = Listener::start(socket, tls, layer(router(state.clone())))?;
        let address = public.address;
        tracing::info!(%address, ?security, "reference server, not for production");
        Ok(RunningServer { state, public, grpc, admin, security })
    }
}

impl RunningServer {
    /// Where devices reach the server, such as `http://127.0.0.1:8420`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.security {
            Security::Plain => "http",
            Security::Tls => "https",
        };
        format!("{scheme}://{}", self.public.address)
    }

    /// Where devices reach the server over gRPC, such as `grpc://127.0.0.1:8422`: at a
    /// listener of its own if there is one, else at the one for all.
    #[must_use]
    pub fn grpc_url(&self) -> String {
        let scheme = match self.security {
            Security::Plain => "grpc",
            Security::Tls => "grpcs",
        };
        format!("{scheme}://{}", self.grpc.as_ref().unwrap_or(&self.public).address)
    }

    /// Whether gRPC has a listener of its own.
    #[must_use]
    pub const fn has_grpc_listener(&self) -> bool {
        self.grpc.is_some()
    }

    /// The address of the public listener, with its real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// Where administrators reach the server, if they were given a listener.
    #[must_use]
    pub fn admin_url(&self) -> Option<String> {
        self.admin.as_ref().map(|listener| format!("http://{}", listener.address))
    }

    /// The administrator's handle.
    #[must_use]
    pub fn admin(&self) -> Admin {
        self.state.admin()
    }

    /// Lets requests that are under way finish, for at most 3 s, and closes the database.
    pub async fn shutdown(self) {
        let Self { state, mut public, grpc, admin, .. } = self;
        public.finish().await;
        for mut listener in [grpc, admin].into_iter().flatten() {
            listener.finish().await;
        }
        state.store.close().await;
    }
}

/// A layer for [`Server::start_with`] that counts the requests which reach the server.
pub fn counting(requests: Arc<AtomicU64>) -> impl FnOnce(Router) -> Router {
    let count = move |request: Request, next: Next| {
        requests.fetch_add(1, Ordering::Relaxed);
        next.run(request)
    };
    move |router| router.layer(middleware::from_fn(count))
}

/// A socket and the task that serves it.
#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Listener {
    fn start(
        socket: TcpListener,
        tls: Option<RustlsConfig>,
        router: Router,
    ) -> Result<Self, ServerError> {
        let address = socket.local_addr().map_err(|cause| ServerError::Listen {
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            cause,
        })?;
        let handle = Handle::new();
        let server = axum_server::from_tcp(socket)
            .map_err(|cause| ServerError::Listen { address, cause })?
            .handle(handle.clone());
        let service = router.into_make_service();
        let task = match tls {
            None => tokio::spawn(server.acceptor(NoDelayAcceptor::new()).serve(service)),
            Some(config) => {
                let acceptor = RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new());
                tokio::spawn(server.acceptor(acceptor).serve(service))
            }
        };
        Ok(Self { address, handle, task })
    }

    async fn finish(&mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        match (&mut self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::error!(%cause, "a listener failed"),
            Err(cause) => tracing::error!(%cause, "a listener's task failed"),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.handle.shutdown();
        self.task.abort();
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    let fault = |cause| ServerError::Listen { address, cause };
    let socket = TcpListener::bind(address).map_err(fault)?;
    socket.set_nonblocking(true).map_err(fault)?;
    Ok(socket)
}

async fn open(options: ServerOptions) -> Result<ServerState, ServerError> {
    match tokio::task::spawn_blocking(move || ServerState::open(&options)).await {
        Ok(state) => Ok(state?),
        Err(_) => Err(StoreError::Closed.into()),
    }
}
