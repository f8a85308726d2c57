//! What an answer means: one pure, exhaustive function over everything that a
//! server, a proxy or a captive portal can say.
//!
//! | answer | verdict |
//! |---|---|
//! | receipt that adds up | acknowledged |
//! | any other 2xx | no receipt: back off |
//! | 3xx (one 307/308 to the same origin was followed) | configuration blocked |
//! | 400, 422, unknown 1xx and 4xx | bisect; a lone event becomes a suspect |
//! | 401; 403 without `device_revoked` | authorisation blocked |
//! | 403 `device_revoked` | revoked |
//! | 404, 405, 407, 410, 415, 426, 431, 451, 501, 505 | configuration blocked |
//! | 409 | a new batch id, after a wait |
//! | 411, 413 | halve by bytes; a lone event becomes a suspect |
//! | 408, 425, 429, 5xx | retry the same batch, not before `Retry-After` |
//! | none, because the device's key is not at hand | no key |
//! | no answer | retry the same batch |
//! | another key than the pinned ones, no client certificate or a refused one, no login for the proxy or a refused one | configuration blocked |
//!
//! Over gRPC:
//!
//! | status | verdict |
//! |---|---|
//! | `OK` with a receipt that adds up | acknowledged |
//! | `OK` with anything else | no receipt: back off |
//! | `INVALID_ARGUMENT`, `OUT_OF_RANGE` | as 400 |
//! | `UNAUTHENTICATED`, `PERMISSION_DENIED` | as 401, 403 |
//! | `NOT_FOUND`, `FAILED_PRECONDITION`, `UNIMPLEMENTED` | configuration blocked |
//! | `ALREADY_EXISTS` | as 409 |
//! | `RESOURCE_EXHAUSTED`, `OUT_OF_RANGE` because of a message's size | as 413 |
//! | any other `RESOURCE_EXHAUSTED`, and all others | retry the same batch, not before `RetryInfo` |

mod grpc;

use std::time::{Duration, SystemTime};

use devpulse_protocol::{BatchId, CheckedReceipt, EventId, Problem, ProblemCode, Receipt};

use crate::retry_after;
use crate::uplink::{Answer, Call, GrpcCode, HttpAnswer, Outcome};

/// What is to be done after an answer. Each bears its cause as a sentence that a
/// person can read; no decision is made by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server holds the batch.
    Acknowledged(CheckedReceipt),
    /// The server holds the image.
    Stored,
    /// Try the same again, after the usual wait and not before `not_before`.
    Retry {
        /// What kind of trouble it is.
        trouble: Trouble,
        /// How long the server asks to wait.
        not_before: Option<Duration>,
        /// What happened.
        cause: String,
    },
    /// The key or token is refused: a pause, not a loss.
    AuthBlocked {
        /// What happened.
        cause: String,
    },
    /// The device's key is not at hand: a pause, not a loss.
    NoKey {
        /// What happened.
        cause: String,
    },
    /// The server or the way to it is not what it should be.
    ConfigBlocked {
        /// What happened.
        cause: String,
    },
    /// The device may not send any more.
    Revoked {
        /// What happened.
        cause: String,
    },
    /// Something in it is refused: halve by count until the culprit is alone.
    Bisect(Refusal),
    /// It is too large: halve by bytes.
    Halve(Refusal),
    /// Its id is taken: send the same events under another one, after a wait.
    Rename {
        /// What happened.
        cause: String,
    },
}

/// Kinds of trouble that pass by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Nobody answers.
    Offline,
    /// The server answers that it cannot now.
    Busy,
    /// The server failed at this very request; if only one batch gets this, it is the batch.
    Failed,
    /// A 2xx that is no receipt, as captive portals give it.
    NoReceipt,
}

/// Why something was refused, as it is kept with a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// The problem's code, where the server named one.
    pub code: Option<ProblemCode>,
    /// What happened.
    pub cause: String,
}

/// What acknowledges a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiptMode {
    /// Only a receipt that adds up.
    #[default]
    Receipt,
    /// Any 2xx, for a server that cannot give receipts.
    Status,
}

/// Judges the answer to a batch.
#[must_use]
pub fn of_batch(
    answer: &Answer,
    batch_id: BatchId,
    events: &[EventId],
    mode: ReceiptMode,
    now: SystemTime,
) -> Verdict {
    match (answer.outcome.success(), answer.call) {
        (Some(body), Call::Batch | Call::Image) => {
            receipt(&answer.outcome, body, batch_id, events, mode)
        }
        _ => refusal(answer, now),
    }
}

