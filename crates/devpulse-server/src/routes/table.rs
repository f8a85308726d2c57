//! The table of public routes: the router is built from it, and `docs/openapi.yaml`
//! is held to it.

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, post, put};
use devpulse_protocol::{
    BATCH_PATH, CONFIG_PATH, DEVICE_KEY_PATH, DEVICE_SELF_PATH, ENROLL_PATH, HEALTH_PATH,
    SCREENSHOTS_PATH, TOKEN_PATH,
};

use super::{batch, config, enrollment, health, key, revoke_self, screenshot};
use crate::state::ServerState;

/// A call that devices may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicRoute {
    /// Whether the server works.
    Health,
    /// Takes a device in.
    Enroll,
    /// Gives an access token for an API key.
    Token,
    /// The configuration.
    Config,
    /// Takes a batch of events.
    Batch,
    /// Takes an image.
    Screenshot,
    /// Issues the next key of the device that asks.
    Key,
    /// Ends the right to send of the device that asks.
    RevokeSelf,
}

impl PublicRoute {
    /// Every public route.
    pub const ALL: [Self; 8] = [
        Self::Health,
        Self::Enroll,
        Self::Token,
        Self::Config,
        Self::Batch,
        Self::Screenshot,
        Self::Key,
        Self::RevokeSelf,
    ];

    /// The method that the route takes.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Health | Self::Config => Method::GET,
            Self::Enroll | Self::Token | Self::Batch | Self::Key => Method::POST,
            Self::Screenshot => Method::PUT,
            Self::RevokeSelf => Method::DELETE,
        }
    }

    /// The route's path, with what varies in braces.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Health => HEALTH_PATH.to_owned(),
            Self::Enroll => ENROLL_PATH.to_owned(),
            Self::Token => TOKEN_PATH.to_owned(),
            Self::Config => CONFIG_PATH.to_owned(),
            Self::Batch => BATCH_PATH.to_owned(),
            Self::Screenshot => format!("{SCREENSHOTS_PATH}/{{sha256}}"),
            Self::Key => DEVICE_KEY_PATH.to_owned(),
            Self::RevokeSelf => DEVICE_SELF_PATH.to_owned(),
        }
    }

    /// Whether a request has to bear the version of the protocol.
    #[must_use]
    pub const fn bears_version(self) -> bool {
        !matches!(self, Self::Health)
    }

    fn service(self) -> MethodRouter<ServerState> {
        match self {
            Self::Health => get(health),
            Self::Enroll => post(enrollment::enroll),
            Self::Token => post(enrollment::issue_token),
            Self::Config => get(config::fetch),
            Self::Batch => post(batch::send),
            Self::Screenshot => put(screenshot::send),
            Self::Key => post(key::issue),
            Self::RevokeSelf => delete(revoke_self),
        }
    }
}

/// A router over `routes`.
pub(super) fn collect(routes: Vec<PublicRoute>) -> Router<ServerState> {
    routes
        .into_iter()
        .fold(Router::new(), |router, route| router.route(&route.path(), route.service()))
}
