//! Events: one flat JSON object each.
//!
//! A hook makes an [`EventDraft`]; the write-ahead log gives it its place
//! (`epoch`, `seq`) when it is committed, which makes it an [`Event`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::{
    DeviceId, Epoch, EventId, Gap, ImageFormat, RefusedSetting, Seq, Timestamp, Trigger, Username,
};

/// Largest `data` of a custom event.
pub const MAX_CUSTOM_DATA_BYTES: usize = 64 * 1024;

/// An event with its place in its device's history, as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What every event has.
    pub header: EventHeader,
    /// What its type adds.
    pub body: EventBody,
    /// Fields that this version does not know.
    pub other: Map<String, Value>,
}

/// What every event has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventHeader {
    /// Made when the event was captured.
    pub event_id: EventId,
    /// The database that gave it its `seq`.
    pub epoch: Epoch,
    /// Grows by one for each event.
    pub seq: Seq,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Who worked.
    pub username: Username,
    /// On which device.
    pub client_id: DeviceId,
}

/// An event without its place in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDraft {
    /// Made when the event was captured.
    pub event_id: EventId,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Who worked.
    pub username: Username,
    /// On which device.
    pub client_id: DeviceId,
    /// What its type adds.
    pub body: EventBody,
}

impl EventDraft {
    /// The draft as JSON text: the event's object, lacking only `epoch` and `seq`.
    ///
    /// # Errors
    /// Fails where it cannot be written as JSON; a number that is not finite becomes `null`.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Header<'a> {
            event_id: EventId,
            timestamp: Timestamp,
            username: &'a Username,
            client_id: &'a DeviceId,
        }
        let mut json = Vec::with_capacity(384);
        serde_json::to_writer(
            &mut json,
            &Header {
                event_id: self.event_id,
                timestamp: self.timestamp,
                username: &self.username,
                client_id: &self.client_id,
            },
        )?;
        json.pop();
        json.push(b',');
        let body_start = json.len();
        serde_json::to_writer(&mut json, &self.body)?;
        json.remove(body_start);
        Ok(json)
    }
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// What the person or the session did.
    Activity,
    /// The agent lives.
    Heartbeat,
    /// A window had the focus.
    Window,
    /// A screen was captured.
    Screenshot,
    /// Another program reported something.
    Custom,
    /// Events are missing.
    Gap,
}

impl EventType {
    /// The type as the wire writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Heartbeat => "heartbeat",
            Self::Window => "window",
            Self::Screenshot => "screenshot",
            Self::Custom => "custom",
            Self::Gap => "gap",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the type of an event adds to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event_type", rename_all = "snake_case")]
pub enum EventBody {
    /// What the person or the session did.
    Activity(Activity),
    /// The agent lives.
    Heartbeat(Heartbeat),
    /// A window had the focus.
    Window(Window),
    /// A screen was captured.
    Screenshot(Screenshot),
    /// Another program reported something.
    Custom(Custom),
    /// Events are missing.
    Gap(Gap),
}

impl EventBody {
    /// The kind of the event.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::Activity(_) => EventType::Activity,
            Self::Heartbeat(_) => EventType::Heartbeat,
            Self::Window(_) => EventType::Window,
            Self::Screenshot(_) => EventType::Screenshot,
            Self::Custom(_) => EventType::Custom,
            Self::Gap(_) => EventType::Gap,
        }
    }
}

/// What the person or the session did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// What.
    pub activity_type: ActivityType,
    /// Why, in the person's words; only where a reason was given for a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a pause is to end; only where one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Activity {
    /// The activity, with nothing else to say of it.
    #[must_use]
    pub const fn of(activity_type: ActivityType) -> Self {
        Self { activity_type, reason: None, until: None }
    }
}

/// What the person or the session did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityType {
    /// The agent started.
    Started,
    /// Input again after a time without.
    Active,
    /// No input for the idle threshold; bears the time of the last input.
    Inactive,
    /// The screen was locked.
    ScreenLocked,
    /// The screen was unlocked.
    ScreenUnlocked,
    /// The machine went to sleep.
    Suspended,
    /// The machine woke.
    Woke,
    /// Capture was paused.
    Paused,
    /// Capture goes on.
    Unpaused,
    /// The agent was asked to end.
    NormalShutdown,
    /// The machine or the session ends.
    SystemShutdown,
    /// The person ended the agent at its terminal.
    UserInterrupt,
}

/// The agent lives; what it has still to deliver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Whether another one is to be expected.
    pub heartbeat_type: HeartbeatType,
    /// Events that wait.
    pub pending: u64,
    /// Age of the oldest event that waits, in seconds; `null` where none waits.
    pub oldest_pending_s: Option<f64>,
    /// Events given up so far.
    pub dropped: u64,
    /// What each signal is served by.
    pub capabilities: BTreeMap<String, CapabilityState>,
    /// Settings that something on the device puts above the server's, by dotted key,
    /// with where they come from.
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
    /// Settings of the server that the device refused.
    #[serde(default)]
    pub refused_settings: Vec<RefusedSetting>,
    /// Window sessions since the agent started that a rule kept from being reported.
    #[serde(default)]
    pub withheld: u64,
    /// Seconds by which the device's clock is ahead of the server's; negative where it is
    /// behind, `null` before the server has told the time.
    #[serde(default)]
    pub clock_skew_s: Option<f64>,
    /// When the device's key ends; `null` where it does not, or where that is not known.
    #[serde(default)]
    pub key_expires_at: Option<Timestamp>,
    /// What the person agreed to; `null` where nobody was asked.
    #[serde(default)]
    pub consent: Option<ConsentNote>,
}

