//! The schemas of the file against the settings, the words and the golden messages of
//! `devpulse-protocol`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use devpulse_protocol::{
    ActivityType, Allowed, CapabilityState, Config, EventType, GapReason, HeartbeatType,
    ImageFormat, Key, Platform, ProblemCode, RuleAction, Trigger,
};
use devpulse_server::PublicRoute;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::document::{Document, object, words};

#[test]
fn the_settings_of_the_file_are_those_of_the_table() {
    let document = Document::read();
    let defaults = Config::default();
    let config = document.component("schemas", "Config");
    let config = document.resolve(&config);
    let mut documented = BTreeSet::new();
    for (name, schema) in object(&config["properties"]) {
        match schema.get("properties") {
            Some(section) => {
                documented.extend(object(section).keys().map(|key| format!("{name}.{key}")));
            }
            None => assert!(documented.insert(name.clone())),
        }
    }
    assert!(documented.remove("version"));
    assert!(documented.remove("rotate_key"));
    assert_eq!(documented, Key::ALL.into_iter().map(|key| key.name().to_owned()).collect());
    for key in Key::ALL {
        let pointer = format!("/properties/{}", key.name().replace('.', "/properties/"));
        let mut schema = object(config.pointer(&pointer).unwrap()).clone();
        schema.remove("description");
        assert_eq!(schema.remove("default"), Some(defaults.get(key)), "default of {key}");
        assert_eq!(Value::Object(schema), allowed(key.allowed()), "{key}");
    }
}

#[test]
fn the_words_of_the_file_are_those_of_the_protocol() {
    let document = Document::read();
    let property = |schema: &str, name: &str| {
        let schema = document.component("schemas", schema);
        properties(&document, &schema)[name].clone()
    };
    for (documented, known) in [
        (property("ActivityEvent", "activity_type"), variants::<ActivityType>()),
        (property("HeartbeatEvent", "heartbeat_type"), variants::<HeartbeatType>()),
        (property("ScreenshotEvent", "format"), variants::<ImageFormat>()),
        (property("ScreenshotEvent", "trigger"), variants::<Trigger>()),
        (property("GapEvent", "reason"), variants::<GapReason>()),
        (property("EnrollRequest", "platform"), variants::<Platform>()),
        (property("Rule", "action"), variants::<RuleAction>()),
        (
            property("HeartbeatEvent", "capabilities")["additionalProperties"].clone(),
            variants::<CapabilityState>(),
        ),
    ] {
        assert_eq!(words(&documented), known);
    }
    let event = document.component("schemas", "Event");
    let mapping = &document.resolve(&event)["discriminator"]["mapping"];
    let types: Vec<&String> = object(mapping).keys().collect();
    assert_eq!(types, sorted(&variants::<EventType>()));
}

