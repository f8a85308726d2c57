//! What is told to the service manager that started the agent, where one did: that it runs,
//! and from time to time that it still answers.

#[cfg(target_os = "linux")]
#[path = "service_manager/systemd.rs"]
mod imp;
#[cfg(not(target_os = "linux"))]
#[path = "service_manager/none.rs"]
mod imp;

pub(crate) use imp::{ended, serve};
