//! The real keychain of a session. These need one, so they run by name only:
//!
//! ```text
//! dbus-run-session -- sh -c 'printf test | gnome-keyring-daemon --unlock --components=secrets;
//!     cargo test --package devpulse-agent --test keychain -- --ignored an_unlocked'
//! dbus-run-session -- sh -c 'gnome-keyring-daemon --start --components=secrets;
//!     cargo test --package devpulse-agent --test keychain -- --ignored a_locked'
//! ```

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::time::{Duration, Instant};

use devpulse_agent::credentials::{SecretStore, SecretStoreError, Secrets, SystemKeychain};
use devpulse_protocol::ApiKey;

fn secrets(key: &str) -> Secrets {
    Secrets { api_key: ApiKey::new(key) }
}

#[tokio::test]
#[ignore = "needs a session with an unlocked keychain"]
async fn an_unlocked_keychain_keeps_one_item_for_each_home() {
    let keychain = SystemKeychain::new();
    assert!(keychain.is_present());
    let (here, there) = ("/home/ada/.devpulse test", "/home/grace/.devpulse test");
    assert_eq!(keychain.get(here).unwrap(), None);
    keychain.put(here, &secrets("first")).unwrap();
    keychain.put(here, &secrets("second")).unwrap();
    keychain.put(there, &secrets("other")).unwrap();
    assert_eq!(keychain.get(here).unwrap(), Some(secrets("second")));
    keychain.remove(here).unwrap();
    keychain.remove(here).unwrap();
    assert_eq!(keychain.get(here).unwrap(), None);
    assert_eq!(keychain.get(there).unwrap(), Some(secrets("other")));
    keychain.remove(there).unwrap();
}

#[test]
#[ignore = "needs a session with a locked keychain"]
fn a_locked_keychain_is_given_up_in_time() {
    let keychain = SystemKeychain::new();
    let begun = Instant::now();
    let error = keychain.put("/home/ada/.devpulse test", &secrets("first")).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let expected = matches!(error, SecretStoreError::TimedOut(5) | SecretStoreError::Failed(_));
    assert!(expected, "{error}");
}
