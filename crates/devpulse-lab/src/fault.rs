//! What can go wrong with a request.

use std::fmt;
use std::time::Duration;

use serde_json::json;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing: it is passed on, and so is its answer.
    Pass,
    /// The server never hears of it.
    Before(Trouble),
    /// The server has taken it when this happens to its answer. What the client sends
    /// again is a duplicate.
    After(Spoil),
}

/// What happens to a request that never reaches the server.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Somebody else answers.
    Answer(Reply),
    /// Nobody answers, and the connection stays.
    Hang,
    /// The connection is reset.
    Reset,
}

/// What happens to the server's answer.
#[derive(Clone)]
pub enum Spoil {
    /// Another one takes its place.
    Replace(Reply),
    /// It is changed on its way.
    Alter(fn(&mut Reply)),
    /// It never comes, and the connection stays.
    Hang,
    /// The connection is reset instead.
    Reset,
    /// Its body ends half-way.
    Cut,
    /// Its body trickles, one byte after each wait.
    Slow(Duration),
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers besides `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Fault {
    /// An answer in place of the server's, which never hears of the request.
    #[must_use]
    pub const fn answer(reply: Reply) -> Self {
        Self::Before(Trouble::Answer(reply))
    }

    /// Whether anything goes wrong.
    #[must_use]
    pub const fn is_one(&self) -> bool {
        !matches!(self, Self::Pass)
    }
}

impl Reply {
    /// A status with nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A problem of RFC 9457 with a code.
    #[must_use]
    pub fn problem(status: u16, code: &str) -> Self {
        let body = json!({"title": code, "status": status, "code": code});
        Self::status(status)
            .with("content-type", "application/problem+json")
            .holding(body.to_string())
    }

    /// A page for people, as captive portals show it.
    #[must_use]
    pub fn page(status: u16) -> Self {
        Self::status(status)
            .with("content-type", "text/html; charset=utf-8")
            .holding("<html><body>Welcome! Please accept the terms.</body></html>")
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).with("location", location)
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn holding(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl fmt::Debug for Spoil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace(reply) => f.debug_tuple("Replace").field(reply).finish(),
            Self::Alter(_) => f.write_str("Alter"),
            Self::Hang => f.write_str("Hang"),
            Self::Reset => f.write_str("Reset"),
            Self::Cut => f.write_str("Cut"),
            Self::Slow(pause) => f.debug_tuple("Slow").field(pause).finish(),
        }
    }
}
