//! Checks the permissions and generates what Tauri needs.

use std::path::Path;

const PAGES: &str = "ui/dist/index.html";

fn main() {
    println!("cargo:rerun-if-changed={PAGES}");
    println!("cargo:rerun-if-changed=src-tauri/permissions");
    assert!(
        Path::new(PAGES).exists(),
        "the window's pages are not built\nhint: build them with: cargo xtask ui"
    );
    let manifest =
        tauri_build::AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*");
    if let Err(error) =
        tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest))
    {
        panic!("{error:#}");
    }
}
