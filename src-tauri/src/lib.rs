//! The tray app's package. The headless agent and its command line live in
//! `crates/`; this package is the only one that may depend on Tauri, and it is
//! left out of `default-members` so that they build without WebKit.
