use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Mutex;

use super::*;
use crate::home::atomic_write;
use crate::settings::Sources;

/// A keychain that a test can take away.
#[derive(Default)]
pub(super) struct Keychain {
    items: Mutex<BTreeMap<String, Secrets>>,
    pub(super) trouble: Mutex<Option<Trouble>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Absent,
    Silent,
}

impl Keychain {
    fn in_trouble(trouble: Trouble) -> Self {
        Self { trouble: Mutex::new(Some(trouble)), ..Self::default() }
    }

    fn check(&self) -> Result<(), SecretStoreError> {
        match *self.trouble.lock().unwrap() {
            None => Ok(()),
            Some(Trouble::Absent) => Err(SecretStoreError::Absent),
            Some(Trouble::Silent) => Err(SecretStoreError::TimedOut(5)),
        }
    }
}

impl SecretStore for Keychain {
    fn is_present(&self) -> bool {
        *self.trouble.lock().unwrap() != Some(Trouble::Absent)
    }

    fn put(&self, item: &str, secrets: &Secrets) -> Result<(), SecretStoreError> {
        self.check()?;
        self.items.lock().unwrap().insert(item.to_owned(), secrets.clone());
        Ok(())
    }

    fn get(&self, item: &str) -> Result<Option<Secrets>, SecretStoreError> {
        self.check()?;
        Ok(self.items.lock().unwrap().get(item).cloned())
    }

    fn remove(&self, item: &str) -> Result<(), SecretStoreError> {
        self.check()?;
        self.items.lock().unwrap().remove(item);
        Ok(())
    }
}

pub(super) struct Scratch {
    directory: tempfile::TempDir,
    pub(super) home: Home,
}

pub(super) fn scratch() -> Scratch {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::at(directory.path());
    Scratch { directory, home }
}

impl Scratch {
    pub(super) fn settings(&self, environment: &[(&str, &str)]) -> Settings {
        let pairs =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::load(&Sources {
            environment: pairs.collect(),
            has_credentials: self.home.credentials().exists(),
            identity: DeviceIdentity::peek(&self.home),
            ..Sources::none(self.home.clone())
        })
        .unwrap()
    }

    fn load(&self, store: &dyn SecretStore) -> Result<Enrollment, CredentialsError> {
        Enrollment::load(&self.settings(&[]), store)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.home.credentials()).unwrap()
    }
}

pub(super) fn credentials(server: &str) -> Credentials {
    Credentials {
        identity: DeviceIdentity {
            server_url: ServerUrl::parse(server, PlainHttp::Anywhere).unwrap(),
            device_id: DeviceId::new("dev-1"),
            user_id: Some(UserId::new("user-1")),
            username: Username::new("ada"),
            issued_at: Some(Timestamp::from_millis(0)),
            expires_at: None,
        },
        api_key: ApiKey::new("hunter2"),
    }
}

pub(super) const HERE: &str = "https://devpulse.example";

#[test]
fn without_a_file_the_device_is_not_enrolled() {
    let scratch = scratch();
    assert!(matches!(scratch.load(&Keychain::default()), Ok(Enrollment::NotEnrolled)));
    assert!(Enrollment::NotEnrolled.identity().is_none());
}

#[test]
fn the_file_holds_what_the_contract_says_and_is_closed_to_others() {
    let scratch = scratch();
    let kept_in = credentials(HERE)
        .save(&scratch.home, SecretStoreChoice::File, &Keychain::default())
        .unwrap();
    assert_eq!(kept_in, KeptIn::File);
    let json: serde_json::Value = serde_json::from_str(&scratch.text()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "server_url": "https://devpulse.example", "device_id": "dev-1", "user_id": "user-1",
            "username": "ada", "issued_at": "1970-01-01T00:00:00.000Z", "expires_at": null,
            "secret_store": "file", "api_key": "hunter2",
        })
    );
    assert_eq!(fs::metadata(scratch.home.credentials()).unwrap().mode() & 0o777, 0o600);
    let Ok(Enrollment::Enrolled(loaded)) = scratch.load(&Keychain::default()) else { panic!() };
    assert_eq!(loaded, credentials(HERE));
}

