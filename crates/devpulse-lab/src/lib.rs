//! The fault laboratory: a reference server, a device with the real client on it, a
//! layer between them in which everything goes wrong on demand, and an oracle that
//! compares what was promised with what arrived.
//!
//! For tests and for the soak; nothing that is shipped depends on it. It knows the client
//! from outside only: its command line, its files, and what it says over the wire.
//!
//! ```no_run
//! use devpulse_lab::{Audit, Device, Fault, FaultProxy, Oracle, Reply, Spoil, Teeth, TestServer};
//!
//! let server = TestServer::start();
//! let proxy = FaultProxy::start(server.address());
//! let device = Device::enrolled_through(&server, &proxy.url(), "ada-laptop");
//! let mut oracle = Oracle::default();
//! let agent = device.start_agent();
//! proxy.set(|request| match request.is_batch() {
//!     true => Fault::After(Spoil::Reset),
//!     false => Fault::Pass,
//! });
//! oracle.promise(agent.emit(100));
//! proxy.clear();
//! device.run(&["sync"]).expect_exit(0);
//! let audit = oracle.audit(&Audit::of(&device, &server, &proxy));
//! audit.expect(&Teeth { resends: 1, ..Teeth::default() });
//! ```

#![allow(clippy::unwrap_used, reason = "a laboratory that cannot go on has failed")]

mod authority;
mod device;
mod fault;
mod finished;
mod oracle;
mod proxy;
mod request;
mod server;
mod small_disk;
mod waiting;

pub use authority::{Authority, Certified, Validity};
pub use device::{Agent, Device};
pub use fault::{Fault, Reply, Spoil, Trouble};
pub use finished::Finished;
pub use oracle::{Account, Audit, Ledger, Oracle, Teeth};
pub use proxy::FaultProxy;
pub use request::{Record, Request};
pub use server::TestServer;
pub use small_disk::SmallDisk;
pub use waiting::{DEADLINE, first_line, wait};
