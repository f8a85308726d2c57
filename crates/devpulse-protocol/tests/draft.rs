//! From draft to event: what the write-ahead log stores and the sender sends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;

use devpulse_protocol::{
    Activity, ActivityType, CapabilityState, ConsentNote, Custom, DeviceId, Epoch, Event,
    EventBody, EventDraft, EventHeader, EventId, Gap, GapReason, Heartbeat, HeartbeatType,
    ImageFormat, RefusedSetting, Screenshot, Seq, Timestamp, Trigger, Username, Window,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

#[test]
fn the_text_of_custom_data_is_sent_as_it_was_written() {
    let text = r#"{"b": 1.50, "a":  123456789012345678901234567890}"#;
    let data = RawValue::from_string(text.to_owned()).unwrap();
    let body = EventBody::Custom(Custom::new("exact", data).unwrap());
    let encoded = String::from_utf8(draft(body).encode().unwrap()).unwrap();
    assert!(encoded.ends_with(&format!("\"data\":{text}}}")), "{encoded}");
}

proptest! {
    #[test]
    fn a_draft_with_its_place_put_in_is_the_event(
        draft in drafts(),
        epoch in any::<u64>(),
        seq in 0..i64::MAX,
    ) {
        let place = format!(r#""epoch":"{epoch:016x}","seq":{seq},"#);
        let mut json = draft.encode().unwrap();
        prop_assert_eq!(json.first(), Some(&b'{'));
        json.splice(1..1, place.into_bytes());
        let expected = event(draft, epoch, seq);
        prop_assert_eq!(serde_json::from_slice::<Event>(&json).unwrap(), expected);
    }

    #[test]
    fn an_event_is_read_back_as_it_was_written(
        draft in drafts(),
        epoch in any::<u64>(),
        seq in 0..i64::MAX,
        other in btree_map("x_[a-z]{1,8}", values(), 0..3),
    ) {
        let mut event = event(draft, epoch, seq);
        event.other = other.into_iter().collect();
        let json = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Event>(&json).unwrap(), &event);
        let value = serde_json::to_value(&event).unwrap();
        prop_assert_eq!(serde_json::from_value::<Event>(value).unwrap(), event);
    }
}

fn event(draft: EventDraft, epoch: u64, seq: i64) -> Event {
    Event {
        header: EventHeader {
            event_id: draft.event_id,
            epoch: Epoch::from_bits(epoch),
            seq: Seq(seq),
            timestamp: draft.timestamp,
            username: draft.username,
            client_id: draft.client_id,
        },
        body: draft.body,
        other: Map::new(),
    }
}

fn draft(body: EventBody) -> EventDraft {
    EventDraft {
        event_id: EventId::from_bytes([7; 16]),
        timestamp: Timestamp::from_millis(1_795_339_800_050),
        username: Username::new("ada"),
        client_id: DeviceId::new("dev_1"),
        body,
    }
}

fn drafts() -> impl Strategy<Value = EventDraft> {
    (any::<[u8; 16]>(), instants(), any::<String>(), any::<String>(), bodies()).prop_map(
        |(event_id, timestamp, username, client_id, body)| EventDraft {
            event_id: EventId::from_bytes(event_id),
            timestamp,
            username: Username::new(username),
            client_id: DeviceId::new(client_id),
            body,
        },
    )
}

fn bodies() -> impl Strategy<Value = EventBody> {
    prop_oneof![
        activities().prop_map(EventBody::Activity),
        heartbeats().prop_map(EventBody::Heartbeat),
        windows().prop_map(EventBody::Window),
        screenshots().prop_map(EventBody::Screenshot),
        customs().prop_map(EventBody::Custom),
        gaps().prop_map(EventBody::Gap),
    ]
}

fn activities() -> impl Strategy<Value = Activity> {
    use ActivityType::*;
    let types = prop::sample::select(vec![
        Started,
        Active,
        Inactive,
        ScreenLocked,
        ScreenUnlocked,
        Suspended,
        Woke,
        Paused,
        Unpaused,
        NormalShutdown,
        SystemShutdown,
        UserInterrupt,
    ]);
    (types, prop::option::of(any::<String>()), prop::option::of(instants()))
        .prop_map(|(activity_type, reason, until)| Activity { activity_type, reason, until })
}

fn heartbeats() -> impl Strategy<Value = Heartbeat> {
    let states = prop::sample::select(vec![
        CapabilityState::Ok,
        CapabilityState::Degraded,
        CapabilityState::Unavailable,
        CapabilityState::Denied,
    ]);
    let refused = (any::<String>(), values(), any::<String>())
        .prop_map(|(key, value, allowed)| RefusedSetting { key, value, allowed });
    (
        prop::sample::select(vec![HeartbeatType::Regular, HeartbeatType::Final]),
        any::<u64>(),
        option::of(seconds()),
        any::<u64>(),
        btree_map(any::<String>(), states, 0..4),
        btree_map(any::<String>(), any::<String>(), 0..3),
        vec(refused, 0..3),
        any::<u64>(),
        option::of(consents()),
        (
            option::of(any::<i32>().prop_map(|millis| f64::from(millis) / 1000.0)),
            option::of(instants()),
        ),
    )
        .prop_map(
            |(
                heartbeat_type,
                pending,
                oldest,
                dropped,
                capabilities,
                overrides,
                refused,
                withheld,
                consent,
                (clock_skew_s, key_expires_at),
            )| {
                Heartbeat {
                    heartbeat_type,
                    pending,
                    oldest_pending_s: oldest,
                    dropped,
                    capabilities,
                    overrides,
                    refused_settings: refused,
                    withheld,
                    consent,
                    clock_skew_s,
                    key_expires_at,
                }
            },
        )
}

fn consents() -> impl Strategy<Value = ConsentNote> {
    (instants(), option::of(any::<i64>()), any::<bool>()).prop_map(
        |(accepted_at, policy_version, awaiting)| ConsentNote {
            accepted_at,
            policy_version,
            awaiting,
        },
    )
}

fn windows() -> impl Strategy<Value = Window> {
    (
        option::of(any::<String>()),
        option::of(any::<String>()),
        option::of(any::<u32>()),
        instants(),
        instants(),
        seconds(),
        any::<bool>(),
    )
        .prop_map(
            |(window_title, app_name, pid, start_time, end_time, duration, recovered)| Window {
                window_title,
                app_name,
                pid,
                start_time,
                end_time,
                duration,
                recovered,
            },
        )
}

fn screenshots() -> impl Strategy<Value = Screenshot> {
    let formats =
        prop::sample::select(vec![ImageFormat::Webp, ImageFormat::Jpeg, ImageFormat::Png]);
    let triggers = prop::sample::select(vec![
        Trigger::Periodic,
        Trigger::Manual,
        Trigger::WindowChange,
        Trigger::Unlock,
    ]);
    (
        "[0-9a-f]{64}",
        formats,
        any::<[u32; 4]>(),
        any::<u64>(),
        triggers,
        option::of(any::<[u8; 16]>()),
    )
        .prop_map(|(screenshot_hash, format, numbers, size_bytes, trigger, duplicate_of)| {
            let [width, height, monitor_index, monitor_count] = numbers;
            Screenshot {
                screenshot_hash,
                format,
                width,
                height,
                size_bytes,
                monitor_index,
                monitor_count,
                trigger,
                duplicate_of: duplicate_of.map(EventId::from_bytes),
            }
        })
}

fn customs() -> impl Strategy<Value = Custom> {
    ("[a-z][ -~]{0,20}", values())
        .prop_map(|(name, data)| Custom::new(name, to_raw_value(&data).unwrap()).unwrap())
}

fn gaps() -> impl Strategy<Value = Gap> {
    (
        prop::sample::select(GapReason::ALL.to_vec()),
        any::<u64>(),
        option::of(any::<i64>().prop_map(Seq)),
        option::of(any::<i64>().prop_map(Seq)),
        option::of(instants()),
        option::of(instants()),
        any::<bool>(),
    )
        .prop_map(|(reason, count, from_seq, to_seq, from_time, to_time, estimated)| Gap {
            reason,
            count,
            from_seq,
            to_seq,
            from_time,
            to_time,
            estimated,
        })
}

/// Any JSON, with its numbers such that reading them is exact.
fn values() -> impl Strategy<Value = Value> {
    let leaves = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        seconds().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaves.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields: BTreeMap<String, Value>| json!(fields)),
        ]
    })
}

/// Milliseconds as seconds, which is what durations are measured in.
fn seconds() -> impl Strategy<Value = f64> {
    (0_u32..).prop_map(|millis| f64::from(millis) / 1000.0)
}

/// Any millisecond from 1970 to the year 2100.
fn instants() -> impl Strategy<Value = Timestamp> {
    (0..4_102_444_800_000_i64).prop_map(Timestamp::from_millis)
}
