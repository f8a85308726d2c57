use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_new_home_is_closed_to_others() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::below(&scratch.path().join("deep"));
    home.create().unwrap();
    assert!(home.root().ends_with("deep/.devpulse"));
    assert_eq!(mode(home.root()), 0o700);
}

#[test]
fn an_open_home_is_closed_where_it_is_empty_or_ours() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(scratch.path());
    for own in [None, Some("wal.db")] {
        if let Some(name) = own {
            fs::write(scratch.path().join(name), "").unwrap();
        }
        open_to_all(scratch.path());
        home.create().unwrap();
        assert_eq!(mode(home.root()), 0o700);
    }
}

#[test]
fn a_directory_that_serves_others_is_refused_and_left_as_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("holiday.jpg"), "").unwrap();
    open_to_all(scratch.path());
    let error = Home::at(scratch.path()).create().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the home {} is open to other users and holds files that are not DevPulse's",
            scratch.path().display()
        )
    );
    assert_eq!(error.hint(), "set DEVPULSE_HOME to a directory that serves nothing else");
    assert_eq!(mode(scratch.path()), 0o755);
}

#[test]
fn a_file_is_no_home() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Home::at(file.path()).create().unwrap_err();
    assert_eq!(error.to_string(), format!("the home {} is not a directory", file.path().display()));
    assert_eq!(error.hint(), "set DEVPULSE_HOME to a directory that you can write");
}

#[test]
fn a_home_below_a_file_cannot_be_created() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().join("home");
    let error = Home::at(&path).create().unwrap_err();
    assert_eq!(error.to_string(), format!("the home {} cannot be created", path.display()));
}

#[test]
fn a_home_without_the_right_to_write_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let result = Home::at(scratch.path()).create();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        result.unwrap();
        return;
    }
    let error = result.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the home {} cannot be written", scratch.path().display())
    );
    assert!(error.hint().starts_with("make it writable (chmod u+rwx "));
}

#[test]
fn an_atomic_write_replaces_the_file_and_closes_it_to_others() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("file");
    fs::write(&path, "old").unwrap();
    open_to_all(&path);
    atomic_write(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}

#[test]
fn a_failed_atomic_write_leaves_the_old_file() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("occupied");
    fs::create_dir_all(path.join("inside")).unwrap();
    assert!(atomic_write(&path, b"new").is_err());
    assert!(path.join("inside").exists());
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}
