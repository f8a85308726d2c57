//! gRPC as it looks on the wire, to whoever speaks HTTP/2.

use std::net::{Ipv4Addr, SocketAddr};

use devpulse_protocol::HEALTH_PATH;
use devpulse_server::{Server, ServerError, ServerOptions};
use reqwest::{Client, Response, StatusCode};

use crate::harness::{client, start};

/// Calls a method with an empty message.
async fn call(url: &str, method: &str) -> Response {
    // Also installs the provider of TLS that every client needs.
    drop(client());
    let client = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let request = client.post(format!("{}/{method}", url.replace("grpc:", "http:")));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    request.body(vec![0; 5]).send().await.unwrap()
}

fn status(response: &Response) -> &str {
    response.headers().get("grpc-status").map_or("", |status| status.to_str().unwrap())
}

#[tokio::test]
async fn grpc_is_served_where_http_is() {
    let server = start().await;
    assert_eq!(server.grpc_url(), server.url().replace("http:", "grpc:"));
    let health = call(&server.grpc_url(), "grpc.health.v1.Health/Check").await;
    assert_eq!(health.headers()["content-type"], "application/grpc");
    // The reply says SERVING; its status follows it.
    assert_eq!(health.bytes().await.unwrap(), [0, 0, 0, 0, 2, 8, 1].as_slice());
}

#[tokio::test]
async fn a_listener_for_grpc_serves_nothing_else() {
    let grpc = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let server = Server::start(ServerOptions { grpc, ..Default::default() }).await.unwrap();
    assert!(server.has_grpc_listener());
    let url = server.grpc_url();
    assert_ne!(url, server.url().replace("http:", "grpc:"));
    let health = call(&url, "grpc.health.v1.Health/Check").await;
    assert_eq!(health.bytes().await.unwrap().len(), 7);
    let http = client().get(format!("{}{HEALTH_PATH}", url.replace("grpc:", "http:")));
    assert_eq!(http.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told_as_grpc_tells_it() {
    let server = start().await;
    let url = server.grpc_url();
    for (method, expected) in [
        ("devpulse.v1.DevPulse/NotYetInvented", "12"),
        ("devpulse.v2.DevPulse/SendBatch", "12"),
        // Without the version of the protocol.
        ("devpulse.v1.DevPulse/GetConfig", "3"),
    ] {
        let response = call(&url, method).await;
        assert_eq!((response.status(), status(&response)), (StatusCode::OK, expected), "{method}");
    }
}

#[tokio::test]
async fn grpc_in_the_clear_beyond_loopback_is_refused() {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    let options = ServerOptions { grpc: Some(address), ..Default::default() };
    let refused = Server::start(options).await.unwrap_err();
    assert!(matches!(refused, ServerError::PlainBeyondLoopback(found) if found == address));
}
