//! The real keychain of a session that each test makes for itself. A session is known by
//! the environment, so the facts run in a process of their own that is started in it.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(clippy::print_stderr, reason = "a test that was skipped has to say so")]
#![cfg(target_os = "linux")]

#[path = "../../../tests/e2e/keyring.rs"]
mod keyring;

use std::process::Command;
use std::time::{Duration, Instant};

use devpulse_agent::credentials::{
    KeychainState, SecretStore, SecretStoreError, Secrets, SystemKeychain, keychain_state,
};
use devpulse_protocol::ApiKey;
use keyring::{Lock, Session};

const HERE: &str = "/home/ada/.devpulse test";

fn secrets(key: &str) -> Secrets {
    Secrets { api_key: ApiKey::new(key), next_api_key: None, log_keys: Vec::new() }
}

/// Runs one of the ignored tests below inside a session.
#[track_caller]
fn inside(session: &Session, fact: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", fact]).env("DBUS_SESSION_BUS_ADDRESS", session.address());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
fn a_keychain_is_asked_in_every_state() {
    let Some(mut session) = Session::start() else { return };
    inside(&session, "a_session_without_a_keychain_says_so");
    session.start_keychain(Lock::Open);
    inside(&session, "an_unlocked_keychain_keeps_one_item_for_each_home");
    session.start_keychain(Lock::Locked);
    inside(&session, "a_locked_keychain_is_given_up_in_time");
    assert!(session.files().exists());
}

#[tokio::test]
#[ignore = "started in a session of its own"]
async fn a_session_without_a_keychain_says_so() {
    assert_eq!(keychain_state().await, KeychainState::NotRunning);
    let refused = tokio::task::spawn_blocking(|| SystemKeychain::new().get(HERE)).await.unwrap();
    assert!(matches!(refused, Err(SecretStoreError::Failed(_))), "{refused:?}");
}

#[tokio::test]
#[ignore = "started in a session of its own"]
async fn an_unlocked_keychain_keeps_one_item_for_each_home() {
    let keychain = SystemKeychain::new();
    assert!(keychain.is_present());
    assert_eq!(keychain_state().await, KeychainState::Unlocked);
    let there = "/home/grace/.devpulse test";
    assert_eq!(keychain.get(HERE).unwrap(), None);
    keychain.put(HERE, &secrets("first")).unwrap();
    keychain.put(HERE, &secrets("second")).unwrap();
    keychain.put(there, &secrets("other")).unwrap();
    assert_eq!(keychain.get(HERE).unwrap(), Some(secrets("second")));
    keychain.remove(HERE).unwrap();
    keychain.remove(HERE).unwrap();
    assert_eq!(keychain.get(HERE).unwrap(), None);
    assert_eq!(keychain.get(there).unwrap(), Some(secrets("other")));
    keychain.remove(there).unwrap();
}

#[tokio::test]
#[ignore = "started in a session of its own"]
async fn a_locked_keychain_is_given_up_in_time() {
    assert_eq!(keychain_state().await, KeychainState::Locked);
    let keychain = SystemKeychain::new();
    let begun = Instant::now();
    let error = keychain.put(HERE, &secrets("first")).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let expected = matches!(error, SecretStoreError::TimedOut(5) | SecretStoreError::Failed(_));
    assert!(expected, "{error}");
    assert!(!format!("{error:?}").contains("first"));
}
