//! What must be true of anything that comes from a server, whatever its bytes. `fuzz/`
//! calls these with what it makes up, `tests/corpus.rs` with what it found.

use serde_json::Value;

use crate::{
    Config, EnrollResponse, Event, EventId, Problem, Receipt, ServerConfig, TokenResponse,
};

/// A receipt that adds up accounts for every event, and for no other.
pub fn receipt(bytes: &[u8]) {
    const MANY: u64 = 10_000;

    let Ok(receipt) = serde_json::from_slice::<Receipt>(bytes) else { return };
    let rejected = receipt.rejected.len() as u64;
    let others = receipt.accepted.saturating_add(receipt.duplicates).min(MANY);
    let mut sent: Vec<EventId> = receipt.rejected.iter().map(|found| found.event_id).collect();
    sent.extend((0..others).map(|_| EventId::new()));
    let batch_id = receipt.batch_id;
    if let Ok(checked) = receipt.clone().check(batch_id, &sent) {
        let (accepted, duplicates) = (checked.receipt().accepted, checked.receipt().duplicates);
        assert_eq!(accepted + duplicates + rejected, sent.len() as u64);
        let one_fewer = &sent[..sent.len().saturating_sub(1)];
        assert!(sent.is_empty() || receipt.check(batch_id, one_fewer).is_err());
    }
}

/// A problem keeps its code, known or not.
pub fn problem(bytes: &[u8]) {
    let Ok(problem) = serde_json::from_slice::<Problem>(bytes) else { return };
    let again = serde_json::to_vec(&problem).expect("a problem can be written");
    assert_eq!(serde_json::from_slice::<Problem>(&again).ok(), Some(problem));
}

/// Whatever a server sets, what is in force is what the table allows, and it says so.
pub fn config(bytes: &[u8]) {
    let Ok(server) = ServerConfig::parse(bytes) else { return };
    let mut config = Config::default();
    for (key, value) in &server.settings {
        config.set(*key, value).expect("a setting that was taken is taken again");
        config.set(*key, &config.get(*key)).expect("a value in force is an allowed one");
    }
}

/// What a server says at enrollment, and when it gives a token.
pub fn enrollment(bytes: &[u8]) {
    if let Ok(response) = serde_json::from_slice::<EnrollResponse>(bytes) {
        let shown = format!("{:?}", response.api_key);
        let long = response.api_key.expose().len() > 8;
        assert!(!long || !shown.contains(response.api_key.expose()), "the key was shown");
        let again = serde_json::to_vec(&response).expect("an answer can be written");
        assert!(serde_json::from_slice::<EnrollResponse>(&again).is_ok());
    }
    if let Ok(response) = serde_json::from_slice::<TokenResponse>(bytes) {
        let again = serde_json::to_vec(&response).expect("an answer can be written");
        assert!(serde_json::from_slice::<TokenResponse>(&again).is_ok());
    }
}

/// An event that was read and written again has lost no field.
pub fn event(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Event>(bytes) else { return };
    let text = serde_json::to_string(&event).expect("an event can be written");
    let again: Event = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(again.header, event.header);
    let written: Value = serde_json::from_str(&text).expect("what was written is JSON");
    let Ok(Value::Object(before)) = serde_json::from_slice(bytes) else { return };
    let lost = before.keys().find(|&key| written.get(key).is_none());
    assert_eq!(lost, None);
}
