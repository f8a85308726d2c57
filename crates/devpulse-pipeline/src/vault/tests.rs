use super::*;

fn key() -> DataKey {
    DataKey::new(1, &[9; 32]).unwrap()
}

fn sealed(key: &DataKey, purpose: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut body = plain.to_vec();
    key.seal(purpose, &mut body).unwrap();
    body
}

#[test]
fn what_was_sealed_opens_for_its_purpose_and_no_other() {
    let key = key();
    let body = sealed(&key, b"here", b"a title");
    assert_eq!(body.len(), b"a title".len() + OVERHEAD);
    let mut opened = body.clone();
    assert!(key.open(b"here", &mut opened));
    assert_eq!(opened, b"a title");
    assert!(!key.open(b"there", &mut body.clone()));
    let mut body = body;
    assert!(!DataKey::new(1, &[8; 32]).unwrap().open(b"here", &mut body));
}

#[test]
fn no_changed_byte_passes() {
    let key = key();
    let body = sealed(&key, b"here", b"a title");
    for index in 0..body.len() {
        let mut changed = body.clone();
        changed[index] ^= 1;
        assert!(!key.open(b"here", &mut changed), "{index}");
    }
    for length in 0..body.len() {
        assert!(!key.open(b"here", &mut body[..length].to_vec()), "{length}");
    }
}

#[test]
fn the_same_is_never_sealed_the_same_way_twice() {
    let key = key();
    let bodies: std::collections::BTreeSet<_> =
        (0..100).map(|_| sealed(&key, b"here", b"a title")).collect();
    assert_eq!(bodies.len(), 100);
}

#[test]
fn a_sealed_key_is_read_back_and_opened_by_its_private_half_only() {
    let private = PrivateKey::generate();
    let (sealed, secret) = SealedKey::make(&private.public()).unwrap();
    let read = SealedKey::parse(&sealed.to_bytes()).unwrap();
    assert_eq!(read, sealed);
    assert_eq!(read.recipient(), private.mark());
    assert_eq!(read.open(&private).unwrap(), secret);
    assert!(read.open(&PrivateKey::generate()).is_none());
}

#[test]
fn a_damaged_sealed_key_is_none() {
    let (sealed, _) = SealedKey::make(&PrivateKey::generate().public()).unwrap();
    let bytes = sealed.to_bytes();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 0x40;
        assert_eq!(SealedKey::parse(&changed), None, "{index}");
    }
    assert_eq!(SealedKey::parse(&[]), None);
}

#[test]
fn a_private_half_is_what_its_bytes_say_and_is_never_printed() {
    let private = PrivateKey::from_bytes(&[7; 32]).unwrap();
    let again = PrivateKey::from_bytes(&private.to_bytes()).unwrap();
    assert_eq!(again.mark(), private.mark());
    assert_eq!(format!("{private:?}"), "PrivateKey(redacted)");
    let public = PublicKey::from_bytes(&private.public().to_bytes()).unwrap();
    assert_eq!(public.mark(), private.mark());
    assert!(PrivateKey::from_bytes(&[7; 31]).is_none());
}

#[test]
fn a_vault_makes_its_key_once_and_keeps_it_before_it_is_used() {
    let home = tempfile::tempdir().unwrap();
    let database = home.path().join("wal.db");
    let vault = KeysAtHand::default().vault(&database);
    assert!(key_file::read(&database).is_empty());
    let session = vault.session().unwrap();
    assert_eq!(vault.session().unwrap().id(), session.id());
    let kept = key_file::read(&database);
    assert_eq!(kept.iter().map(SealedKey::id).collect::<Vec<_>>(), [session.id()]);
    let body = vault.seal_alone(b"here", b"a title").unwrap();
    assert_eq!(key_of(&body), Some(session.id()));

    let later = KeysAtHand::default().vault(&database);
    assert_eq!(later.open_alone(b"here", body.clone()), Err(Unopened::Lost), "nothing is known");
    later.learn([], Vec::new());
    assert!(matches!(later.open_alone(b"here", body.clone()), Err(Unopened::Locked(_))));
    later.unlock().unwrap();
    assert_eq!(later.open_alone(b"here", body.clone()).unwrap(), b"a title");
    assert_eq!(later.open_alone(b"there", body), Err(Unopened::Lost));
    let first = session.id();
    let second = later.session().unwrap().id();
    assert_ne!(first, second);
    assert_eq!(key_file::read(&database).len(), 2, "a new key keeps those before");
}

#[test]
fn what_failed_just_now_is_not_asked_for_again_at_once() {
    let home = tempfile::tempdir().unwrap();
    let database = home.path().join("wal.db");
    KeysAtHand::default().vault(&database).session().unwrap();
    let (asked, source) = (Arc::new(std::sync::atomic::AtomicU32::new(0)), PrivateKey::generate());
    let vault = Vault::new(&database, source.public(), Arc::new(Counting(Arc::clone(&asked))));
    vault.learn([], Vec::new());
    let times = || asked.load(std::sync::atomic::Ordering::Relaxed);
    vault.unlock_now_and_then().unwrap_err();
    vault.unlock_now_and_then().unwrap_err();
    assert_eq!(times(), 1);
    vault.unlock().unwrap_err();
    assert_eq!(times(), 2);
}

#[derive(Debug)]
struct Counting(Arc<std::sync::atomic::AtomicU32>);

impl PrivateKeys for Counting {
    fn fetch(&self) -> Fetched {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Fetched::default()
    }
}
