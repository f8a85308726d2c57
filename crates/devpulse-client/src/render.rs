//! Answers as text. Nothing here reads a clock, a file or a socket.

pub(crate) mod consent;
pub(crate) mod dead_letter;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod progress;
pub(crate) mod prometheus;
pub(crate) mod rules;
pub(crate) mod status;

pub(crate) use devpulse_agent::wording::{ago, bytes, count, duration, json_line, seconds};
