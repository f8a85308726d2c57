//! The tray app: it runs the agent, or attaches to the one that runs, and shows a person
//! everything that is captured.
//!
//! Nothing depends on it. It is the only crate that knows Tauri.

pub mod autostart;
#[cfg(test)]
mod bindings;
pub mod menu;
pub mod notice;
pub mod standing;
pub mod text;
pub mod tray;
pub mod view;
