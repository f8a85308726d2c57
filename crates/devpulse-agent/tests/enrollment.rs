//! Enrolling at the reference server, at strange servers and at none.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::net::TcpListener;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use devpulse_agent::credentials::{
    CredentialsError, Enrollment, KeptIn, SecretStore, SecretStoreError, Secrets,
};
use devpulse_agent::enrollment::{
    Backlog, BacklogChoice, EnrollError, Enrolled, EnrollmentRequest, FailureClass, enroll,
};
use devpulse_agent::home::Home;
use devpulse_agent::server_config::StoredServerConfig;
use devpulse_agent::settings::{Flag, Settings, Sources};
use devpulse_protocol::{EnrollmentSecret, Username};
use devpulse_server::{
    EnrollmentPolicy, Reenrollment, RunningServer, SecretRequest, Server, ServerOptions, Standing,
};
use serde_json::json;

/// No keychain, as in a container.
struct NoKeychain;

impl SecretStore for NoKeychain {
    fn is_present(&self) -> bool {
        false
    }
    fn put(&self, _: &str, _: &Secrets) -> Result<(), SecretStoreError> {
        Err(SecretStoreError::Absent)
    }
    fn get(&self, _: &str) -> Result<Option<Secrets>, SecretStoreError> {
        Err(SecretStoreError::Absent)
    }
    fn remove(&self, _: &str) -> Result<(), SecretStoreError> {
        Err(SecretStoreError::Absent)
    }
}

struct Device {
    _scratch: tempfile::TempDir,
    home: Home,
}

impl Device {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        Self { home: Home::below(scratch.path()), _scratch: scratch }
    }

    fn settings(&self, server: Option<&str>) -> Settings {
        let flag =
            |url: &str| Flag { flag: "--server", setting: "server_url", value: url.to_owned() };
        Settings::load(&Sources {
            flags: server.map(flag).into_iter().collect(),
            ..Sources::none(self.home.clone())
        })
        .unwrap()
    }

    async fn enroll(
        &self,
        server: &str,
        request: &EnrollmentRequest,
    ) -> Result<Enrolled, EnrollError> {
        let settings = self.settings(Some(server));
        enroll(request, &settings).await?.keep(&settings, &NoKeychain)
    }

    async fn refusal(&self, server: &str, request: &EnrollmentRequest) -> EnrollError {
        self.enroll(server, request).await.unwrap_err()
    }
}

fn request(secret: &str) -> EnrollmentRequest {
    EnrollmentRequest {
        username: Username::new("ada"),
        secret: EnrollmentSecret::new(secret),
        hostname: Some("desk".to_owned()),
        force: false,
        backlog: Backlog { pending: 0, choice: BacklogChoice::Refuse },
    }
}

async fn server() -> (RunningServer, EnrollmentRequest) {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let issued = server.admin().create_secret(SecretRequest::default()).await.unwrap();
    let request = request(issued.secret.expose());
    (server, request)
}

/// A server that answers enrolling with this, and has no health route.
async fn strange(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> String {
    let route = post(move || {
        let answer = answer.clone();
        async move { answer }
    });
    serve(Router::new().route("/api/v1/enroll", route)).await
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn expect(error: &EnrollError, class: FailureClass, message: &str, hint: &str) {
    assert_eq!(error.to_string(), message);
    assert_eq!(error.hint().as_deref(), Some(hint));
    assert_eq!(error.class(), class);
}

#[tokio::test]
async fn a_device_that_is_taken_in_keeps_its_key_and_its_configuration() {
    let (server, request) = server().await;
    server.admin().set_config(json!({"heartbeat_interval_s": 17})).await.unwrap();
    let device = Device::new();
    let enrolled = device.enroll(&format!("{}/", server.url()), &request).await.unwrap();
    assert_eq!(enrolled.kept_in, KeptIn::File);
    assert_eq!(enrolled.credentials.identity.server_url.as_str(), server.url());

    let settings = device.settings(None);
    let Ok(Enrollment::Enrolled(loaded)) = Enrollment::load(&settings, &NoKeychain) else {
        panic!()
    };
    assert_eq!(loaded, enrolled.credentials);
    let config = StoredServerConfig::load(&device.home).unwrap();
    let live = settings.with_server_config(&config.settings());
    assert_eq!(live.config().heartbeat_interval.as_secs(), 17);

    let known = server.admin().devices().await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].device_id, loaded.identity.device_id);
}

