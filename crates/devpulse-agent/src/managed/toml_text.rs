//! `policy.toml` as names and values. A name is the whole dotted one, up to where a
//! setting of that name is found.

use toml::de::{DeTable, DeValue};

use super::{Given, ManagedValue};
use crate::printable::printable;
use crate::settings::{Setting, TABLE, json_of_toml, line_at};

/// All values in the order of their lines; where it is not TOML, the line and the cause.
pub(super) fn values(text: &str) -> Result<Vec<ManagedValue>, (usize, String)> {
    let document = DeTable::parse(text).map_err(|error| {
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        (line, format!("it is not TOML: {}", printable(error.message())))
    })?;
    let mut values = Vec::new();
    collect(text, "", document.get_ref(), &mut values);
    values.sort_by_key(|value| value.line);
    Ok(values)
}

fn collect(text: &str, prefix: &str, table: &DeTable<'_>, values: &mut Vec<ManagedValue>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        let section = format!("{name}.");
        match value.get_ref() {
            DeValue::Table(inner)
                if Setting::named(&name).is_none()
                    && TABLE.iter().any(|setting| setting.name.starts_with(&section)) =>
            {
                collect(text, &section, inner, values);
            }
            _ => values.push(ManagedValue {
                name,
                given: Given::Typed(json_of_toml(value)),
                line: Some(line_at(text, key.span().start)),
            }),
        }
    }
}
