//! What stands between here and the server.

use std::path::PathBuf;
use std::time::Duration;

use devpulse_agent::http::{HttpApi, HttpOptions, HttpSetupError, fault_hint};
use devpulse_agent::origin::ProxyUrl;
use devpulse_pipeline::{Outcome, ProxyFault, TlsFault, TransportFault};
use devpulse_server::{RunningServer, Server, ServerOptions, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{api, closing, impatient, raw, silent, url};

const SHORT: Duration = Duration::from_millis(200);

async fn fault(server: &str, options: &HttpOptions) -> TransportFault {
    match HttpApi::new(&url(server), options).unwrap().health().await {
        Outcome::Fault(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn expect(fault: &TransportFault, expected: &TransportFault, message: &str, hint: &str) {
    assert_eq!(fault, expected);
    assert_eq!(fault.to_string(), message);
    assert_eq!(fault_hint(fault), hint);
}

fn free_address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_name_without_an_address_is_not_found() {
    let fault = fault("https://devpulse.invalid", &HttpOptions::default()).await;
    expect(
        &fault,
        &TransportFault::NameNotFound,
        "the server's name could not be resolved",
        "check the server's name and the network",
    );
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let fault = fault(&format!("http://{}", free_address()), &HttpOptions::default()).await;
    expect(
        &fault,
        &TransportFault::Unreachable,
        "the server could not be reached",
        "check the server's address and the network, and whether the server runs",
    );
}

#[tokio::test]
async fn localhost_is_this_machine() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let by_name = format!("http://localhost:{}", server.address().port());
    assert!(matches!(api(&by_name).health().await, Outcome::Http(answer) if answer.status == 200));
}

#[tokio::test]
async fn a_handshake_that_stalls_is_a_connection_out_of_time() {
    let options = impatient(Some(SHORT), None);
    let fault = fault(&format!("https://{}", silent().await), &options).await;
    expect(
        &fault,
        &TransportFault::ConnectTimeout,
        "the server could not be reached in time",
        "check the server's address and the network, and whether the server runs",
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_out_of_time() {
    let options = impatient(None, Some(SHORT));
    let fault = fault(&format!("http://{}", silent().await), &options).await;
    expect(
        &fault,
        &TransportFault::AnswerTimeout,
        "the server did not answer in time",
        "try again; if it stays so, tell your administrator",
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_broken() {
    for answer in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
    ] {
        let fault = fault(&raw(answer).await, &HttpOptions::default()).await;
        expect(
            &fault,
            &TransportFault::Broken,
            "the connection broke before the answer was complete",
            "try again; if it stays so, tell your administrator",
        );
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_blamed() {
    let answers: [(&[u8], ProxyFault); 5] = [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ProxyFault::LoginRequired),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", ProxyFault::Refused),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", ProxyFault::Refused),
        (b"", ProxyFault::NotAProxy),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", ProxyFault::Refused),
    ];
    for (answer, expected) in answers {
        let refusing = raw(answer).await;
        let options = HttpOptions { proxy: ProxyUrl::parse(&refusing), ..HttpOptions::default() };
        let fault = fault("https://devpulse.example", &options).await;
        assert_eq!(fault, TransportFault::Proxy(expected));
    }
    let nobody = format!("http://{}", free_address());
    for proxy in [&nobody, "http://proxy.invalid:3128", &nobody.replace("http", "socks5h")] {
        let options = HttpOptions { proxy: ProxyUrl::parse(proxy), ..HttpOptions::default() };
        let fault = fault("https://devpulse.example", &options).await;
        expect(
            &fault,
            &TransportFault::Proxy(ProxyFault::Unreachable),
            "the proxy could not be reached",
            "check the proxy's address (DEVPULSE_PROXY, or HTTPS_PROXY), and whether it runs",
        );
    }
}

#[tokio::test]
async fn a_login_that_the_proxy_does_not_take_is_told_from_one_that_is_missing() {
    let refusing = raw(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let proxy = ProxyUrl::parse(&refusing.replace("//", "//me:hunter2@"));
    let options = HttpOptions { proxy, ..HttpOptions::default() };
    let fault = fault("https://devpulse.example", &options).await;
    assert_eq!(fault, TransportFault::Proxy(ProxyFault::LoginRefused));
    assert!(!format!("{fault} {options:?}").contains("hunter2"));
}

/// As a SOCKS5 proxy, answers each message with the next of these.
async fn socks(answers: &'static [&'static [u8]]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            for answer in answers {
                assert!(client.read(&mut [0; 1024]).await.unwrap() > 0);
                client.write_all(answer).await.unwrap();
            }
        }
    });
    format!("socks5h://{address}")
}

#[tokio::test]
async fn what_a_socks_proxy_says_is_told() {
    const FREE: &[u8] = &[5, 0];
    let replies: [(&'static [&'static [u8]], ProxyFault); 7] = [
        (&[&[5, 0xff]], ProxyFault::LoginRequired),
        (&[FREE, &[5, 1, 0, 1, 0, 0, 0, 0, 0, 0]], ProxyFault::ServerUnreachable),
        (&[FREE, &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]], ProxyFault::Refused),
        (&[FREE, &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]], ProxyFault::ServerUnreachable),
        (&[FREE, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]], ProxyFault::ServerUnreachable),
        (&[b"HTTP/1.1 400 Bad Request\r\n\r\n"], ProxyFault::NotAProxy),
        (&[], ProxyFault::NotAProxy),
    ];
    for (answers, expected) in replies {
        let proxy = ProxyUrl::parse(&socks(answers).await);
        let options = HttpOptions { proxy, ..HttpOptions::default() };
        let fault = fault("https://devpulse.example", &options).await;
        assert_eq!(fault, TransportFault::Proxy(expected), "{answers:?}");
    }
    let proxy = socks(&[&[5, 2], &[1, 1]]).await.replace("//", "//me:wrong@");
    let options = HttpOptions { proxy: ProxyUrl::parse(&proxy), ..HttpOptions::default() };
    let fault = fault("https://devpulse.example", &options).await;
    assert_eq!(fault, TransportFault::Proxy(ProxyFault::LoginRefused));
}