#[test]
fn the_discriminator_leads_to_the_schema_of_its_event_type() {
    let document = Document::read();
    let event = document.component("schemas", "Event");
    let event = document.resolve(&event);
    let mut leads: Vec<&str> = Vec::new();
    for (event_type, schema) in object(&event["discriminator"]["mapping"]) {
        let schema = schema.as_str().unwrap();
        let members = properties(&document, &json!({"$ref": schema}));
        assert_eq!(members["event_type"]["const"], json!(event_type));
        leads.push(schema);
    }
    let mut alternatives: Vec<&str> = event["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alternative| alternative["$ref"].as_str().unwrap())
        .collect();
    leads.sort_unstable();
    alternatives.sort_unstable();
    assert_eq!(leads, alternatives);
}

#[test]
fn a_documented_code_is_one_that_the_protocol_knows() {
    let document = Document::read();
    let of_http = ["unsupported_media_type"];
    for route in PublicRoute::ALL {
        for (_, response) in document.responses(route) {
            if response["content"].get(super::document::PROBLEM).is_none() {
                continue;
            }
            for code in document.codes(response) {
                let unknown = matches!(ProblemCode::from(code.clone()), ProblemCode::Other(_));
                assert!(!unknown || of_http.contains(&code.as_str()), "{code}");
            }
        }
    }
}

#[test]
fn a_golden_event_fits_its_schema_and_so_does_one_of_a_later_version() {
    let document = Document::read();
    let schema = document.component("schemas", "Event");
    for (name, mut event) in golden_events() {
        document.holds(&schema, &event, &name);
        event["not_yet_invented"] = json!({"nested": [1, null]});
        document.holds(&schema, &event, &name);
        event["event_type"] = json!("dream");
        assert!(!document.faults(&schema, &event).is_empty(), "{name} of an unknown type");
    }
}

#[test]
fn the_fields_of_the_file_are_those_of_the_golden_events() {
    let document = Document::read();
    let event = document.component("schemas", "Event");
    let mapping = &document.resolve(&event)["discriminator"]["mapping"];
    for (event_type, reference) in object(mapping) {
        let schema = json!({"$ref": reference});
        let events = golden_events();
        let of_type = events.iter().filter(|(_, event)| event["event_type"] == **event_type);
        let fields: Vec<BTreeSet<&String>> =
            of_type.map(|(_, event)| object(event).keys().collect()).collect();
        let ever: BTreeSet<&String> = fields.iter().flatten().copied().collect();
        let always = ever.iter().filter(|name| fields.iter().all(|fields| fields.contains(*name)));

        let documented = properties(&document, &schema);
        assert_eq!(documented.keys().collect::<BTreeSet<_>>(), ever, "{event_type}");
        let required = required(&document, &schema);
        assert_eq!(required.iter().collect::<BTreeSet<_>>(), always.copied().collect());
    }
}

#[test]
fn an_event_without_a_required_field_does_not_fit() {
    let document = Document::read();
    let schema = document.component("schemas", "Event");
    for (name, event) in golden_events() {
        let reference = mapped(&document, &event);
        for field in required(&document, &json!({"$ref": reference})) {
            let mut lacking = event.clone();
            lacking.as_object_mut().unwrap().remove(&field);
            assert!(!document.faults(&schema, &lacking).is_empty(), "{name} without {field}");
        }
    }
}

#[test]
fn every_golden_message_is_an_event_or_an_example_that_fits() {
    let document = Document::read();
    let mut shown = BTreeSet::new();
    for (schema, path) in document.examples() {
        document.holds(schema, &read(&path), name(&path));
        shown.insert(name(&path).to_owned());
    }
    let messages = golden_files();
    let messages = messages.iter().map(|path| name(path));
    assert_eq!(
        shown.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        messages.filter(|name| !name.starts_with("event_")).collect::<BTreeSet<_>>()
    );
}

#[test]
fn a_setting_out_of_range_does_not_fit() {
    let document = Document::read();
    let schema = document.component("schemas", "Config");
    for bad in [
        json!({}),
        json!({"version": 1.5}),
        json!({"version": 1, "batch": {"max_events": 0}}),
        json!({"version": 1, "screenshot": {"jitter": 1.1}}),
        json!({"version": 1, "screenshot": {"triggers": ["manual"]}}),
        json!({"version": 1, "window": {"rules": [{"action": "drop", "aplication": "x"}]}}),
    ] {
        assert!(!document.faults(&schema, &bad).is_empty(), "{bad}");
    }
}

/// The schema of what a setting allows.
fn allowed(allowed: Allowed) -> Value {
    match allowed {
        Allowed::Bool => json!({"type": "boolean"}),
        Allowed::Integer { min, max } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Allowed::ZeroOr { min, max } => {
            assert_eq!(min, 1, "zero is not next to the range");
            json!({"type": "integer", "minimum": 0, "maximum": max})
        }
        Allowed::Number { min, max } => {
            json!({"type": "number", "minimum": short(min), "maximum": short(max)})
        }
        Allowed::OneOf(words) => json!({"type": "string", "enum": words}),
        Allowed::ListOf(words) => {
            json!({"type": "array", "items": {"type": "string", "enum": words}})
        }
        Allowed::Rules => {
            json!({"type": "array", "items": {"$ref": "#/components/schemas/Rule"}})
        }
    }
}

/// A number as the file writes it.
fn short(number: f64) -> Value {
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

/// Every word that the protocol knows of a closed list, as its refusal of another names them.
fn variants<T: DeserializeOwned>() -> Vec<String> {
    let refused = serde_json::from_str::<T>("\"\"").err().unwrap().to_string();
    let words: Vec<String> = refused.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert!(words.len() > 1, "{refused}");
    words
}

fn sorted(words: &[String]) -> Vec<&String> {
    let mut words: Vec<&String> = words.iter().collect();
    words.sort();
    words
}

/// The properties of a schema, with those of the schemas that it is made of.
fn properties(document: &Document, schema: &Value) -> Map<String, Value> {
    let schema = document.resolve(schema);
    let mut all = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        all.extend(properties(document, part));
    }
    all.extend(schema["properties"].as_object().cloned().unwrap_or_default());
    all
}

/// The fields that a schema requires, with those of the schemas that it is made of.
fn required(document: &Document, schema: &Value) -> BTreeSet<String> {
    let schema = document.resolve(schema);
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut all: BTreeSet<String> = parts.flat_map(|part| required(document, part)).collect();
    let own = schema["required"].as_array().into_iter().flatten();
    all.extend(own.map(|name| name.as_str().unwrap().to_owned()));
    all
}

fn mapped(document: &Document, event: &Value) -> String {
    let schema = document.component("schemas", "Event");
    let mapping = &document.resolve(&schema)["discriminator"]["mapping"];
    mapping[event["event_type"].as_str().unwrap()].as_str().unwrap().to_owned()
}

fn golden_events() -> Vec<(String, Value)> {
    let files = golden_files();
    let events = files.iter().filter(|path| name(path).starts_with("event_"));
    events.map(|path| (name(path).to_owned(), read(path))).collect()
}

fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../devpulse-protocol/tests/golden");
    let files = std::fs::read_dir(folder).unwrap();
    let files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 20);
    files
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path);
    let text = text.unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    serde_json::from_str(&text).unwrap()
}
