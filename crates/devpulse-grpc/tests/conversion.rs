//! Messages stand for the JSON, losing nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use devpulse_grpc::v1::event::Body;
use devpulse_grpc::{batch_from_json, batch_to_json, event_from_json, event_to_json, v1};
use devpulse_protocol::{
    Activity, ActivityType, BatchId, Custom, DeviceId, EventBody, EventDraft, EventId, Heartbeat,
    HeartbeatType, Receipt, Rejection, Timestamp, Username, Window,
};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// An event as the log hands it out.
fn logged(body: EventBody) -> String {
    let draft = EventDraft {
        event_id: EventId::new(),
        timestamp: Timestamp::from_millis(1_795_339_800_050),
        username: Username::new("ada"),
        client_id: DeviceId::new("dev_1"),
        body,
    };
    let mut text = String::from_utf8(draft.encode().unwrap()).unwrap();
    assert_eq!(text.pop(), Some('}'));
    format!("{text},\"epoch\":\"5f1c0e9a77b3d210\",\"seq\":4711}}")
}

fn window() -> EventBody {
    EventBody::Window(Window {
        window_title: Some("a \"title\"\u{1b}[2J – \u{7f}ü".to_owned()),
        app_name: None,
        pid: Some(77),
        start_time: Timestamp::from_millis(0),
        end_time: Timestamp::from_millis(1500),
        duration: 1.5,
        recovered: false,
    })
}

fn custom(data: &str) -> EventBody {
    let data = RawValue::from_string(data.to_owned()).unwrap();
    EventBody::Custom(Custom::new("note", data).unwrap())
}

fn heartbeat() -> EventBody {
    EventBody::Heartbeat(Heartbeat {
        heartbeat_type: HeartbeatType::Regular,
        pending: u64::MAX,
        oldest_pending_s: None,
        dropped: 0,
        capabilities: [("focus".to_owned(), devpulse_protocol::CapabilityState::Ok)].into(),
        overrides: [("a.b".to_owned(), "c".to_owned())].into(),
        refused_settings: vec![devpulse_protocol::RefusedSetting {
            key: "batch.max_events".to_owned(),
            value: json!({"x": [1.0, null]}),
            allowed: "less".to_owned(),
        }],
        withheld: 2,
        clock_skew_s: Some(-1.5),
        key_expires_at: None,
        consent: None,
    })
}

#[test]
fn what_the_log_hands_out_comes_back_byte_for_byte_and_needs_no_other_json() {
    let custom = custom(r#"{"z": 1.50e0,  "a":[ "\u00e9" ]}"#);
    let activity = EventBody::Activity(Activity::of(ActivityType::Started));
    for body in [window(), custom, heartbeat(), activity] {
        let text = logged(body);
        let message = event_from_json(&text);
        assert_eq!(message.other_json, "", "{text}");
        assert_eq!(event_to_json(&message).unwrap(), text);
    }
}

#[test]
fn a_batch_comes_back_byte_for_byte() {
    let text = format!(
        r#"{{"batch_id":"{}","created_at":"2026-11-22T09:30:02.000Z","event_count":2,"events":[{},{}]}}"#,
        BatchId::new(),
        logged(window()),
        logged(heartbeat())
    );
    let message = batch_from_json(text.as_bytes()).unwrap();
    assert_eq!(message.events.len(), 2);
    assert_eq!(batch_to_json(&message).unwrap(), text);
    assert_eq!(batch_from_json(text.as_bytes()).unwrap(), message);
}

#[test]
fn every_golden_event_has_its_fields_in_its_message() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../devpulse-protocol/tests/golden");
    let mut seen = 0;
    for entry in fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("event_") {
            continue;
        }
        let value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let message = event_from_json(&value.to_string());
        let mut expected = String::new();
        if path.ends_with("event_heartbeat.json") {
            // Written with its keys in another order than a client's.
            expected = json!({"refused_settings": value["refused_settings"]}).to_string();
        }
        assert_eq!(message.other_json, expected, "{}", path.display());
        assert!(message.body.is_some());
        let back: Value = serde_json::from_str(&event_to_json(&message).unwrap()).unwrap();
        assert_eq!(back, value);
        seen += 1;
    }
    assert!(seen >= 10);
}

