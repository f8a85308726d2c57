//! `serve`: the server in the foreground.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use devpulse_server::{
    AdminListener, Database, EnrollmentPolicy, Reenrollment, RunningServer, Server, ServerOptions,
    TlsFiles,
};

use super::Failure;

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
When a listener is ready, one line `listening on URL` goes to stdout: first the one for
devices, then the one for administrators, then the one of --grpc-listen. With port 0 the line
names the real port. gRPC is served at --listen too: grpc://ADDRESS, with TLS grpcs://ADDRESS.")]
pub(super) struct ServeArguments {
    /// Where devices reach the server. Anything beyond loopback needs --tls-cert and --tls-key.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8420")]
    listen: SocketAddr,
    /// Where devices reach it over gRPC only, besides --listen.
    #[arg(long, value_name = "ADDRESS")]
    grpc_listen: Option<SocketAddr>,
    /// Where administrators reach it; an address of loopback only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8421")]
    admin_listen: SocketAddr,
    /// The file with the admin token, made at the first start, readable by its owner only
    /// [default: `admin-token` beside the database].
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Certificate chain in PEM, the server's own first.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authorities in PEM: only devices with a certificate from one of them are served.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Life of access tokens, in seconds.
    #[arg(long, value_name = "S", default_value_t = 3600,
          value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    token_ttl: u64,
    /// Life of API keys, in seconds [default: without end].
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3_153_600_000))]
    key_ttl: Option<u64>,
    /// Refuse a machine that is enrolled already, instead of replacing its key.
    #[arg(long)]
    strict_enrollment: bool,
}

pub(super) async fn serve(db: PathBuf, arguments: ServeArguments) -> Result<(), Failure> {
    let mut stop = StopSignal::listen()?;
    let server = Server::start(arguments.options(db)).await?;
    announce(&server)?;
    stop.wait().await;
    tracing::info!("shutting down");
    server.shutdown().await;
    Ok(())
}

/// The signals that end a program.
pub(super) struct StopSignal {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    /// From here on a signal no longer ends the program by itself.
    pub(super) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    pub(super) async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.ok();
    }
}

impl ServeArguments {
    fn options(self, db: PathBuf) -> ServerOptions {
        let token_file = self.admin_token_file.unwrap_or_else(|| token_file_beside(&db));
        ServerOptions {
            listen: self.listen,
            grpc: self.grpc_listen,
            database: Database::File(db),
            tls: self.tls_cert.zip(self.tls_key).map(|(certificate, key)| TlsFiles {
                certificate,
                key,
                client_ca: self.tls_client_ca,
            }),
            admin: Some(AdminListener { listen: self.admin_listen, token_file }),
            token_lifetime: Duration::from_secs(self.token_ttl),
            enrollment: EnrollmentPolicy {
                reenrollment: if self.strict_enrollment {
                    Reenrollment::Refuse
                } else {
                    Reenrollment::ReplaceKey
                },
                key_lifetime: self.key_ttl.map(Duration::from_secs),
            },
        }
    }
}

fn token_file_beside(db: &Path) -> PathBuf {
    db.with_file_name("admin-token")
}

fn announce(server: &RunningServer) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on {}", server.url())?;
    if let Some(url) = server.admin_url() {
        writeln!(stdout, "listening on {url} for administrators")?;
    }
    if server.has_grpc_listener() {
        writeln!(stdout, "listening on {}", server.grpc_url())?;
    }
    stdout.flush()?;
    Ok(())
}