#[tokio::test]
async fn without_a_server_there_is_nothing_to_enroll_at() {
    let device = Device::new();
    let error = enroll(&request("s"), &device.settings(None)).await.unwrap_err();
    expect(
        &error,
        FailureClass::Usage,
        "no server is given",
        "name it with --server https://... or DEVPULSE_SERVER_URL",
    );
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_nothing_is_kept() {
    let (server, _) = server().await;
    let device = Device::new();
    let error = device.refusal(&server.url(), &request("wrong")).await;
    expect(
        &error,
        FailureClass::Refused,
        "the server does not accept the enrollment secret",
        "ask your administrator for a new enrollment secret",
    );
    assert!(!device.home.credentials().exists());
}

#[tokio::test]
async fn a_suspended_person_cannot_enroll() {
    let (server, request) = server().await;
    let standing = Standing::Suspended;
    server.admin().set_standing(request.username.clone(), standing).await.unwrap();
    let error = Device::new().refusal(&server.url(), &request).await;
    expect(
        &error,
        FailureClass::Refused,
        "the server does not let ada enroll devices",
        "ask your administrator",
    );
}

#[tokio::test]
async fn a_server_may_refuse_a_machine_that_it_knows() {
    let policy =
        EnrollmentPolicy { reenrollment: Reenrollment::Refuse, ..EnrollmentPolicy::default() };
    let options = ServerOptions { enrollment: policy, ..ServerOptions::default() };
    let server = Server::start(options).await.unwrap();
    let issued = server.admin().create_secret(SecretRequest::default()).await.unwrap();
    let request = request(issued.secret.expose());
    Device::new().enroll(&server.url(), &request).await.unwrap();
    let error = Device::new().refusal(&server.url(), &request).await;
    expect(
        &error,
        FailureClass::Refused,
        "the server says that this device is enrolled already",
        "ask your administrator to revoke the former enrollment of this device",
    );
}

#[tokio::test]
async fn an_enrollment_is_replaced_only_by_force() {
    let (server, request) = server().await;
    let device = Device::new();
    let first = device.enroll(&server.url(), &request).await.unwrap();
    let error = device.refusal(&server.url(), &request).await;
    expect(
        &error,
        FailureClass::Failed,
        &format!("this device is enrolled already, for ada at {}", server.url()),
        "replace the enrollment with --force",
    );
    let backlog = Backlog { pending: 7, choice: BacklogChoice::Refuse };
    let again = EnrollmentRequest { force: true, backlog, ..request };
    let second = device.enroll(&server.url(), &again).await.unwrap();
    assert_ne!(first.credentials.api_key, second.credentials.api_key);
}

#[tokio::test]
async fn a_backlog_is_never_carried_to_another_server_or_person() {
    let (first, first_request) = server().await;
    let (second, second_request) = server().await;
    let device = Device::new();
    device.enroll(&first.url(), &first_request).await.unwrap();
    let backlog = Backlog { pending: 7, choice: BacklogChoice::Refuse };
    let elsewhere = EnrollmentRequest { force: true, backlog, ..second_request };
    let grace = Username::new("grace");
    let other_person = EnrollmentRequest {
        username: grace,
        ..EnrollmentRequest { force: true, backlog, ..first_request }
    };
    for (server, request) in [(&second, &elsewhere), (&first, &other_person)] {
        let error = device.refusal(&server.url(), request).await;
        expect(
            &error,
            FailureClass::Failed,
            &format!("7 events wait that belong to ada at {}", first.url()),
            "deliver them first with devpulse-client sync, or discard them with --force --discard",
        );
    }
    assert!(second.admin().devices().await.unwrap().is_empty());

    let discard = Backlog { pending: 7, choice: BacklogChoice::Discard };
    let settings = device.settings(Some(&second.url()));
    let request = EnrollmentRequest { backlog: discard, ..elsewhere };
    let accepted = enroll(&request, &settings).await.unwrap();
    assert!(accepted.discards_backlog());
    let kept = accepted.keep(&settings, &NoKeychain).unwrap();
    assert_eq!(kept.credentials.identity.server_url.as_str(), second.url());
}

#[cfg(unix)]
#[tokio::test]
async fn exposed_credentials_are_not_replaced_without_force() {
    use std::os::unix::fs::PermissionsExt;

    let (server, request) = server().await;
    let device = Device::new();
    device.enroll(&server.url(), &request).await.unwrap();
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(device.home.credentials(), mode).unwrap();
    let error = device.refusal(&server.url(), &request).await;
    assert!(matches!(error, EnrollError::Credentials(CredentialsError::Exposed(_))));
    assert_eq!(error.class(), FailureClass::Failed);
    let forced = EnrollmentRequest { force: true, ..request };
    device.enroll(&server.url(), &forced).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let error = Device::new().refusal(&url, &request("s")).await;
    expect(
        &error,
        FailureClass::Unreachable,
        &format!("the server could not be reached ({url})"),
        "check the server's address and the network, and whether the server runs",
    );
}

#[tokio::test]
async fn a_server_that_is_ill_or_elsewhere_is_not_ready() {
    use axum::routing::get;

    for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::FOUND] {
        let url = serve(Router::new().route("/health", get(move || async move { status }))).await;
        let error = Device::new().refusal(&url, &request("s")).await;
        expect(
            &error,
            FailureClass::Unreachable,
            &format!("{url} cannot enroll devices now: the server answered {}", status.as_u16()),
            "try again later, or ask your administrator",
        );
    }
}

