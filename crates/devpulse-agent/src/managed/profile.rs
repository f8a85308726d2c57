//! On macOS: what a configuration profile forces, as the system keeps it for this
//! computer. Only the system itself writes there.

use std::io::Cursor;

use serde_json::{Map, Value};

use super::{Given, ManagedValue};
#[cfg(target_os = "macos")]
use super::{Managed, ManagedFault};
use crate::settings::{Setting, TABLE};

#[cfg(target_os = "macos")]
pub(super) fn read() -> Managed {
    use crate::administrator::{ROOT, bytes_owned_by};

    const PROFILE: &str = "/Library/Managed Preferences/dev.devpulse.desktop.plist";

    let bytes = match bytes_owned_by(std::path::Path::new(PROFILE), ROOT) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Managed::default(),
        Err(mistrust) => return Managed::of_fault(mistrust.into()),
    };
    match values(&bytes) {
        Ok(values) => Managed { values, fault: None },
        Err(error) => Managed::of_fault(ManagedFault::Broken {
            place: PROFILE.to_owned(),
            message: error.to_string(),
        }),
    }
}

/// All values of a property list.
fn values(bytes: &[u8]) -> Result<Vec<ManagedValue>, plist::Error> {
    let profile = plist::from_reader::<_, Map<String, Value>>(Cursor::new(bytes))?;
    let mut values = Vec::new();
    collect("", profile, &mut values);
    Ok(values)
}

/// Names may be dotted, or nested as in the file on other systems. What the profile's own
/// machinery adds begins with `Payload`.
fn collect(prefix: &str, table: Map<String, Value>, values: &mut Vec<ManagedValue>) {
    for (key, value) in table {
        if prefix.is_empty() && key.starts_with("Payload") {
            continue;
        }
        let name = format!("{prefix}{key}");
        let section = format!("{name}.");
        match value {
            Value::Object(inner)
                if Setting::named(&name).is_none()
                    && TABLE.iter().any(|setting| setting.name.starts_with(&section)) =>
            {
                collect(&section, inner, values);
            }
            value => values.push(ManagedValue { name, given: Given::Typed(value), line: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_profile_names_settings_dotted_or_nested() {
        let profile = r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>PayloadUUID</key><string>x</string>
<key>app.quit_allowed</key><false/>
<key>screenshot</key><dict><key>interval_s</key><integer>300</integer></dict>
</dict></plist>"#;
        let found: Vec<_> = values(profile.as_bytes())
            .unwrap()
            .into_iter()
            .map(|value| (value.name, value.given))
            .collect();
        assert_eq!(
            found,
            [
                ("app.quit_allowed".to_owned(), Given::Typed(json!(false))),
                ("screenshot.interval_s".to_owned(), Given::Typed(json!(300))),
            ]
        );
        assert!(values(b"not a property list").is_err());
    }
}