#[test]
fn a_keychain_that_answers_gets_the_key_and_the_file_does_not() {
    for choice in [SecretStoreChoice::Auto, SecretStoreChoice::Keyring] {
        let (scratch, keychain) = (scratch(), Keychain::default());
        let kept_in = credentials(HERE).save(&scratch.home, choice, &keychain).unwrap();
        assert_eq!(kept_in, KeptIn::Keyring);
        assert!(!scratch.text().contains("hunter2") && !scratch.text().contains("api_key"));
        let Ok(Enrollment::Enrolled(loaded)) = scratch.load(&keychain) else { panic!() };
        assert_eq!(loaded, credentials(HERE));
    }
}

#[test]
fn without_a_keychain_auto_uses_the_file_and_keyring_fails() {
    for (trouble, message) in [
        (Trouble::Absent, "the device's key is not in the keychain: this session has no keychain"),
        (
            Trouble::Silent,
            "the device's key is not in the keychain: the keychain did not answer within 5 s",
        ),
    ] {
        let (scratch, keychain) = (scratch(), Keychain::in_trouble(trouble));
        let error = credentials(HERE)
            .save(&scratch.home, SecretStoreChoice::Keyring, &keychain)
            .unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(
            error.hint().as_deref(),
            Some("unlock the keychain, or keep the key in a file: DEVPULSE_SECRET_STORE=file")
        );
        assert!(!scratch.home.credentials().exists());
        let kept_in =
            credentials(HERE).save(&scratch.home, SecretStoreChoice::Auto, &keychain).unwrap();
        assert_eq!(kept_in, KeptIn::File);
    }
}

#[test]
fn a_keychain_that_is_locked_later_leaves_the_device_enrolled_without_its_key() {
    let (scratch, keychain) = (scratch(), Keychain::default());
    credentials(HERE).save(&scratch.home, SecretStoreChoice::Auto, &keychain).unwrap();
    *keychain.trouble.lock().unwrap() = Some(Trouble::Silent);
    let enrollment = scratch.load(&keychain).unwrap();
    assert_eq!(enrollment.identity(), Some(&credentials(HERE).identity));
    assert!(matches!(enrollment, Enrollment::KeyUnavailable { .. }));
    let emptied = Keychain::default();
    let Ok(Enrollment::KeyUnavailable { error, .. }) = scratch.load(&emptied) else { panic!() };
    assert_eq!(error.to_string(), "the keychain does not hold the device's key");
}

#[test]
fn removing_credentials_removes_the_key_from_the_keychain_too() {
    let (scratch, keychain) = (scratch(), Keychain::default());
    credentials(HERE).save(&scratch.home, SecretStoreChoice::Auto, &keychain).unwrap();
    Credentials::remove(&scratch.home, &keychain).unwrap();
    assert!(!scratch.home.credentials().exists());
    assert!(keychain.items.lock().unwrap().is_empty());
    Credentials::remove(&scratch.home, &keychain).unwrap();
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let scratch = scratch();
    credentials(HERE).save(&scratch.home, SecretStoreChoice::File, &Keychain::default()).unwrap();
    let path = scratch.home.credentials();
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = scratch.load(&Keychain::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the credentials file {} can be read by other users", path.display())
        );
        assert_eq!(error.hint(), Some(format!("close it: chmod 600 {}", path.display())));
    }
}