#[tokio::test]
async fn what_is_no_enrollment_is_not_taken_for_one() {
    let empty_key = r#"{"user_id":"u","device_id":"d","api_key":"","config":{}}"#;
    for body in ["<h1>sign in</h1>", "{}", empty_key] {
        let url = strange((StatusCode::OK, body)).await;
        let error = Device::new().refusal(&url, &request("s")).await;
        expect(
            &error,
            FailureClass::Unreachable,
            &format!("{url} answered 200, but with no enrollment"),
            "check the address; a network's sign-in page may stand in the way",
        );
    }
}

#[tokio::test]
async fn a_refusal_without_a_code_is_judged_by_its_status() {
    let mut seen = Vec::new();
    for status in [400, 401, 403, 404, 409, 422, 500] {
        let url = strange(StatusCode::from_u16(status).unwrap()).await;
        let error = Device::new().refusal(&url, &request("s")).await;
        seen.push(match error {
            EnrollError::BadSecret => "secret",
            EnrollError::Suspended(_) => "suspended",
            EnrollError::KnownToServer => "known",
            EnrollError::NotReady { .. } => "not ready",
            EnrollError::Refused(_) => "refused",
            other => panic!("{other}"),
        });
    }
    let expected = ["refused", "secret", "suspended", "not ready", "known", "refused", "not ready"];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn another_refusal_is_told_in_the_words_of_the_server() {
    let problem = r#"{"code":"invalid","detail":"username \u001b[2J is too long"}"#;
    let headers = [("content-type", "application/problem+json")];
    let url = strange((StatusCode::BAD_REQUEST, headers, problem)).await;
    let error = Device::new().refusal(&url, &request("s")).await;
    expect(
        &error,
        FailureClass::Refused,
        "the server refuses to enroll this device: the server answered 400 invalid: username \
         \\u{1b}[2J is too long",
        "show this to your administrator",
    );
}

#[tokio::test]
async fn a_home_that_cannot_be_made_is_noticed_before_the_secret_is_spent() {
    let (server, request) = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let device = Device { home: Home::at(file.path()), _scratch: tempfile::tempdir().unwrap() };
    let error = device.refusal(&server.url(), &request).await;
    assert!(matches!(error, EnrollError::Home(_)));
    assert_eq!(error.class(), FailureClass::Failed);
    assert!(server.admin().devices().await.unwrap().is_empty());
}
