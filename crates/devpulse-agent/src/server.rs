//! The organisation's server, whichever way it is spoken to: HTTP or gRPC, as the scheme of
//! its address says.
//!
//! A call reports what happened, unjudged. [`ServerUplink`] adds the device's key and tokens.

mod api;
mod keys;
mod refused;
pub(crate) mod token;
mod uplink;

pub use api::ServerApi;
pub(crate) use api::{Answered, ConfigAnswer};
pub use keys::KeySource;
pub use refused::RefusedCall;
pub(crate) use uplink::ExchangeError;
pub use uplink::{ConfigFetch, OtherOrigin, ServerUplink};
