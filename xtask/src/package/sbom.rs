//! The bill of materials of each package, as CycloneDX 1.5 has it.
//!
//! Format: <https://cyclonedx.org/docs/1.5/json/>.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Release, licences};
use crate::workspace;

/// The modules that the window's pages are made of.
const MODULES: [&str; 2] = ["preact", "@tauri-apps/api"];

pub(super) fn write(release: &Release, out: &Path) -> Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    for (package, program) in
        [("devpulse-client", "devpulse-client"), ("devpulse", "devpulse-desktop")]
    {
        let path = out.join(format!("{package}-{}.cdx.json", release.version));
        let bill = bill(release, package, program)?;
        fs::write(&path, serde_json::to_string_pretty(&bill)? + "\n")?;
        made.push(path);
    }
    Ok(made)
}

fn bill(release: &Release, package: &str, program: &str) -> Result<Value> {
    let sums = checksums()?;
    let mut components = Vec::new();
    for linked in licences::linked(program)? {
        let purl = format!("pkg:cargo/{}@{}", linked.name, linked.version);
        let sum = sums.get(&(linked.name.clone(), linked.version.clone()));
        let mut component = json!({
            "type": "library", "bom-ref": purl, "purl": purl,
            "name": linked.name, "version": linked.version,
            "licenses": [{"expression": linked.licence.replace('/', " OR ")}],
        });
        if let Some(sum) = sum {
            component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
        }
        components.push(component);
    }
    if program == "devpulse-desktop" {
        for name in MODULES {
            let manifest =
                workspace::root()?.join("ui/node_modules").join(name).join("package.json");
            let manifest: Value = serde_json::from_str(&fs::read_to_string(manifest)?)?;
            let version = manifest["version"].as_str().unwrap_or_default();
            let purl = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
            components.push(json!({
                "type": "library", "bom-ref": purl, "purl": purl,
                "name": name, "version": version,
                "licenses": [{"expression": manifest["license"]}],
            }));
        }
    }
    let version = &release.version;
    let this = format!("pkg:generic/{package}@{version}");
    let all: Vec<Value> = components.iter().map(|found| found["bom-ref"].clone()).collect();
    Ok(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {
            "timestamp": format!("{}T00:00:00Z", release.day()?),
            "component": {
                "type": "application", "bom-ref": this, "name": package, "version": version,
                "purl": this, "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": this, "dependsOn": all}],
    }))
}

/// The SHA-256 of each crate's archive, by name and version, as `Cargo.lock` has them.
fn checksums() -> Result<std::collections::HashMap<(String, String), String>> {
    let lock = fs::read_to_string(workspace::root()?.join("Cargo.lock"))?;
    let mut sums = std::collections::HashMap::new();
    for entry in lock.split("[[package]]") {
        let field = |name: &str| {
            let line = entry.lines().find(|line| line.starts_with(&format!("{name} = ")))?;
            Some(line.split('"').nth(1)?.to_owned())
        };
        if let (Some(name), Some(version), Some(sum)) =
            (field("name"), field("version"), field("checksum"))
        {
            sums.insert((name, version), sum);
        }
    }
    Ok(sums)
}
