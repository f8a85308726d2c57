//! What a front end is told of its own mistakes.

use crate::frame::{FrameError, MAX_FRAME_BYTES};
use crate::{ControlError, ErrorCode};

/// What is told of a frame that could not be read; nothing where the front end is gone.
pub(super) fn describe(fault: &FrameError) -> Option<ControlError> {
    match fault {
        FrameError::TooLarge => Some(ControlError::new(
            ErrorCode::TooLarge,
            format!("a request may have at most {MAX_FRAME_BYTES} bytes"),
        )),
        FrameError::Cut | FrameError::Io(_) => None,
    }
}

/// What is told of a frame that holds something else than it should.
pub(super) fn garbage(fault: &serde_json::Error) -> ControlError {
    ControlError::new(ErrorCode::Invalid, format!("the request is not valid: {fault}"))
}