#[test]
fn a_damaged_file_is_refused_without_showing_it() {
    let scratch = scratch();
    let path = scratch.home.credentials();
    for (text, line) in [
        ("", 1),
        ("{\n\"api_key\": \"hunter2\",\n\"device_id\": 5}", 3),
        (
            "{\"server_url\": \"gopher://x\", \"device_id\": \"d\", \"username\": \"u\", \
             \"secret_store\": \"file\", \"api_key\": \"hunter2\"}",
            1,
        ),
        (
            "{\"server_url\": \"https://x\", \"device_id\": \"d\", \"username\": \"u\", \
             \"secret_store\": \"file\"}",
            1,
        ),
    ] {
        atomic_write(&path, text.as_bytes()).unwrap();
        let error = scratch.load(&Keychain::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the credentials file {} is damaged at line {line}", path.display())
        );
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(error.hint().as_deref(), Some("enroll again: devpulse-client enroll --force"));
    }
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    let scratch = scratch();
    let path = scratch.home.credentials();
    fs::create_dir_all(path.join("inside")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let error = scratch.load(&Keychain::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the credentials file {} cannot be read", path.display())
    );
    let error = credentials(HERE)
        .save(&scratch.home, SecretStoreChoice::File, &Keychain::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the credentials file {} cannot be written", path.display())
    );
    assert!(scratch.directory.path().exists());
}

#[test]
fn key_device_and_server_in_the_environment_stand_in_for_the_file() {
    let scratch = scratch();
    let all = [
        ("DEVPULSE_API_KEY", "hunter2"),
        ("DEVPULSE_CLIENT_ID", "dev-9"),
        ("DEVPULSE_SERVER_URL", "https://elsewhere.example"),
        ("DEVPULSE_USERNAME", "grace"),
    ];
    credentials(HERE).save(&scratch.home, SecretStoreChoice::File, &Keychain::default()).unwrap();
    let settings = scratch.settings(&all);
    let Ok(Enrollment::Enrolled(found)) = Enrollment::load(&settings, &Keychain::default()) else {
        panic!()
    };
    assert_eq!(found.identity.device_id.as_str(), "dev-9");
    assert_eq!(found.identity.username.as_str(), "grace");
    assert_eq!(found.api_key.expose(), "hunter2");
    found.identity.check_server(&settings).unwrap();

    for missing in ["DEVPULSE_CLIENT_ID", "DEVPULSE_SERVER_URL"] {
        let rest: Vec<_> = all.into_iter().filter(|(name, _)| *name != missing).collect();
        let error = Enrollment::load(&scratch.settings(&rest), &Keychain::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("DEVPULSE_API_KEY is set without {missing}"));
        assert_eq!(
            error.hint().as_deref(),
            Some(
                "DEVPULSE_API_KEY, DEVPULSE_CLIENT_ID and DEVPULSE_SERVER_URL stand in for an \
                 enrollment only together"
            )
        );
    }
}

#[test]
fn a_key_goes_only_to_the_origin_that_issued_it() {
    let scratch = scratch();
    let enrolled = credentials(HERE);
    enrolled.save(&scratch.home, SecretStoreChoice::File, &Keychain::default()).unwrap();
    let check = |server| {
        enrolled.identity.check_server(&scratch.settings(&[("DEVPULSE_SERVER_URL", server)]))
    };
    enrolled.identity.check_server(&scratch.settings(&[])).unwrap();
    check("https://DEVPULSE.example:443/below").unwrap();
    for other in ["https://devpulse.example:8443", "https://evil.example", "http://localhost"] {
        let error = check(other).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{other} (set by environment (DEVPULSE_SERVER_URL)) is another server than \
                 https://devpulse.example, where this device is enrolled"
            )
        );
        assert_eq!(
            error.hint(),
            Some(format!("enroll there: devpulse-client enroll --force --server {other}"))
        );
    }
}

