//! The reference server, in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use devpulse_protocol::DeviceId;
use devpulse_server::{
    Admin, Database, EventQuery, RunningServer, SecretRequest, Server, ServerOptions, TlsFiles,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::authority::{Authority, Certified, Validity};
use crate::waiting::wait;

/// A server that can be stopped and started again at the same address.
#[derive(Debug)]
pub struct TestServer {
    runtime: Runtime,
    running: Option<RunningServer>,
    options: ServerOptions,
    scheme: &'static str,
    authority: Option<PathBuf>,
    requests: Arc<AtomicU64>,
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
    /// the secure ones with a certificate of an authority of their own.
    #[must_use]
    pub fn start_over(scheme: &'static str) -> Self {
        let files = tempfile::tempdir().unwrap();
        if !scheme.ends_with('s') {
            return Self::start_in(files, scheme, ServerOptions::default());
        }
        let authority = Authority::new();
        let certified = authority.certify(&["127.0.0.1"], Validity::Now);
        let to = |name: &str| files.path().join(name);
        std::fs::copy(authority.path(), to("ca.pem")).unwrap();
        std::fs::copy(&certified.certificate, to("server.pem")).unwrap();
        std::fs::copy(&certified.key, to("server.key")).unwrap();
        let tls =
            TlsFiles { certificate: to("server.pem"), key: to("server.key"), client_ca: None };
        let ca = to("ca.pem");
        let options = ServerOptions { tls: Some(tls), ..ServerOptions::default() };
        let mut server = Self::start_in(files, scheme, options);
        server.authority = Some(ca);
        server
    }

    /// As [`TestServer::start_over`], with a certificate of an authority of the test's, at an
    /// address of the test's.
    #[must_use]
    pub fn start_certified(
        scheme: &'static str,
        authority: &Authority,
        options: ServerOptions,
        certified: &Certified,
    ) -> Self {
        let tls = Some(files_of(certified, None));
        let files = tempfile::tempdir().unwrap();
        let mut server = Self::start_in(files, scheme, ServerOptions { tls, ..options });
        server.authority = Some(authority.path());
        server
    }

    /// Proves itself with another certificate from the next start on, and has devices prove
    /// themselves, where there is an authority for them.
    pub fn certify_again(&mut self, certified: &Certified, devices: Option<&Authority>) {
        self.options.tls = Some(files_of(certified, devices));
    }

    fn start_in(files: TempDir, scheme: &'static str, mut options: ServerOptions) -> Self {
        options.database = Database::File(files.path().join("server.db"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let requests = Arc::<AtomicU64>::default();
        let running = start(&runtime, &options, &requests);
        options.listen = running.address();
        let authority = None;
        Self {
            runtime,
            running: Some(running),
            options,
            scheme,
            authority,
            requests,
            _files: files,
        }
    }

    /// Where it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// The file of the authority to trust, where it has one.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// How many requests reached it so far, over all of its starts.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
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
        self.running = Some(start(&self.runtime, &self.options, &self.requests));
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

    /// Orders one device to exchange its key.
    pub fn rotate_key(&self, device_id: &str) {
        let device_id = DeviceId::new(device_id);
        assert!(self.runtime.block_on(self.admin().rotate_key(device_id)).unwrap());
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

    /// How many events it holds.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.runtime.block_on(self.admin().event_count()).unwrap()
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

/// Starts a server that counts the requests which reach it.
fn start(runtime: &Runtime, options: &ServerOptions, requests: &Arc<AtomicU64>) -> RunningServer {
    let counted = devpulse_server::counting(Arc::clone(requests));
    runtime.block_on(Server::start_with(options.clone(), counted)).unwrap()
}

fn files_of(certified: &Certified, devices: Option<&Authority>) -> TlsFiles {
    TlsFiles {
        certificate: certified.certificate.clone(),
        key: certified.key.clone(),
        client_ca: devices.map(Authority::path),
    }
}
