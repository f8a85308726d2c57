//! The way to the server: whether it answers, whom it proves to be, and its clock.

use std::time::Duration;

use devpulse_pipeline::{GrpcCode, Outcome, TransportFault};
use devpulse_protocol::Timestamp;

use super::Check;
use super::certificate;
use super::facts::{Facts, ProxyFact, ServerFact};
use crate::clock_skew;
use crate::http::fault_hint;

/// A certificate that ends sooner than this is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Clocks that differ by more make tokens and times doubtful.
const MOST_SKEW_MS: i64 = 60_000;

const NOT_REACHED: &str = "it is looked at once the server can be reached";
const NO_SERVER: &str = "no server is known before the device is enrolled";

pub(super) fn server(facts: &Facts) -> Check {
    const NAME: &str = "server";

    match &facts.server {
        ServerFact::None => Check::unknown(NAME, NO_SERVER)
            .with_remedy("enroll, or name it with DEVPULSE_SERVER_URL"),
        ServerFact::NoRequest(url, _) => {
            Check::unknown(NAME, format!("{url} cannot be asked before TLS is set up"))
        }
        ServerFact::Asked { url, outcome: Outcome::Http(answer), .. }
            if url.origin().scheme().is_grpc() =>
        {
            Check::failed(
                NAME,
                format!("{url} answers with status {}, but not in gRPC", answer.status),
                Some("check the address, or have the server speak gRPC there".to_owned()),
            )
        }
        ServerFact::Asked { url, outcome: Outcome::Grpc(answer), took, .. } => {
            let took = took.as_millis();
            match answer.code {
                GrpcCode::Ok | GrpcCode::Unimplemented | GrpcCode::NotFound => {
                    Check::ok(NAME, format!("{url} answers over gRPC within {took} ms"))
                }
                code => Check::warning(
                    NAME,
                    format!("{url} answers over gRPC with {code}"),
                    "try again; if it stays so, tell your administrator",
                ),
            }
        }
        ServerFact::Asked { url, outcome: Outcome::Http(answer), took, .. } => {
            let took = took.as_millis();
            match answer.status {
                200..=299 | 404 => Check::ok(NAME, format!("{url} answers within {took} ms")),
                status => Check::warning(
                    NAME,
                    format!("{url} answers with status {status}"),
                    "try again; if it stays so, tell your administrator",
                ),
            }
        }
        ServerFact::Asked { url, outcome: Outcome::Fault(fault), .. } => {
            Check::failed(NAME, format!("{url}: {fault}"), Some(fault_hint(fault).to_owned()))
        }
        ServerFact::Asked { url, outcome: Outcome::NoKey(cause), .. } => {
            Check::failed(NAME, format!("{url}: {cause}"), None)
        }
    }
}

pub(super) fn tls(facts: &Facts) -> Check {
    const NAME: &str = "tls";

    match &facts.server {
        ServerFact::None => Check::unknown(NAME, NO_SERVER),
        ServerFact::NoRequest(_, complaint) => {
            Check::failed(NAME, complaint.cause.clone(), complaint.remedy.clone())
        }
        ServerFact::Asked { url, .. } if !url.origin().scheme().is_secure() => {
            if url.is_plain_to_a_far_host() {
                let scheme = url.origin().scheme().name();
                Check::warning(
                    NAME,
                    format!(
                        "{url} is plain {scheme} to another machine: anybody in between can read"
                    ),
                    format!("have the server speak {scheme}s, and enroll there"),
                )
            } else {
                Check::ok(NAME, "it is not needed, because the server is on this machine")
            }
        }
        ServerFact::Asked { outcome: Outcome::Fault(fault @ TransportFault::Tls(_)), .. } => {
            Check::failed(NAME, fault.to_string(), Some(fault_hint(fault).to_owned()))
        }
        ServerFact::Asked { outcome: Outcome::Http(_) | Outcome::Grpc(_), certificate, .. } => {
            trusted(certificate.as_deref(), facts.is_pinned, facts.now)
        }
        ServerFact::Asked { .. } => Check::unknown(NAME, NOT_REACHED),
    }
}

pub(super) fn proxy(facts: &Facts) -> Check {
    const NAME: &str = "proxy";

    let fault = match &facts.server {
        ServerFact::Asked { outcome: Outcome::Fault(fault @ TransportFault::Proxy(_)), .. } => {
            Some(fault)
        }
        _ => None,
    };
    match (&facts.proxy, &facts.server) {
        (_, ServerFact::None) => Check::unknown(NAME, NO_SERVER),
        (ProxyFact::Direct, _) => Check::ok(NAME, "the server is reached without a proxy"),
        (ProxyFact::Through { proxy, set_by }, _) => match fault {
            Some(fault) => Check::failed(
                NAME,
                format!("{fault} ({proxy}, set by {set_by})"),
                Some(fault_hint(fault).to_owned()),
            ),
            None => {
                Check::ok(NAME, format!("the server is reached through {proxy}, set by {set_by}"))
            }
        },
    }
}

pub(super) fn clock(facts: &Facts) -> Check {
    const NAME: &str = "clock";

    let answered = match &facts.server {
        ServerFact::Asked { outcome: Outcome::Http(answer), at, .. } => Some((&answer.date, at)),
        ServerFact::Asked { outcome: Outcome::Grpc(answer), at, .. } => Some((&answer.date, at)),
        _ => None,
    };
    let Some((date, at)) = answered else {
        let reason = if matches!(facts.server, ServerFact::None) { NO_SERVER } else { NOT_REACHED };
        return Check::unknown(NAME, reason);
    };
    let Some(theirs) = date.as_deref().and_then(clock_skew::instant) else {
        return Check::unknown(NAME, "the server does not say what time it is");
    };
    let skew = at.as_millis() - theirs.as_millis();
    let seconds = skew.unsigned_abs() / 1000;
    if skew.abs() <= MOST_SKEW_MS {
        return Check::ok(NAME, "it agrees with the server's to within a minute");
    }
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    Check::warning(
        NAME,
        format!("it is {seconds} s {direction} the server's"),
        "set this computer's clock, best by the network time service",
    )
}

/// The day of an instant.
pub(super) fn date(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
}

fn trusted(certificate: Option<&[u8]>, is_pinned: bool, now: Timestamp) -> Check {
    const NAME: &str = "tls";
    let trusted =
        if is_pinned { "is trusted, its key is one that is pinned" } else { "is trusted" };

    match certificate.and_then(certificate::not_after) {
        Some(end) if end < now.plus(SOON) => Check::warning(
            NAME,
            format!("the server's certificate {trusted}, and it ends on {}", date(end)),
            "tell your administrator to renew it",
        ),
        Some(end) => Check::ok(
            NAME,
            format!("the server's certificate {trusted}, and it is valid until {}", date(end)),
        ),
        None => Check::ok(NAME, format!("the server's certificate {trusted}")),
    }
}
