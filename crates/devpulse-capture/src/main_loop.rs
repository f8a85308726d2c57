//! The loop on which an operating system tells its programs what happens.

use std::io;

/// Does `work`, and runs the main thread's loop meanwhile where the system needs one: macOS
/// tells of the focus and of locks on it alone. To be called on the main thread.
///
/// # Errors
/// Fails where there is no thread for the work, which is then not done.
pub fn beside_main_loop<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    #[cfg(target_os = "macos")]
    return crate::macos::beside(work);
    #[cfg(not(target_os = "macos"))]
    return Ok(work());
}