/// What a person agreed to have captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentNote {
    /// When they last agreed.
    pub accepted_at: Timestamp,
    /// The version of the configuration that they saw; `null` where it had none.
    pub policy_version: Option<i64>,
    /// Whether the server asks for more, which is not in force before they agree to it.
    pub awaiting: bool,
}

/// Whether another heartbeat is to be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeartbeatType {
    /// One of many.
    Regular,
    /// The last one before the agent ends.
    Final,
}

/// How well a signal is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapabilityState {
    /// A backend serves it.
    Ok,
    /// A backend serves it, with less than it should.
    Degraded,
    /// Nothing here can serve it.
    Unavailable,
    /// The system or the person forbids it.
    Denied,
}

impl CapabilityState {
    /// The state as the wire writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
        }
    }
}

/// A window had the focus, from `start_time` to `end_time`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// As the policy lets it be: in full, hashed, or absent.
    pub window_title: Option<String>,
    /// The application's name, where the desktop tells it.
    pub app_name: Option<String>,
    /// The process that owns the window, where the desktop tells it.
    pub pid: Option<u32>,
    /// When it got the focus.
    pub start_time: Timestamp,
    /// When it lost it.
    pub end_time: Timestamp,
    /// Seconds between the two, from a clock that nobody sets.
    pub duration: f64,
    /// Whether a crash cut it, so that it ends at its last checkpoint.
    #[serde(default)]
    pub recovered: bool,
}

/// A screen was captured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Screenshot {
    /// SHA-256 of the image file, in hexadecimal.
    pub screenshot_hash: String,
    /// Format of the image file.
    pub format: ImageFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length of the image file.
    pub size_bytes: u64,
    /// Which monitor, from 0.
    pub monitor_index: u32,
    /// How many monitors there were.
    pub monitor_count: u32,
    /// What caused the capture.
    pub trigger: Trigger,
    /// The event that carries the same image; then none is sent.
    pub duplicate_of: Option<EventId>,
}

/// Another program reported something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Custom {
    /// What kind of thing, in the program's words.
    pub name: String,
    /// Any JSON, kept as it was written.
    pub data: Box<RawValue>,
}

impl Custom {
    /// Checks that the name is not empty and the data no larger than
    /// [`MAX_CUSTOM_DATA_BYTES`].
    ///
    /// # Errors
    /// Says which of them it is.
    pub fn new(name: impl Into<String>, data: Box<RawValue>) -> Result<Self, CustomError> {
        let name = name.into();
        if name.trim().is_empty() {
            return Err(CustomError::NoName);
        }
        if name.len() > 256 {
            return Err(CustomError::LongName);
        }
        if data.get().len() > MAX_CUSTOM_DATA_BYTES {
            return Err(CustomError::TooLarge(data.get().len()));
        }
        Ok(Self { name, data })
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.data.get() == other.data.get()
    }
}

/// Why a custom event is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomError {
    /// It has no name.
    #[error("a custom event needs a name")]
    NoName,
    /// Its name is absurd.
    #[error("the name of a custom event may have at most 256 bytes")]
    LongName,
    /// Its data is too large.
    #[error("the data of a custom event may have at most 65536 bytes, this has {0}")]
    TooLarge(usize),
}

impl Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat<'a> {
            #[serde(flatten)]
            header: &'a EventHeader,
            #[serde(flatten)]
            body: &'a EventBody,
            #[serde(flatten)]
            other: &'a Map<String, Value>,
        }
        Flat { header: &self.header, body: &self.body, other: &self.other }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;

        #[derive(Deserialize)]
        struct Flat {
            #[serde(flatten)]
            header: EventHeader,
            event_type: EventType,
            #[serde(flatten)]
            rest: Map<String, Value>,
        }
        let flat = Flat::deserialize(deserializer)?;
        let (body, other) = split_body(flat.event_type, flat.rest).map_err(D::Error::custom)?;
        Ok(Self { header: flat.header, body, other })
    }
}

/// Takes what `event_type` knows out of `fields`; what is left is unknown.
fn split_body(
    event_type: EventType,
    fields: Map<String, Value>,
) -> Result<(EventBody, Map<String, Value>), serde_json::Error> {
    let mut other = fields.clone();
    let fields = Value::Object(fields);
    let body = match event_type {
        EventType::Activity => EventBody::Activity(serde_json::from_value(fields)?),
        EventType::Heartbeat => EventBody::Heartbeat(serde_json::from_value(fields)?),
        EventType::Window => EventBody::Window(serde_json::from_value(fields)?),
        EventType::Screenshot => EventBody::Screenshot(serde_json::from_value(fields)?),
        EventType::Custom => EventBody::Custom(serde_json::from_value(fields)?),
        EventType::Gap => EventBody::Gap(serde_json::from_value(fields)?),
    };
    if let Value::Object(known) = serde_json::to_value(&body)? {
        other.retain(|name, _| !known.contains_key(name));
    }
    Ok((body, other))
}
