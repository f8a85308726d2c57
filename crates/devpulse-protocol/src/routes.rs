//! Paths and headers of the HTTP interface.

/// Answers 200 while the server works.
pub const HEALTH_PATH: &str = "/health";
/// Exchanges an enrollment secret for an API key.
pub const ENROLL_PATH: &str = "/api/v1/enroll";
/// Exchanges an API key for an access token.
pub const TOKEN_PATH: &str = "/api/v1/auth/token";
/// The configuration that the administrator set.
pub const CONFIG_PATH: &str = "/api/v1/config";
/// Takes batches of events.
pub const BATCH_PATH: &str = "/api/v1/events/batch";
/// Takes images, each at this path followed by `/` and its SHA-256.
pub const SCREENSHOTS_PATH: &str = "/api/v1/screenshots";
/// Deleting it revokes the key of the device that asks.
pub const DEVICE_SELF_PATH: &str = "/api/v1/devices/self";
/// Issues the next key of the device that asks.
pub const DEVICE_KEY_PATH: &str = "/api/v1/devices/self/key";
/// Where the reference server's admin interface begins.
pub const ADMIN_PREFIX: &str = "/admin/v1";

/// Every request bears this header, with [`PROTOCOL_VERSION`].
pub const PROTOCOL_HEADER: &str = "devpulse-protocol";
/// The version of this contract.
pub const PROTOCOL_VERSION: &str = "1";
/// Bears the batch id of a batch, or an id that is the same on every retry.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