/// Judges the answer to an image.
#[must_use]
pub fn of_image(answer: &Answer, now: SystemTime) -> Verdict {
    match (&answer.outcome, answer.call) {
        (Outcome::Http(http), Call::Batch | Call::Image) if (200..300).contains(&http.status) => {
            match http.status {
                201 | 204 => Verdict::Stored,
                200 if !media_type_is(http, "text/html") => Verdict::Stored,
                status => {
                    no_receipt(format!("the server answered {status} without taking the image"))
                }
            }
        }
        (Outcome::Grpc(grpc), Call::Batch | Call::Image) if grpc.code == GrpcCode::Ok => {
            Verdict::Stored
        }
        _ => refusal(answer, now),
    }
}

fn receipt(
    outcome: &Outcome,
    body: &[u8],
    batch_id: BatchId,
    events: &[EventId],
    mode: ReceiptMode,
) -> Verdict {
    let parsed = serde_json::from_slice::<Receipt>(body);
    if mode == ReceiptMode::Status && parsed.is_err() {
        return Verdict::Acknowledged(CheckedReceipt::assumed(batch_id, events.len() as u64));
    }
    match parsed.map(|receipt| receipt.check(batch_id, events)) {
        Ok(Ok(checked)) => Verdict::Acknowledged(checked),
        Ok(Err(fault)) => no_receipt(fault.to_string()),
        Err(_) => no_receipt(match outcome {
            Outcome::Http(http) if media_type_is(http, "text/html") => format!(
                "the answer {} is a web page and no receipt; a network's sign-in page may stand in the way",
                http.status
            ),
            Outcome::Http(http) => format!("the answer {} is no receipt", http.status),
            _ => "the answer is no receipt".to_owned(),
        }),
    }
}

fn no_receipt(cause: String) -> Verdict {
    Verdict::Retry { trouble: Trouble::NoReceipt, not_before: None, cause }
}

/// Judges what is no success.
fn refusal(answer: &Answer, now: SystemTime) -> Verdict {
    let http = match &answer.outcome {
        Outcome::Fault(fault) => {
            let cause = fault.to_string();
            if fault.needs_a_person() {
                return Verdict::ConfigBlocked { cause };
            }
            return Verdict::Retry { trouble: Trouble::Offline, not_before: None, cause };
        }
        Outcome::NoKey(cause) => return Verdict::NoKey { cause: cause.clone() },
        Outcome::Grpc(grpc) => return self::grpc::refusal(answer.call, grpc),
        Outcome::Http(http) => http,
    };
    let problem = problem(http);
    let cause = cause(answer.call, http.status, &problem);
    let refusal =
        || Refusal { status: http.status, code: problem.code.clone(), cause: cause.clone() };
    let retry = |trouble| Verdict::Retry {
        trouble,
        not_before: http
            .retry_after
            .as_deref()
            .and_then(|text| retry_after::parse(text, http.date.as_deref(), now)),
        cause: cause.clone(),
    };
    match http.status {
        401 => Verdict::AuthBlocked { cause },
        403 if problem.code == Some(ProblemCode::DeviceRevoked) => Verdict::Revoked { cause },
        403 => Verdict::AuthBlocked { cause },
        404 | 405 | 407 | 410 | 415 | 426 | 431 | 451 | 501 | 505 => {
            Verdict::ConfigBlocked { cause }
        }
        408 | 425 | 429 | 503 => retry(Trouble::Busy),
        409 if answer.call == Call::Batch => Verdict::Rename { cause },
        411 | 413 if answer.call != Call::Token => Verdict::Halve(refusal()),
        200..=299 => no_receipt(cause),
        300..=399 => Verdict::ConfigBlocked { cause },
        500..=599 => retry(Trouble::Failed),
        _ if answer.call == Call::Token => Verdict::ConfigBlocked { cause },
        _ => Verdict::Bisect(refusal()),
    }
}

fn problem(http: &HttpAnswer) -> Problem {
    let is_json = http.content_type.as_deref().is_some_and(|text| text.contains("json"));
    is_json.then(|| serde_json::from_slice(&http.body).ok()).flatten().unwrap_or_default()
}

fn cause(call: Call, status: u16, problem: &Problem) -> String {
    let what = what(call);
    let detail = problem.detail.as_deref().unwrap_or(&problem.title);
    match (&problem.code, detail.is_empty()) {
        (Some(code), false) => format!("the server answered {what} with {status} {code}: {detail}"),
        (Some(code), true) => format!("the server answered {what} with {status} {code}"),
        (None, _) => format!("the server answered {what} with {status}"),
    }
}

const fn what(call: Call) -> &'static str {
    match call {
        Call::Token => "the request for a token",
        Call::Batch => "the batch",
        Call::Image => "the image",
    }
}

fn media_type_is(http: &HttpAnswer, expected: &str) -> bool {
    http.content_type
        .as_deref()
        .and_then(|text| text.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests;
