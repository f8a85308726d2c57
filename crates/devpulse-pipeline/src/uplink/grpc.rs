//! An answer over gRPC, unjudged.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use devpulse_protocol::ProblemCode;

/// A gRPC answer, unjudged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcAnswer {
    /// The status.
    pub code: GrpcCode,
    /// The status in words, as sent.
    pub message: Box<str>,
    /// `ErrorInfo.reason`, where the server named one.
    pub problem: Option<ProblemCode>,
    /// `RetryInfo.retry_delay`, where the server asks for a wait.
    pub retry_delay: Option<Duration>,
    /// `date` among the metadata, as sent.
    pub date: Option<String>,
    /// The reply to a call that went well, as the JSON that HTTP would have answered;
    /// empty where it cannot be one.
    pub reply: Bytes,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $number:literal $name:literal,)*) => {
        /// The status codes of gRPC.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum GrpcCode {
            $($(#[$doc])* $code,)*
        }

        impl GrpcCode {
            /// Every code, in the order of their numbers.
            pub const ALL: [Self; 17] = [$(Self::$code),*];

            /// The code with this number; one that gRPC does not have is unknown.
            #[must_use]
            pub const fn from_number(number: i32) -> Self {
                match number {
                    $($number => Self::$code,)*
                    _ => Self::Unknown,
                }
            }

            /// Its name, such as `UNAVAILABLE`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// It went well.
    #[default]
    Ok = 0 "OK",
    /// Somebody cancelled it.
    Cancelled = 1 "CANCELLED",
    /// Nobody knows what happened.
    Unknown = 2 "UNKNOWN",
    /// The request makes no sense.
    InvalidArgument = 3 "INVALID_ARGUMENT",
    /// It took too long.
    DeadlineExceeded = 4 "DEADLINE_EXCEEDED",
    /// There is no such thing.
    NotFound = 5 "NOT_FOUND",
    /// It is there already.
    AlreadyExists = 6 "ALREADY_EXISTS",
    /// The caller may not do this.
    PermissionDenied = 7 "PERMISSION_DENIED",
    /// There is too much of something.
    ResourceExhausted = 8 "RESOURCE_EXHAUSTED",
    /// The server is not in a state for this.
    FailedPrecondition = 9 "FAILED_PRECONDITION",
    /// Something else came in between.
    Aborted = 10 "ABORTED",
    /// A value is beyond what is allowed.
    OutOfRange = 11 "OUT_OF_RANGE",
    /// The server has no such method.
    Unimplemented = 12 "UNIMPLEMENTED",
    /// The server failed.
    Internal = 13 "INTERNAL",
    /// The server cannot now.
    Unavailable = 14 "UNAVAILABLE",
    /// Data was lost.
    DataLoss = 15 "DATA_LOSS",
    /// The caller is not known.
    Unauthenticated = 16 "UNAUTHENTICATED",
}

impl GrpcCode {
    /// The HTTP status that says about the same, for where numbers are kept.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::InvalidArgument | Self::FailedPrecondition | Self::OutOfRange => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Aborted => 409,
            Self::ResourceExhausted => 429,
            Self::Cancelled => 499,
            Self::Unknown | Self::Internal | Self::DataLoss => 500,
            Self::Unimplemented => 501,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
        }
    }
}

impl fmt::Display for GrpcCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl GrpcAnswer {
    /// Whether the message was larger than the server, or what is before it, takes. The
    /// code alone does not tell, so that the words that implementations use have to.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        const WORDS: [&str; 5] = [
            "larger than max",
            "message length too large",
            "exceeds maximum size",
            "exceeds the maximum configured message size",
            "message too large",
        ];
        if !matches!(self.code, GrpcCode::ResourceExhausted | GrpcCode::OutOfRange) {
            return false;
        }
        let message = self.message.to_ascii_lowercase();
        self.problem == Some(ProblemCode::TooLarge)
            || WORDS.iter().any(|words| message.contains(words))
    }
}
