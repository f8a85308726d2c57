//! What DevPulse asks of Windows beyond the standard library: files, folders and pipes that
//! belong to one user, a lock that leaves a file readable, the room on a disk.
//!
//! The pipeline, the control pipe and the agent depend on it on Windows; elsewhere it is
//! empty. It calls the system and must never know what DevPulse does with the answer.

#![cfg(windows)]

mod disk;
mod file_lock;
mod folder;
mod private;
mod security;
mod sid;

pub use disk::free_bytes;
pub use file_lock::try_lock;
pub use folder::sync_directory;
pub use private::{close_to_others, create_directory, create_file, is_mine, is_open_to_others};
pub use security::{Audience, OwnerOnly, Security};
pub use sid::Sid;
