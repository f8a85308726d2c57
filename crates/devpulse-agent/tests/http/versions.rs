//! Both versions of HTTP, directly and through a proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::Version;
use axum_server::tls_rustls::RustlsConfig;
use devpulse_agent::http::{HttpApi, HttpOptions};
use devpulse_agent::origin::ProxyUrl;
use devpulse_pipeline::Outcome;
use devpulse_server::TlsFiles;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::faults::secured;
use crate::grpc::tunnel;
use crate::server::url;

/// A server that offers these protocols and answers with the version that it was asked in.
async fn offering(protocols: &[&str], files: &TlsFiles) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(&files.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let router = Router::new()
        .fallback(|version: Version| std::future::ready(format!("{version:?}").into_bytes()));
    let handle = axum_server::Handle::new();
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = axum_server::bind_rustls(here, RustlsConfig::from_config(Arc::new(config)))
        .handle(handle.clone());
    tokio::spawn(server.serve(router.into_make_service()));
    handle.listening().await.unwrap()
}

async fn spoken(server: &str, options: &HttpOptions) -> Vec<u8> {
    match HttpApi::new(&url(server), options).unwrap().health().await {
        Outcome::Http(answer) => answer.body.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_better_version_that_the_server_has_is_spoken_through_a_proxy_too() {
    let here = secured("127.0.0.1", |_| {}).await;
    let far = secured("devpulse.example", |_| {}).await;
    let versions: [(&[&str], &str); 3] = [
        (&["h2", "http/1.1"], "HTTP/2.0"),
        (&["http/1.1"], "HTTP/1.1"),
        // What says nothing of versions speaks the older one.
        (&[], "HTTP/1.1"),
    ];
    for (protocols, version) in versions {
        let address = offering(protocols, &here.tls).await;
        assert_eq!(spoken(&format!("https://{address}"), &here.options).await, version.as_bytes());
        let (proxy, asked) = tunnel(offering(protocols, &far.tls).await).await;
        let options = HttpOptions { proxy: ProxyUrl::parse(&proxy), ..far.options.clone() };
        assert_eq!(spoken("https://devpulse.example", &options).await, version.as_bytes());
        assert_eq!(*asked.lock().unwrap(), ["CONNECT devpulse.example:443 HTTP/1.1"]);
    }
}
