//! What ends the agent from outside: signals, or what Windows tells a console program.

#[cfg(unix)]
#[path = "endings/unix.rs"]
mod imp;
#[cfg(windows)]
#[path = "endings/windows.rs"]
mod imp;

pub(crate) use imp::Endings;
