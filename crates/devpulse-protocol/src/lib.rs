//! What DevPulse clients and servers say to each other: events, batches,
//! receipts, problem codes and the server's configuration.
//!
//! Everyone may depend on this crate; it depends on no transport, no database
//! and no operating system. `docs/protocol.md` is the same contract in prose.

mod batch;
mod config;
mod enroll;
mod event;
#[doc(hidden)]
pub mod fuzzing;
mod gap;
mod ids;
mod problem;
mod routes;
mod secret;
mod timestamp;

pub use batch::{BatchEnvelope, CheckedReceipt, Receipt, ReceiptFault, Rejection};
pub use config::{
    Allowed, Config, Key, RefusedSetting, Rule, RuleAction, ScreenshotConfig, ServerConfig,
    ServerConfigError, WindowConfig,
};
pub use config::{
    BatchConfig, ImageFormat, InhibitorRule, LimitsConfig, Mask, PauseConfig, TitlePolicy, Trigger,
};
pub use enroll::{
    DeviceInfo, EnrollRequest, EnrollResponse, KeyResponse, Platform, TokenRequest, TokenResponse,
};
pub use event::{
    Activity, ActivityType, CapabilityState, ConsentNote, Custom, CustomError, Event, EventBody,
    EventDraft, EventHeader, EventType, Heartbeat, HeartbeatType, MAX_CUSTOM_DATA_BYTES,
    Screenshot, Window,
};
pub use gap::{Gap, GapReason};
pub use ids::{BatchId, DeviceId, Epoch, EventId, Seq, UserId, Username};
pub use problem::{Problem, ProblemCode};
pub use routes::{
    ADMIN_PREFIX, BATCH_PATH, CONFIG_PATH, DEVICE_KEY_PATH, DEVICE_SELF_PATH, ENROLL_PATH,
    HEALTH_PATH, IDEMPOTENCY_KEY, PROTOCOL_HEADER, PROTOCOL_VERSION, SCREENSHOTS_PATH, TOKEN_PATH,
};
pub use secret::{AccessToken, ApiKey, EnrollmentSecret};
pub use timestamp::Timestamp;
