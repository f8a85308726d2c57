//! Started by `cargo xtask bench`, which builds what is measured; see the library.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod arguments;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    arguments::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