#[test]
fn plain_http_to_another_machine_needs_its_permission_each_time() {
    let scratch = scratch();
    let identity = credentials("http://10.0.0.1:8080").identity;
    let error = identity.check_server(&scratch.settings(&[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this device is enrolled at http://10.0.0.1:8080, which is plain http to another machine"
    );
    assert_eq!(
        error.hint().as_deref(),
        Some("permit it with DEVPULSE_ALLOW_HTTP=1, or enroll at an https server")
    );
    identity.check_server(&scratch.settings(&[("DEVPULSE_ALLOW_HTTP", "1")])).unwrap();
}

#[test]
fn a_key_moves_to_a_keychain_that_appears_and_leaves_the_file() {
    let (scratch, keychain) = (scratch(), Keychain::in_trouble(Trouble::Absent));
    let choice = SecretStoreChoice::Auto;
    assert_eq!(credentials(HERE).save(&scratch.home, choice, &keychain).unwrap(), KeptIn::File);
    assert!(move_key(&scratch.home, &keychain).is_err());
    assert_eq!(kept_in(&scratch.home), Some(KeptIn::File));
    *keychain.trouble.lock().unwrap() = None;
    assert!(move_key(&scratch.home, &keychain).unwrap());
    assert_eq!(kept_in(&scratch.home), Some(KeptIn::Keyring));
    let text = fs::read_to_string(scratch.home.credentials()).unwrap();
    assert!(!text.contains("api_key"), "{text}");
    let Ok(Enrollment::Enrolled(loaded)) = scratch.load(&keychain) else { panic!() };
    assert_eq!(loaded, credentials(HERE));
    assert!(!move_key(&scratch.home, &keychain).unwrap(), "nothing is left to move");
}

/// A keychain that takes everything and hands nothing back.
struct Forgetful;

impl SecretStore for Forgetful {
    fn is_present(&self) -> bool {
        true
    }

    fn put(&self, _: &str, _: &Secrets) -> Result<(), SecretStoreError> {
        Ok(())
    }

    fn get(&self, _: &str) -> Result<Option<Secrets>, SecretStoreError> {
        Ok(None)
    }

    fn remove(&self, _: &str) -> Result<(), SecretStoreError> {
        Ok(())
    }
}

#[test]
fn a_key_that_the_keychain_does_not_hand_back_stays_in_the_file() {
    let scratch = scratch();
    credentials(HERE).save(&scratch.home, SecretStoreChoice::File, &Forgetful).unwrap();
    let before = fs::read(scratch.home.credentials()).unwrap();
    assert!(matches!(
        move_key(&scratch.home, &Forgetful),
        Err(CredentialsError::Keychain(SecretStoreError::Damaged))
    ));
    assert_eq!(fs::read(scratch.home.credentials()).unwrap(), before);
}

#[test]
fn a_home_without_credentials_has_no_key_to_move() {
    let (scratch, keychain) = (scratch(), Keychain::default());
    assert!(!move_key(&scratch.home, &keychain).unwrap());
    assert_eq!(kept_in(&scratch.home), None);
}

fn issued(api_key: &str) -> Issued {
    let expires_at = Some(Timestamp::from_millis(9000));
    Issued { api_key: ApiKey::new(api_key), expires_at, order: "order-1".to_owned() }
}

#[test]
fn a_next_key_lies_beside_the_one_in_use_until_it_takes_its_place() {
    for choice in [SecretStoreChoice::File, SecretStoreChoice::Keyring] {
        let scratch = scratch();
        let keychain = std::sync::Arc::new(Keychain::default());
        credentials(HERE).save(&scratch.home, choice, keychain.as_ref()).unwrap();
        let exchange = KeyExchange { home: scratch.home.clone(), store: keychain.clone() };
        let in_use = || match scratch.load(keychain.as_ref()).unwrap() {
            Enrollment::Enrolled(credentials) => credentials.api_key.expose().to_owned(),
            other => panic!("{other:?}"),
        };
        assert!(exchange.next().unwrap().is_none());
        exchange.keep(&issued("next-1")).unwrap();
        exchange.keep(&issued("next-2")).unwrap();
        assert_eq!(in_use(), "hunter2");
        assert_eq!(exchange.next().unwrap().unwrap().api_key.expose(), "next-2");
        assert_eq!(exchange.followed(), None);
        assert_eq!(scratch.text().contains("next-2"), choice == SecretStoreChoice::File);

        exchange.promote().unwrap();
        assert_eq!(in_use(), "next-2");
        assert!(exchange.next().unwrap().is_none());
        assert_eq!(exchange.followed().as_deref(), Some("order-1"));
        let identity = DeviceIdentity::load(&scratch.home).unwrap().unwrap();
        assert_eq!(identity.expires_at, Some(Timestamp::from_millis(9000)));

        exchange.keep(&issued("next-3")).unwrap();
        exchange.forget().unwrap();
        assert!(exchange.next().unwrap().is_none());
        assert_eq!(in_use(), "next-2");
    }
}

#[test]
fn a_key_that_moves_to_the_keychain_takes_the_next_one_along() {
    let scratch = scratch();
    let keychain = std::sync::Arc::new(Keychain::default());
    let file = SecretStoreChoice::File;
    credentials(HERE).save(&scratch.home, file, keychain.as_ref()).unwrap();
    let exchange = KeyExchange { home: scratch.home.clone(), store: keychain.clone() };
    exchange.keep(&issued("next-1")).unwrap();
    assert!(move_key(&scratch.home, keychain.as_ref()).unwrap());
    assert!(!scratch.text().contains("next-1") && !scratch.text().contains("hunter2"));
    assert_eq!(exchange.next().unwrap().unwrap().api_key.expose(), "next-1");
    *keychain.trouble.lock().unwrap() = Some(Trouble::Silent);
    assert!(exchange.next().is_err() && exchange.promote().is_err());
    *keychain.trouble.lock().unwrap() = None;
    exchange.promote().unwrap();
    assert_eq!(key_in(keychain.as_ref(), &scratch.home).unwrap().expose(), "next-1");
}
