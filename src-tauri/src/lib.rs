//! The tray app: it runs the agent, or attaches to the one that runs, and shows a person
//! everything that is captured.
//!
//! Nothing depends on it. It is the only crate that knows Tauri.

#[cfg(test)]
mod bindings;
pub mod menu;
pub mod standing;
pub mod text;
pub mod view;
