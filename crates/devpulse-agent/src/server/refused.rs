//! Calls that did not do what they were for, told to a person.

use devpulse_pipeline::{GrpcAnswer, GrpcCode, HttpAnswer, Outcome, TransportFault};
use devpulse_protocol::{Problem, ProblemCode};

use crate::printable::printable;

/// Why a call did not do what it was for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedCall {
    /// Nothing answered.
    #[error("{0}")]
    Fault(TransportFault),
    /// The device's key is not at hand.
    #[error("{0}")]
    NoKey(String),
    /// The server refused.
    #[error("the server answered {status}{}", words(.code.as_ref(), .detail.as_deref()))]
    Answered {
        /// The status.
        status: u16,
        /// The problem's code, where the server named one.
        code: Option<ProblemCode>,
        /// What the server says happened, fit for a terminal.
        detail: Option<String>,
    },
    /// The server refused, over gRPC.
    #[error("the server answered {status}{}", words(.code.as_ref(), .detail.as_deref()))]
    AnsweredGrpc {
        /// The status.
        status: GrpcCode,
        /// The problem's code, where the server named one.
        code: Option<ProblemCode>,
        /// What the server says happened, fit for a terminal.
        detail: Option<String>,
    },
    /// The reply to a gRPC call is not what was asked for.
    #[error("the server's reply is not what was asked for")]
    OtherReply,
    /// The answer is a success, but not this server's.
    #[error("the answer {status} is not DevPulse's; a network's sign-in page may stand in the way")]
    NotDevPulse {
        /// The status.
        status: u16,
    },
}

impl RefusedCall {
    /// Whether the device may not send any more.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        matches!(
            self,
            Self::Answered { status: 403, code: Some(ProblemCode::DeviceRevoked), .. }
                | Self::AnsweredGrpc {
                    status: GrpcCode::PermissionDenied,
                    code: Some(ProblemCode::DeviceRevoked),
                    ..
                }
        )
    }

    /// The status, over gRPC the one of HTTP that says about the same, and the problem's
    /// code; `None` where there is no refusal by a server.
    pub(crate) fn status(&self) -> Option<(u16, Option<&ProblemCode>)> {
        match self {
            Self::Answered { status, code, .. } => Some((*status, code.as_ref())),
            Self::AnsweredGrpc { status, code, .. } => Some((status.http_status(), code.as_ref())),
            _ => None,
        }
    }

    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fault(fault) => Self::Fault(fault),
            Outcome::NoKey(cause) => Self::NoKey(cause),
            Outcome::Http(answer) => Self::of_answer(&answer),
            Outcome::Grpc(answer) => Self::of_grpc(answer),
        }
    }

    fn of_grpc(answer: GrpcAnswer) -> Self {
        if answer.code == GrpcCode::Ok {
            return Self::OtherReply;
        }
        Self::AnsweredGrpc {
            status: answer.code,
            code: answer.problem,
            detail: (!answer.message.is_empty()).then(|| printable(&answer.message).into_owned()),
        }
    }

    fn of_answer(answer: &HttpAnswer) -> Self {
        let status = answer.status;
        if (200..300).contains(&status) {
            return Self::NotDevPulse { status };
        }
        let is_json = answer.content_type.as_deref().is_some_and(|text| text.contains("json"));
        let problem = is_json.then(|| serde_json::from_slice::<Problem>(&answer.body).ok());
        let problem = problem.flatten().unwrap_or_default();
        let detail = problem.detail.unwrap_or(problem.title);
        Self::Answered {
            status,
            code: problem.code,
            detail: (!detail.is_empty()).then(|| printable(&detail).into_owned()),
        }
    }
}

fn words(code: Option<&ProblemCode>, detail: Option<&str>) -> String {
    let code = code.map(|code| format!(" {}", printable(code.as_str())));
    let detail = detail.map(|detail| format!(": {detail}"));
    format!("{}{}", code.unwrap_or_default(), detail.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, content_type: &str, body: &'static str) -> RefusedCall {
        RefusedCall::of(Outcome::Http(HttpAnswer {
            status,
            content_type: Some(content_type.to_owned()),
            body: Bytes::from_static(body.as_bytes()),
            ..HttpAnswer::default()
        }))
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server_without_its_control_characters() {
        let problem = r#"{"code":"device_revoked","detail":"gone \u001b[2J"}"#;
        let refused = answer(403, "application/problem+json", problem);
        assert_eq!(refused.to_string(), r"the server answered 403 device_revoked: gone \u{1b}[2J");
        assert!(refused.is_revoked());
        assert_eq!(
            answer(502, "text/html", "<h1>oops</h1>").to_string(),
            "the server answered 502"
        );
        assert!(!answer(403, "text/html", problem).is_revoked());
        assert_eq!(
            answer(200, "text/html", "<h1>sign in</h1>").to_string(),
            "the answer 200 is not DevPulse's; a network's sign-in page may stand in the way"
        );
    }

    #[test]
    fn without_an_answer_the_fault_is_told() {
        let fault = RefusedCall::of(Outcome::Fault(TransportFault::NameNotFound));
        assert_eq!(fault.to_string(), "the server's name could not be resolved");
        let no_key = RefusedCall::of(Outcome::NoKey("the keychain is locked".to_owned()));
        assert_eq!(no_key.to_string(), "the keychain is locked");
    }
}
