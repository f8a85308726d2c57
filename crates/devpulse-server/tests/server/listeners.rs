//! Where the server listens, TLS, and what outlives a restart.

use std::net::SocketAddr;

use axum::http::StatusCode as Status;
use axum::middleware::from_fn;
use devpulse_protocol::{HEALTH_PATH, SCREENSHOTS_PATH};
use devpulse_server::{
    AdminListener, Database, Server, ServerError, ServerOptions, StoreError, TlsFiles,
};
use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::json;

use crate::harness::{Device, client, get, open_secret, start, stored};

#[tokio::test]
async fn port_zero_takes_a_free_port_and_tells_it() {
    let (one, other) = (start().await, start().await);
    assert_ne!(one.address().port(), 0);
    assert_ne!(one.address(), other.address());
    assert_eq!(get(&one, HEALTH_PATH).send().await.status, StatusCode::OK);
    let taken = ServerOptions { listen: one.address(), ..Default::default() };
    assert!(matches!(Server::start(taken).await, Err(ServerError::Listen { .. })));
}

#[tokio::test]
async fn plain_http_beyond_loopback_is_refused_with_a_hint() {
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Server::start(ServerOptions { listen, ..Default::default() }).await.unwrap_err();
    assert!(matches!(refused, ServerError::PlainBeyondLoopback(address) if address == listen));
    assert!(refused.hint().unwrap().contains("--tls-cert"));
}

#[tokio::test]
async fn the_admin_interface_never_leaves_the_machine() {
    let directory = tempfile::tempdir().unwrap();
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let token_file = directory.path().join("token");
    let admin = Some(AdminListener { listen, token_file: token_file.clone() });
    let refused = Server::start(ServerOptions { admin, ..Default::default() }).await;
    assert!(matches!(refused, Err(ServerError::AdminBeyondLoopback(_))));
    assert!(!token_file.exists());
}

#[tokio::test]
async fn tls_serves_whoever_trusts_its_certificate() {
    let trusting_nobody = client();
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: directory.path().join("cert.pem"),
        key: directory.path().join("key.pem"),
        client_ca: None,
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let options = ServerOptions { listen, tls: Some(files.clone()), ..Default::default() };
    let server = Server::start(options).await.unwrap();
    let url = format!("https://127.0.0.1:{}", server.address().port());
    assert!(server.url().starts_with("https://"));

    let certificate = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let trusting = Client::builder().no_proxy().tls_certs_only([certificate]).build().unwrap();
    let secret = open_secret(&server).await;
    let device = Device::enroll_with(&url, "ada", &secret, trusting).await;
    assert_eq!(device.send(&[device.event(1, "")]).await.receipt().accepted, 1);
    assert!(trusting_nobody.get(format!("{url}{HEALTH_PATH}")).send().await.is_err());

    std::fs::write(&files.key, "no key").unwrap();
    let options = ServerOptions { tls: Some(files), ..Default::default() };
    assert!(matches!(Server::start(options).await, Err(ServerError::Tls(_))));
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let options = ServerOptions { database: Database::File(path.clone()), ..Default::default() };
    let server = Server::start(options.clone()).await.unwrap();
    let secret = open_secret(&server).await;
    let mut device = Device::enroll_with(&server.url(), "ada", &secret, client()).await;
    let event = device.event(1, "");
    device.send(std::slice::from_ref(&event)).await.receipt();
    server.admin().set_config(json!({"config_poll_s": 5})).await.unwrap();
    let admin = server.admin();
    server.shutdown().await;
    assert!(matches!(admin.event_count().await, Err(StoreError::Closed)));
    assert!(!directory.path().join("data.db-wal").exists(), "the database was closed");

    let server = Server::start(options).await.unwrap();
    device.url = server.url();
    let receipt = device.send(std::slice::from_ref(&event)).await.receipt();
    assert_eq!((receipt.accepted, receipt.duplicates), (0, 1));
    assert_eq!(receipt.config_version, Some(2));
    assert_eq!(stored(&server).await, [event]);
    let again = Device::enroll_with(&server.url(), "ada", &secret, client()).await;
    assert_eq!(again.id, device.id);
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let options = ServerOptions { database: Database::File(path.clone()), ..Default::default() };
    let server = Server::start(options).await.unwrap();
    open_secret(&server).await;
    for name in ["data.db", "data.db-wal"] {
        let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_of_another_program_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t(x)").unwrap();
    drop(other);
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but longer than its header would be, by far ".repeat(9))
        .unwrap();
    for path in [path, text] {
        let before = std::fs::read(&path).unwrap();
        let options =
            ServerOptions { database: Database::File(path.clone()), ..Default::default() };
        let refused = Server::start(options).await;
        assert!(
            matches!(refused, Err(ServerError::Store(StoreError::Foreign { .. }))),
            "{refused:?}"
        );
        assert!(std::fs::read(&path).unwrap() == before, "{} was changed", path.display());
    }
}

#[tokio::test]
async fn a_layer_of_the_callers_stands_before_the_routes() {
    let server = Server::start_with(ServerOptions::default(), |router| {
        router.layer(from_fn(
            |request: axum::extract::Request, next: axum::middleware::Next| async {
                match request.uri().path().starts_with(SCREENSHOTS_PATH) {
                    true => Err(Status::SERVICE_UNAVAILABLE),
                    false => Ok(next.run(request).await),
                }
            },
        ))
    })
    .await
    .unwrap();
    let device = Device::enroll(&server, "ada").await;
    let put = device.call(Method::PUT, &format!("{SCREENSHOTS_PATH}/x")).send().await;
    assert_eq!(put.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_dropped_server_no_longer_answers() {
    let server = start().await;
    let url = format!("{}{HEALTH_PATH}", server.url());
    let client = client();
    assert!(client.get(&url).send().await.is_ok());
    drop(server);
    tokio::task::yield_now().await;
    assert!(client.get(&url).send().await.is_err());
}
