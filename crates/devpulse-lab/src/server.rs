//! The reference server, in this process.

use std::net::SocketAddr;
use std::path::Path;

use devpulse_protocol::DeviceId;
use devpulse_server::{
    Admin, Database, EventQuery, RunningServer, SecretRequest, Server, ServerOptions, TlsFiles,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::waiting::wait;

/// A server that can be stopped and started again at the same address.
#[derive(Debug)]
pub struct TestServer {
    runtime: Runtime,
    running: Option<RunningServer>,
    options: ServerOptions,
    scheme: &'static str,
    _files: TempDir,
}

impl TestServer {
    /// Starts one with a database of its own.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(ServerOptions::default())
    }

    /// As [`TestServer::start`], with other options; the database is its own in any case.
    #[must_use]
    pub fn start_with(options: ServerOptions) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "http", options)
    }

    /// As [`TestServer::start`], reached in this scheme: `http`, `https`, `grpc` or `grpcs`,
    /// the secure ones with a certificate that vouches for itself.
    #[must_use]
    pub fn start_over(scheme: &'static str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let tls = scheme.ends_with('s').then(|| certificate(files.path()));
        Self::start_in(files, scheme, ServerOptions { tls, ..ServerOptions::default() })
    }

    fn start_in(files: TempDir, scheme: &'static str, mut options: ServerOptions) -> Self {
        options.database = Database::File(files.path().join("server.db"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let running = runtime.block_on(Server::start(options.clone())).unwrap();
        options.listen = running.address();
        Self { runtime, running: Some(running), options, scheme, _files: files }
    }

    /// Where it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// The file of the certificate to trust, where it has one.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.options.tls.as_ref().map(|tls| tls.certificate.as_path())
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.options.listen
    }

    /// Stops it; what was begun is finished.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }

    /// Starts it again at the same address.
    pub fn start_again(&mut self) {
        let options = self.options.clone();
        self.running = Some(self.runtime.block_on(Server::start(options)).unwrap());
    }

    /// An enrollment secret.
    #[must_use]
    pub fn secret(&self) -> String {
        let request = SecretRequest::default();
        let issued = self.runtime.block_on(self.admin().create_secret(request)).unwrap();
        issued.secret.expose().to_owned()
    }

    /// Replaces the configuration for all devices.
    pub fn set_config(&self, config: Value) {
        self.runtime.block_on(self.admin().set_config(config)).unwrap();
    }

    /// As another server's software would, which may send values that are not allowed.
    pub fn set_config_unchecked(&self, config: Value) {
        self.runtime.block_on(self.admin().set_config_unchecked(config)).unwrap();
    }

    /// The image files that the server holds.
    #[must_use]
    pub fn images(&self) -> Vec<Vec<u8>> {
        let admin = self.admin();
        self.runtime.block_on(async {
            let mut images = Vec::new();
            for summary in admin.screenshots().await.unwrap() {
                let image = admin.screenshot(&summary.sha256).await.unwrap().unwrap();
                images.push(image.bytes);
            }
            images
        })
    }

    /// Ends the right to send of every device.
    pub fn revoke_all(&self) {
        let admin = self.admin();
        self.runtime.block_on(async {
            for device in admin.devices().await.unwrap() {
                assert!(admin.revoke(device.device_id).await.unwrap());
            }
        });
    }

    /// Ends the right to send of one device.
    pub fn revoke(&self, device_id: &str) {
        let device_id = DeviceId::new(device_id);
        assert!(self.runtime.block_on(self.admin().revoke(device_id)).unwrap());
    }

    /// Ends the key of one device.
    pub fn expire_key(&self, device_id: &str) {
        let device_id = DeviceId::new(device_id);
        assert!(self.runtime.block_on(self.admin().expire_key(device_id)).unwrap());
    }

    /// Ends every token that was issued so far.
    pub fn expire_tokens(&self) {
        self.runtime.block_on(self.admin().expire_tokens()).unwrap();
    }

    /// What it knows of its devices.
    #[must_use]
    pub fn devices(&self) -> Vec<Value> {
        let devices = self.runtime.block_on(self.admin().devices()).unwrap();
        devices.iter().map(|device| serde_json::to_value(device).unwrap()).collect()
    }

    /// Everything that it holds, in order of arrival.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.query(EventQuery::default())
    }

    /// What it holds of one device, in order of arrival.
    #[must_use]
    pub fn events_of(&self, device_id: &str) -> Vec<Value> {
        let device = Some(DeviceId::new(device_id));
        self.query(EventQuery { device, ..EventQuery::default() })
    }

    /// Waits until the server holds an event that `wanted` picks.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait(what, || self.events().into_iter().find(&wanted))
    }

    fn query(&self, query: EventQuery) -> Vec<Value> {
        let events = self.runtime.block_on(self.admin().events(query)).unwrap();
        events.iter().map(|json| serde_json::from_str(json).unwrap()).collect()
    }

    fn admin(&self) -> Admin {
        self.running.as_ref().unwrap().admin()
    }
}

/// A certificate for this machine that vouches for itself.
fn certificate(directory: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files =
        TlsFiles { certificate: directory.join("server.pem"), key: directory.join("server.key") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}
