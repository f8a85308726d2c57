//! Checks the permissions and generates what Tauri needs.
fn main() {}
