//! Who may depend on whom. A new edge is a decision: it gets a page in
//! `docs/decisions/` and then its place in this table.

use serde_json::Value;

/// A package of the workspace, and what it may and may never see.
struct Package {
    name: &'static str,
    /// Packages of the workspace that it may depend on.
    sees: &'static [&'static str],
    /// Crates that it must never depend on, outside of its tests.
    never: &'static [&'static str],
}

const PACKAGES: [Package; 13] = [
    Package {
        name: "devpulse-protocol",
        sees: &[],
        never: &["tokio", "reqwest", "hyper", "axum", "tonic", "rusqlite", "x11rb"],
    },
    Package {
        name: "devpulse-windows",
        sees: &[],
        never: &["tokio", "reqwest", "hyper", "axum", "tonic", "rusqlite", "x11rb"],
    },
    Package {
        name: "devpulse-capture",
        sees: &["devpulse-protocol"],
        never: &["reqwest", "hyper", "axum", "tonic", "rusqlite"],
    },
    Package {
        name: "devpulse-pipeline",
        sees: &["devpulse-protocol", "devpulse-windows"],
        never: &["reqwest", "hyper", "axum", "tonic", "x11rb", "xcap"],
    },
    Package {
        name: "devpulse-control",
        sees: &["devpulse-protocol", "devpulse-windows"],
        never: &["reqwest", "hyper", "axum", "tonic", "rusqlite", "x11rb"],
    },
    Package {
        name: "devpulse-grpc",
        sees: &["devpulse-protocol"],
        never: &["reqwest", "hyper", "axum", "rusqlite", "x11rb"],
    },
    Package {
        name: "devpulse-agent",
        sees: &[
            "devpulse-protocol",
            "devpulse-capture",
            "devpulse-pipeline",
            "devpulse-control",
            "devpulse-grpc",
            "devpulse-windows",
        ],
        never: &["axum", "x11rb"],
    },
    Package {
        name: "devpulse-client",
        sees: &["devpulse-protocol", "devpulse-control", "devpulse-agent"],
        never: &["axum", "x11rb"],
    },
    Package {
        name: "devpulse-desktop",
        sees: &["devpulse-protocol", "devpulse-control", "devpulse-agent"],
        never: &["axum", "x11rb"],
    },
    Package {
        name: "devpulse-server",
        sees: &["devpulse-protocol", "devpulse-grpc"],
        never: &["reqwest", "x11rb"],
    },
    Package {
        name: "devpulse-lab",
        sees: &["devpulse-protocol", "devpulse-server"],
        never: &["reqwest", "axum", "x11rb"],
    },
    Package {
        name: "devpulse-bench",
        sees: &["devpulse-protocol", "devpulse-pipeline", "devpulse-control", "devpulse-lab"],
        never: &["reqwest", "axum"],
    },
    Package { name: "xtask", sees: &[], never: &["tokio", "reqwest", "axum", "rusqlite"] },
];

/// Tests of every package may start the server, and use the laboratory.
const FOR_TESTS: [&str; 2] = ["devpulse-server", "devpulse-lab"];

/// The one package that may know the web view.
const DESKTOP: &str = "devpulse-desktop";

/// Every edge in the output of `cargo metadata` that must not be.
pub(super) fn faults(metadata: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        let Some(rules) = PACKAGES.iter().find(|rules| rules.name == name) else {
            faults.push(format!("{name}: say in xtask/src/tidy/edges.rs what it may see"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let dependency_name = text(&dependency["name"]);
            let for_tests = dependency["kind"] == "dev";
            if let Some(fault) = fault(rules, dependency_name, for_tests) {
                faults.push(fault);
            }
        }
    }
    faults
}

fn fault(rules: &Package, dependency: &str, for_tests: bool) -> Option<String> {
    let name = rules.name;
    let of_workspace = PACKAGES.iter().any(|package| package.name == dependency);
    let allowed_in_tests = for_tests && FOR_TESTS.contains(&dependency);
    if of_workspace && !rules.sees.contains(&dependency) && !allowed_in_tests {
        return Some(format!("{name} must not see {dependency}"));
    }
    let is_tauri = dependency == "tauri" || dependency.starts_with("tauri-");
    if is_tauri && name != DESKTOP {
        return Some(format!("{name} must not see {dependency}: only {DESKTOP} knows a web view"));
    }
    if rules.never.contains(&dependency) && !for_tests {
        return Some(format!("{name} must never see {dependency}"));
    }
    None
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults_of(package: &str, dependency: &str, kind: Option<&str>) -> Vec<String> {
        faults(&json!({"packages": [
            {"name": package, "dependencies": [{"name": dependency, "kind": kind}]},
        ]}))
    }

    #[test]
    fn capture_and_pipeline_never_see_each_other() {
        for kind in [None, Some("dev"), Some("build")] {
            assert_eq!(faults_of("devpulse-capture", "devpulse-pipeline", kind).len(), 1);
            assert_eq!(faults_of("devpulse-pipeline", "devpulse-capture", kind).len(), 1);
        }
        assert!(faults_of("devpulse-agent", "devpulse-capture", None).is_empty());
        assert!(faults_of("devpulse-agent", "devpulse-pipeline", None).is_empty());
    }

    #[test]
    fn only_the_tray_app_knows_tauri_even_in_tests() {
        assert_eq!(faults_of("devpulse-client", "tauri", Some("dev")).len(), 1);
        assert_eq!(faults_of("devpulse-agent", "tauri-plugin-autostart", None).len(), 1);
        assert!(faults_of("devpulse-desktop", "tauri", None).is_empty());
    }

    #[test]
    fn the_server_calls_nobody_outside_of_its_tests() {
        assert_eq!(faults_of("devpulse-server", "reqwest", None).len(), 1);
        assert!(faults_of("devpulse-server", "reqwest", Some("dev")).is_empty());
    }

    #[test]
    fn only_tests_may_start_the_server_or_use_the_laboratory() {
        for dependency in ["devpulse-server", "devpulse-lab"] {
            assert_eq!(faults_of("devpulse-client", dependency, None).len(), 1);
            assert!(faults_of("devpulse-client", dependency, Some("dev")).is_empty());
        }
    }

    #[test]
    fn a_new_package_needs_a_row() {
        assert_eq!(faults_of("devpulse-new", "serde", None).len(), 1);
    }
}
