use std::os::unix::fs::PermissionsExt as _;

use super::super::tests::{HERE, Keychain, Trouble, credentials, scratch};
use super::super::{Credentials, move_key};
use super::*;
use crate::settings::SecretStoreChoice;

fn keys(home: &Home, store: &Arc<Keychain>) -> Fetched {
    HomeKeys::new(home.clone(), Arc::clone(store) as Arc<dyn SecretStore>).fetch()
}

fn marks(home: &Home, store: &Arc<Keychain>) -> Vec<devpulse_pipeline::vault::KeyMark> {
    keys(home, store).keys.iter().map(PrivateKey::mark).collect()
}

#[test]
fn a_home_without_a_pair_gets_one_that_only_its_owner_can_read() {
    let scratch = scratch();
    let settings = scratch.settings(&[]);
    vault(&settings).unwrap();
    let made = public(&scratch.home).unwrap().mark();
    for path in [scratch.home.log_key(), scratch.home.log_key_public()] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    vault(&settings).unwrap();
    assert_eq!(public(&scratch.home).unwrap().mark(), made, "another one was made");
    assert_eq!(marks(&scratch.home, &Arc::default()), [made]);
    fs::remove_file(scratch.home.log_key_public()).unwrap();
    vault(&settings).unwrap();
    assert_eq!(public(&scratch.home).unwrap().mark(), made, "it follows from the other half");
}

#[test]
fn a_keychain_holds_the_private_half_and_the_home_does_not() {
    let (scratch, keychain) = (scratch(), Arc::<Keychain>::default());
    let home = &scratch.home;
    credentials(HERE).save(home, SecretStoreChoice::Auto, keychain.as_ref()).unwrap();
    rotate(home, keychain.as_ref()).unwrap();
    assert!(!home.log_key().exists());
    assert_eq!(marks(home, &keychain), [public(home).unwrap().mark()]);
    let private = keys(home, &keychain).keys[0].to_bytes();
    let hexadecimal = hexadecimal(&private);
    for entry in fs::read_dir(home.root()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(&hexadecimal));
    }
}

#[test]
fn another_enrollment_makes_another_pair_and_keeps_what_opens_the_former() {
    for choice in [SecretStoreChoice::Auto, SecretStoreChoice::File] {
        let (scratch, keychain) = (scratch(), Arc::<Keychain>::default());
        let home = &scratch.home;
        let mut made = Vec::new();
        for _ in 0..3 {
            credentials(HERE).save(home, choice, keychain.as_ref()).unwrap();
            rotate(home, keychain.as_ref()).unwrap();
            made.insert(0, public(home).unwrap().mark());
            assert_eq!(marks(home, &keychain), made);
        }
    }
}

#[test]
fn the_private_half_moves_with_the_key_of_the_device() {
    let (scratch, keychain) = (scratch(), Arc::<Keychain>::default());
    let home = &scratch.home;
    let save = |choice| credentials(HERE).save(home, choice, keychain.as_ref()).unwrap();
    save(SecretStoreChoice::File);
    rotate(home, keychain.as_ref()).unwrap();
    let made = public(home).unwrap().mark();
    assert!(home.log_key().exists());
    assert!(move_key(home, keychain.as_ref()).unwrap());
    assert!(!home.log_key().exists());
    assert_eq!(marks(home, &keychain), [made]);
    save(SecretStoreChoice::File);
    assert!(home.log_key().exists());
    assert_eq!(marks(home, &Arc::default()), [made]);
    save(SecretStoreChoice::Keyring);
    assert!(!home.log_key().exists());
    assert_eq!(marks(home, &keychain), [made]);
}

#[test]
fn what_a_start_without_the_keychain_made_moves_there_later() {
    let (scratch, keychain) = (scratch(), Arc::<Keychain>::default());
    let home = &scratch.home;
    credentials(HERE).save(home, SecretStoreChoice::Auto, keychain.as_ref()).unwrap();
    rotate(home, keychain.as_ref()).unwrap();
    let first = public(home).unwrap().mark();
    fs::remove_file(home.log_key_public()).unwrap();
    *keychain.trouble.lock().unwrap() = Some(Trouble::Silent);
    let locked = HomeKeys::new(home.clone(), Arc::clone(&keychain) as Arc<dyn SecretStore>);
    let second = locked.restore().unwrap().mark();
    assert_ne!(first, second);
    *keychain.trouble.lock().unwrap() = None;
    assert!(move_key(home, keychain.as_ref()).unwrap());
    assert!(!home.log_key().exists());
    assert_eq!(marks(home, &keychain), [first, second]);
}

#[test]
fn what_is_missing_is_told_in_a_sentence() {
    let (scratch, keychain) = (scratch(), Arc::<Keychain>::default());
    let home = &scratch.home;
    let trouble = || keys(home, &keychain).trouble.map(|locked| locked.to_string());
    let sentence = |cause: &str| Some(format!("{SEALED}: {cause}"));
    let path = home.log_key();
    let missing = format!("the file of its key, {}, is missing", path.display());
    assert_eq!(trouble(), sentence(&missing));
    credentials(HERE).save(home, SecretStoreChoice::File, keychain.as_ref()).unwrap();
    rotate(home, keychain.as_ref()).unwrap();
    assert_eq!(trouble(), None);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = format!("the file of its key, {}: other users can read it", path.display());
    assert_eq!(trouble(), sentence(&open));
    fs::remove_file(&path).unwrap();
    credentials(HERE).save(home, SecretStoreChoice::Keyring, keychain.as_ref()).unwrap();
    assert_eq!(trouble(), sentence("the keychain does not hold its key"));
    *keychain.trouble.lock().unwrap() = Some(Trouble::Silent);
    assert_eq!(trouble(), sentence("the keychain did not answer within 5 s"));
}

#[test]
fn both_halves_go_with_the_credentials() {
    for choice in [SecretStoreChoice::Auto, SecretStoreChoice::File] {
        let (scratch, keychain) = (scratch(), Arc::<Keychain>::default());
        let home = &scratch.home;
        credentials(HERE).save(home, choice, keychain.as_ref()).unwrap();
        rotate(home, keychain.as_ref()).unwrap();
        Credentials::remove(home, keychain.as_ref()).unwrap();
        assert!(!home.log_key().exists() && !home.log_key_public().exists());
        assert!(keys(home, &keychain).keys.is_empty());
    }
}
