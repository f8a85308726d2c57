//! Problems: a status whose details name the problem's code and the time to wait.

use std::time::Duration;

use devpulse_protocol::ProblemCode;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Who names the codes.
const DOMAIN: &str = "devpulse";

/// What the details of a status say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The problem's code, where one is named.
    pub code: Option<ProblemCode>,
    /// How long to wait, where that is said.
    pub retry_delay: Option<Duration>,
}

/// A status with details.
#[must_use]
pub fn status(code: Code, detail: impl Into<String>, details: &Details) -> Status {
    let mut errors = ErrorDetails::new();
    if let Some(code) = &details.code {
        errors.set_error_info(code.as_str(), DOMAIN, std::collections::HashMap::new());
    }
    if details.retry_delay.is_some() {
        errors.set_retry_info(details.retry_delay);
    }
    Status::with_error_details(code, detail, errors)
}

/// The details of a status; what cannot be read is not there.
#[must_use]
pub fn details(status: &Status) -> Details {
    Details {
        code: status
            .get_details_error_info()
            .filter(|info| !info.reason.is_empty())
            .map(|info| ProblemCode::from(info.reason)),
        retry_delay: status.get_details_retry_info().and_then(|info| info.retry_delay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_read_as_they_were_written() {
        for expected in [
            Details::default(),
            Details { code: Some(ProblemCode::DeviceRevoked), retry_delay: None },
            Details {
                code: Some(ProblemCode::Other("of_the_future".to_owned())),
                retry_delay: Some(Duration::from_millis(17_500)),
            },
        ] {
            let status = status(Code::Unavailable, "not now", &expected);
            assert_eq!((status.code(), status.message()), (Code::Unavailable, "not now"));
            assert_eq!(details(&status), expected);
        }
    }

    #[test]
    fn details_that_make_no_sense_are_not_there() {
        let status = Status::with_details(Code::Internal, "x", vec![0xff, 1, 2].into());
        assert_eq!(details(&status), Details::default());
    }
}
