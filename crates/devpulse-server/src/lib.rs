//! A reference server for DevPulse: for trying it out, for tests, and as a worked
//! example of the interface. **Not for production**: it knows one administrator, it
//! never deletes anything, and nobody watches how much disk it takes.
//!
//! Programs that test the client may depend on it; the agent, its hooks and its
//! pipeline must not. It must never know how a client works inside, only what
//! `devpulse-protocol` says about the wire.
//!
//! # In a test
//! ```
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! use devpulse_server::{SecretRequest, Server, ServerOptions};
//!
//! let server = Server::start(ServerOptions::default()).await?;
//! let issued = server.admin().create_secret(SecretRequest::default()).await?;
//! // ... enroll at `server.url()` with `issued.secret`, send events, then:
//! assert_eq!(server.admin().event_count().await?, 0);
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//! [`Server::start_with`] puts a layer of the caller's before the routes, and
//! [`router`] gives the routes to whoever serves them by other means.
//!
//! # The public interface
//! `docs/protocol.md` describes it, and `docs/openapi.yaml` does for programs;
//! [`PublicRoute::ALL`] is the table of its routes. Every error is an RFC 9457 problem
//! with a `code`. Enrolling the same person on the same machine (user name, host name and
//! machine id) again keeps the device id and ends the former key, also where the device was
//! revoked; with [`Reenrollment::Refuse`] a device that is not revoked is answered 409
//! instead. An image has at most 16 MiB, a batch 32 MiB before its content encoding.
//!
//! The same over gRPC, as `devpulse/v1/devpulse.proto` has it, is served at the same port,
//! and with [`ServerOptions::grpc`] at one of its own.
//!
//! # The admin interface
//! It listens on a port of its own, on loopback only. Every request bears
//! `Authorization: Bearer <token>`; the token lies in a file that only its owner can
//! read, and is made when the server first starts. Paths begin with `/admin/v1`.
//!
//! | call | does |
//! |---|---|
//! | `POST /secrets` `{label, max_uses, expires_in_s, username}`, all optional | issues an enrollment secret, shown this once |
//! | `GET /secrets`, `DELETE /secrets/{id}` | lists them without the secret itself; deletes one |
//! | `GET /users`, `POST /users/{name}/suspend`, `.../unsuspend` | who may enroll devices |
//! | `GET /devices`, `GET /devices/{id}`, `POST /devices/{id}/revoke` | devices; ends one's right to send |
//! | `GET /config`, `PUT /config` | the configuration for all devices |
//! | `GET`, `PUT`, `DELETE /devices/{id}/config` | what one device gets; settings of its own laid over it; none |
//! | `GET /events?device=&type=&from=&to=&cursor=&limit=` | `{events, next_cursor}`: events as they were sent, in order of arrival |
//! | `GET /counts` | events by device and type |
//! | `GET /screenshots`, `GET /screenshots/{sha256}` | images: what there is; one file |
//!
//! `from` is the first instant that counts, `to` the first that no longer does. A page
//! without events is the last one for now; its `next_cursor` goes on from there later.
//! A configuration is answered with the `version` it got, which grows with every change.

mod admin;
mod admin_routes;
mod admin_token;
mod batch;
mod body;
mod caller;
mod credential;
mod grpc;
mod options;
mod refusal;
mod routes;
mod server;
mod state;
mod store;
mod tls;

pub use admin::Admin;
pub use admin_routes::admin_router;
pub use admin_token::{AdminToken, AdminTokenError};
pub use options::{AdminListener, EnrollmentPolicy, Reenrollment, ServerOptions, TlsFiles};
pub use routes::{PublicRoute, router};
pub use server::{RunningServer, Server, ServerError, counting};
pub use state::ServerState;
pub use store::configs::{ConfigChange, ConfigDocument, ConfigScope};
pub use store::devices::DeviceSummary;
pub use store::events::{EventCount, EventPage, EventQuery};
pub use store::screenshots::{ScreenshotImage, ScreenshotSummary};
pub use store::secrets::{IssuedSecret, SecretRequest, SecretSummary};
pub use store::users::{Standing, UserSummary};
pub use store::{Database, StoreError};
pub use tls::TlsError;
