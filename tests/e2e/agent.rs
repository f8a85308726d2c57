//! What the tests stand on: a home, a server, the client's processes.

pub(crate) use devpulse_lab::{Agent, Device, Finished, TestServer, first_line, wait};