#[tokio::test]
async fn a_server_by_its_ipv6_address_is_not_asked_of_a_proxy_in_vain() {
    let willing = raw(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let options = HttpOptions { proxy: ProxyUrl::parse(&willing), ..HttpOptions::default() };
    let fault = fault("https://[2001:db8::1]", &options).await;
    assert_eq!(fault, TransportFault::Proxy(ProxyFault::ServerByIpv6));
}

#[tokio::test]
async fn a_server_on_this_machine_is_reached_without_a_proxy() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let refusing = raw(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
    let options = HttpOptions { proxy: ProxyUrl::parse(&refusing), ..HttpOptions::default() };
    let api = HttpApi::new(&url(&server.url()), &options).unwrap();
    assert!(matches!(api.health().await, Outcome::Http(answer) if answer.status == 200));
}

/// A TLS server whose certificate comes from an authority of its own.
pub(crate) struct Secured {
    pub(crate) server: RunningServer,
    pub(crate) options: HttpOptions,
    pub(crate) tls: TlsFiles,
    _files: tempfile::TempDir,
}

pub(crate) async fn secured(name: &str, change: fn(&mut CertificateParams)) -> Secured {
    let files = tempfile::tempdir().unwrap();
    let path = |file: &str| files.path().join(file);
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    std::fs::write(path("ca.pem"), root.pem()).unwrap();
    std::fs::write(path("server.pem"), certificate.pem()).unwrap();
    std::fs::write(path("server.key"), key.serialize_pem()).unwrap();
    let tls =
        TlsFiles { certificate: path("server.pem"), key: path("server.key"), client_ca: None };
    let server =
        Server::start(ServerOptions { tls: Some(tls.clone()), ..ServerOptions::default() });
    let options = HttpOptions { ca_cert: Some(path("ca.pem")), ..HttpOptions::default() };
    Secured { server: server.await.unwrap(), options, tls, _files: files }
}

#[tokio::test]
async fn a_certificate_of_a_named_authority_is_trusted() {
    let secured = secured("127.0.0.1", |_| {}).await;
    let api = HttpApi::new(&url(&secured.server.url()), &secured.options).unwrap();
    assert!(matches!(api.health().await, Outcome::Http(answer) if answer.status == 200));
}

#[tokio::test]
async fn a_certificate_of_nobody_is_not_trusted() {
    let secured = secured("127.0.0.1", |_| {}).await;
    let fault = fault(&secured.server.url(), &HttpOptions::default()).await;
    expect(
        &fault,
        &TransportFault::Tls(TlsFault::UnknownIssuer),
        "the server's certificate comes from an unknown authority",
        "if the organisation has an authority of its own, name its certificate file with \
         DEVPULSE_CA_CERT",
    );
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_not_trusted() {
    let hint = "check this computer's clock; if it is right, tell your administrator";
    let expired = secured("127.0.0.1", |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    })
    .await;
    expect(
        &fault(&expired.server.url(), &expired.options).await,
        &TransportFault::Tls(TlsFault::Expired),
        "the server's certificate has expired",
        hint,
    );
    let early = secured("127.0.0.1", |params| {
        params.not_before = rcgen::date_time_ymd(2990, 1, 1);
        params.not_after = rcgen::date_time_ymd(2991, 1, 1);
    })
    .await;
    expect(
        &fault(&early.server.url(), &early.options).await,
        &TransportFault::Tls(TlsFault::NotYetValid),
        "the server's certificate is not valid yet; this computer's clock may be wrong",
        hint,
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let secured = secured("devpulse.example", |_| {}).await;
    let fault = fault(&secured.server.url(), &secured.options).await;
    expect(
        &fault,
        &TransportFault::Tls(TlsFault::WrongName),
        "the server's certificate is for another name",
        "use the name that the server's certificate is for",
    );
}

#[tokio::test]
async fn a_certificate_of_an_authority_or_of_a_device_is_none_for_a_server() {
    let authority = secured("127.0.0.1", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let device = secured("127.0.0.1", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    for secured in [authority.await, device.await] {
        let fault = fault(&secured.server.url(), &secured.options).await;
        assert_eq!(fault, TransportFault::Tls(TlsFault::NotForServers));
        assert!(fault_hint(&fault).contains("openssl req -x509"));
    }
}

/// A server that insists on TLS 1.1, and says whether it was offered.
async fn outdated() -> (String, tokio::sync::oneshot::Receiver<Vec<u8>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (tell, told) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut hello = vec![0; 4096];
        let length = client.read(&mut hello).await.unwrap();
        hello.truncate(length);
        tell.send(hello).unwrap();
        // A ServerHello of TLS 1.1: random bytes, no session, AES128-SHA, no compression.
        let mut answer = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
        answer.extend([7; 32]);
        answer.extend([0, 0, 0x2f, 0]);
        client.write_all(&answer).await.unwrap();
        client.read_to_end(&mut Vec::new()).await.ok();
    });
    (url, told)
}

#[tokio::test]
async fn no_older_tls_than_1_2_is_spoken_or_offered() {
    let (url, offered) = outdated().await;
    let fault = fault(&url, &HttpOptions::default()).await;
    assert_eq!(fault, TransportFault::Tls(TlsFault::Handshake));
    let hello = offered.await.unwrap();
    // Supported versions: two of them, 1.3 and 1.2.
    let versions = [0, 43, 0, 5, 4, 3, 4, 3, 3];
    assert!(hello.windows(versions.len()).any(|part| part == versions), "{hello:02x?}");
}

#[tokio::test]
async fn a_redirect_to_plain_http_is_not_followed() {
    use axum::response::{IntoResponse as _, Redirect};

    let lure = crate::server::Scripted::start(|_| "caught".into_response()).await;
    let target = lure.url.clone();
    let files = secured("127.0.0.1", |_| {}).await;
    let router = axum::Router::new()
        .fallback(move || std::future::ready(Redirect::temporary(&format!("{target}/health"))));
    let options = files.options.clone();
    let server = Server::start_with(
        ServerOptions { tls: Some(files.tls.clone()), ..ServerOptions::default() },
        |_| router,
    );
    let server = server.await.unwrap();
    let outcome = HttpApi::new(&url(&server.url()), &options).unwrap().health().await;
    assert!(matches!(outcome, Outcome::Http(answer) if answer.status == 307));
    assert!(lure.seen().1.is_empty());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_spoken_to_without() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let secure = |server: String| server.replace("http:", "https:");
    expect(
        &fault(&secure(server.url()), &HttpOptions::default()).await,
        &TransportFault::Tls(TlsFault::NotTls),
        "what answers at the server's address does not speak TLS",
        "check the address and the port; plain http and grpc are for this machine only",
    );
    expect(
        &fault(&secure(closing().await), &HttpOptions::default()).await,
        &TransportFault::Tls(TlsFault::Handshake),
        "no secure connection to the server could be made",
        "check that the server speaks https, or gRPC where it is grpcs, at this address and port",
    );
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_named() {
    let files = tempfile::tempdir().unwrap();
    let setup = |path: PathBuf| {
        let options = HttpOptions { ca_cert: Some(path), ..HttpOptions::default() };
        HttpApi::new(&url("https://devpulse.example"), &options).unwrap_err()
    };
    let absent = files.path().join("absent.pem");
    let error: HttpSetupError = setup(absent.clone());
    assert_eq!(
        error.to_string(),
        format!("the certificate file {} cannot be read", absent.display())
    );
    assert_eq!(error.hint(), Some("correct DEVPULSE_CA_CERT, or unset it"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, text) in [("empty.pem", ""), ("text.pem", "hello\n"), ("broken.pem", broken)] {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = setup(path.clone());
        assert_eq!(
            error.to_string(),
            format!(
                "the certificate file {} holds no certificate that can be used",
                path.display()
            )
        );
        assert_eq!(
            error.hint(),
            Some("DEVPULSE_CA_CERT needs a PEM file: -----BEGIN CERTIFICATE-----")
        );
    }
}

#[test]
fn a_system_without_authorities_is_told_how_to_get_them() {
    let error = HttpSetupError::NoAuthorities;
    assert_eq!(error.to_string(), "this system trusts no certificate authority");
    assert_eq!(
        error.hint(),
        Some("install ca-certificates, or name the authority with DEVPULSE_CA_CERT")
    );
}

#[test]
fn a_request_has_thirty_seconds_ten_of_them_to_connect() {
    let options = HttpOptions::default();
    assert_eq!(options.timeout, Duration::from_secs(30));
    assert_eq!(options.connect_timeout, Duration::from_secs(10));
}