#[test]
fn what_does_not_fit_is_kept_as_it_was_written() {
    let text = r#"{"event_id":"e","event_type":"window","pid":"seven","duration":1e1,"later":{"b":1,"a":[ 2 ]},"recovered":null,"note":null}"#;
    let message = event_from_json(text);
    assert_eq!(
        message.other_json,
        r#"{"pid":"seven","duration":1e1,"later":{"b":1,"a":[ 2 ]},"note":null}"#
    );
    let back = event_to_json(&message).unwrap();
    for part in [r#""pid":"seven""#, r#""duration":1e1"#, r#"{"b":1,"a":[ 2 ]}"#] {
        assert_eq!(back.matches(part).count(), 1, "{back}");
    }
}

#[test]
fn an_event_of_a_type_of_a_later_version_is_passed_on_whole() {
    let text = r#"{"event_id":"e","event_type":"smell","seq":3,"strength":0.5}"#;
    let message = event_from_json(text);
    assert_eq!((message.body.as_ref(), message.seq), (None, 3));
    let back: Value = serde_json::from_str(&event_to_json(&message).unwrap()).unwrap();
    assert_eq!(back, serde_json::from_str::<Value>(text).unwrap());
}

#[test]
fn text_that_is_no_event_is_refused_by_whoever_reads_it() {
    assert!(event_to_json(&event_from_json("[1]")).is_err());
    assert!(event_to_json(&event_from_json("not json")).is_err());
    let data_json = Some("{,".to_owned());
    let custom = Body::Custom(v1::Custom { name: None, data_json });
    let message = v1::Event { body: Some(custom), ..v1::Event::default() };
    assert_eq!(event_to_json(&message).unwrap_err().to_string(), "data_json is not JSON");
}

#[test]
fn a_receipt_says_the_same_in_both_forms() {
    let receipt = Receipt {
        batch_id: BatchId::new(),
        accepted: 3,
        duplicates: 1,
        rejected: vec![Rejection {
            event_id: EventId::new(),
            code: devpulse_protocol::ProblemCode::Invalid,
            message: "no".to_owned(),
        }],
        config_version: None,
    };
    let back = Receipt::try_from(v1::Receipt::from(receipt.clone())).unwrap();
    assert_eq!(back, receipt);
    assert!(Receipt::try_from(v1::Receipt::default()).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const NAMES: [&str; 16] = [
    "event_id",
    "epoch",
    "seq",
    "timestamp",
    "pid",
    "duration",
    "window_title",
    "recovered",
    "pending",
    "capabilities",
    "refused_settings",
    "data",
    "name",
    "reason",
    "activity_type",
    "other_json",
];
const TYPES: [&str; 7] =
    ["activity", "heartbeat", "window", "screenshot", "custom", "gap", "of_the_future"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_field_is_lost_or_changed(
        event_type in prop::sample::select(&TYPES[..]),
        fields in prop::collection::vec((prop::sample::select(&NAMES[..]), any_json()), 0..8),
    ) {
        let mut object: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        object.insert("event_type".to_owned(), Value::from(event_type));
        let text = serde_json::to_string(&object).unwrap();
        let back = event_to_json(&event_from_json(&text)).unwrap();
        let back: BTreeMap<String, &RawValue> = serde_json::from_str(&back).unwrap();
        for (name, value) in &object {
            prop_assert_eq!(back[name].get(), value.to_string(), "{}", name);
        }
        for (name, value) in back {
            let is_empty = ["null", "{}", "[]"].contains(&value.get());
            prop_assert!(object.contains_key(&name) || is_empty, "{}", name);
        }
    }
}
