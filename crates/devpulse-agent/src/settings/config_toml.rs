//! Reads `config.toml` with line numbers.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::value::Assigned;
use super::{Place, Setting, SettingsError, TABLE};
use crate::printable::printable;

/// Reads all settings.
pub(super) fn parse(text: &str) -> Result<Vec<Assigned>, SettingsError> {
    let document = DeTable::parse(text).map_err(|error| SettingsError::BrokenToml {
        line: line_at(text, error.span().map_or(0, |span| span.start)),
        message: printable(error.message()).into_owned(),
    })?;
    let mut assigned = Vec::new();
    collect(text, "", document.get_ref(), &mut assigned)?;
    assigned.sort_by_key(|(line, _)| *line);
    Ok(assigned.into_iter().map(|(_, assigned)| assigned).collect())
}

fn collect(
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    assigned: &mut Vec<(usize, Assigned)>,
) -> Result<(), SettingsError> {
    for (key, value) in table {
        let line = line_at(text, key.span().start);
        let name = format!("{prefix}{}", key.get_ref());
        if let Some(setting) = Setting::named(&name) {
            if !setting.config_toml {
                return Err(SettingsError::NotInConfigToml { line, setting });
            }
            let place = Place::ConfigToml { line, name: setting.name };
            assigned.push((line, Assigned { setting, place, value: json(value) }));
            continue;
        }
        let section = format!("{name}.");
        match value.get_ref() {
            DeValue::Table(inner) if TABLE.iter().any(|s| s.name.starts_with(&section)) => {
                collect(text, &section, inner, assigned)?;
            }
            _ => {
                let suggestion = nearest(&name);
                return Err(SettingsError::UnknownSetting {
                    line,
                    name: printable(&name).into_owned(),
                    suggestion,
                });
            }
        }
    }
    Ok(())
}

/// A value as JSON.
pub(crate) fn json(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or_else(|_| Value::from(number.to_string()), Value::from)
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse::<f64>();
            parsed.map_or_else(|_| Value::from(number.as_str()), Value::from)
        }
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(datetime) => Value::from(datetime.to_string()),
        DeValue::Array(values) => values.iter().map(json).collect(),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value))).collect(),
        ),
    }
}

/// The line of a byte, counted from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|&&byte| byte == b'\n').count()
}

/// The setting whose name needs the fewest edits to become `name`, if they are few:
/// the whole name, or its last part, where somebody forgot the section.
fn nearest(name: &str) -> Option<&'static str> {
    let distance = |setting: &Setting| {
        let last = setting.name.rsplit('.').next().unwrap_or(setting.name);
        edits(name, setting.name).min(edits(name, last) + 1)
    };
    TABLE
        .iter()
        .filter(|setting| setting.config_toml)
        .map(|setting| (distance(setting), setting.name))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| name)
}

/// How many characters must be inserted, deleted or replaced (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sections_and_dotted_keys_are_the_same_and_know_their_lines() {
        let text = "log = \"debug\"\n\nbatch.max_events = 50\n[screenshot]\n# off\ninterval_s = 0\n\
                    [[window.rules]]\napp = \"^Signal$\"\naction = \"drop\"\n";
        let assigned = parse(text).unwrap();
        let found: Vec<_> =
            assigned.iter().map(|one| (one.place.to_string(), one.value.clone())).collect();
        assert_eq!(
            found,
            [
                ("log in config.toml line 1".to_owned(), json!("debug")),
                ("batch.max_events in config.toml line 3".to_owned(), json!(50)),
                ("screenshot.interval_s in config.toml line 6".to_owned(), json!(0)),
                (
                    "window.rules in config.toml line 7".to_owned(),
                    json!([{"app": "^Signal$", "action": "drop"}])
                ),
            ]
        );
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_nearest_one() {
        for (text, message, hint) in [
            (
                "\n[batch]\nmax_event = 5\n",
                "config.toml line 3 sets batch.max_event, which is no setting",
                "did you mean batch.max_events?",
            ),
            (
                "interval_s = 5\n",
                "config.toml line 1 sets interval_s, which is no setting",
                "did you mean screenshot.interval_s?",
            ),
            (
                "batch = 5\n",
                "config.toml line 1 sets batch, which is no setting",
                "all settings are listed by: devpulse-client config show",
            ),
            (
                "[colour]\nof_the_sky = 5\n",
                "config.toml line 1 sets colour, which is no setting",
                "all settings are listed by: devpulse-client config show",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.hint().as_deref(), Some(hint), "{text}");
        }
    }

    #[test]
    fn what_is_not_toml_is_refused_with_its_line() {
        let error = parse("log = \"debug\"\nbatch = = 5\n").unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("config.toml line 2 is not TOML: "), "{message}");
    }

    #[test]
    fn a_key_in_config_toml_is_refused_and_not_shown() {
        let error = parse("api_key = \"hunter2\"\n").unwrap_err();
        assert_eq!(error.to_string(), "config.toml line 1 sets api_key, which cannot be set there");
        assert_eq!(error.hint().as_deref(), Some("set DEVPULSE_API_KEY in the environment"));
    }
}
