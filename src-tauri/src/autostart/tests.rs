use tempfile::TempDir;

use super::*;

struct Home {
    folder: TempDir,
    places: Places,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = |name: &str| file(&folder.path().join(name));
        let places = Places {
            own: config("own"),
            of_plugin: config("own"),
            system: vec![config("first"), config("second")],
        };
        Self { folder, places }
    }

    /// A program whose path has a space.
    fn program(&self) -> Launch {
        let program = self.folder.path().join("my programs").join(NAME);
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, "").unwrap();
        Launch { program }
    }

    fn put(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn without_an_entry_it_is_off() {
    let home = Home::new();
    assert!(!home.places.is_on().unwrap());
    assert!(!home.places.is_stale().unwrap());
}

#[test]
fn what_is_written_is_on_until_it_is_cleared() {
    let home = Home::new();
    home.places.write(&home.program()).unwrap();
    assert!(home.places.is_on().unwrap());
    assert!(!home.places.is_stale().unwrap());
    home.places.clear().unwrap();
    assert!(!home.places.is_on().unwrap());
    assert!(!home.places.own.exists());
    home.places.clear().unwrap();
}

#[test]
fn an_entry_that_the_person_switched_off_elsewhere_is_off() {
    let home = Home::new();
    home.places.write(&home.program()).unwrap();
    let text = std::fs::read_to_string(&home.places.own).unwrap();
    for key in ["Hidden=true", "X-GNOME-Autostart-enabled=false"] {
        std::fs::write(&home.places.own, format!("{text}{key}\n")).unwrap();
        assert!(!home.places.is_on().unwrap(), "{key}");
    }
}

#[test]
fn the_systems_entry_counts_and_is_hidden_when_it_is_switched_off() {
    let home = Home::new();
    Home::put(&home.places.system[1], "[Desktop Entry]\nExec=/usr/bin/app\n");
    assert!(home.places.is_on().unwrap());
    home.places.clear().unwrap();
    assert!(!home.places.is_on().unwrap());
    assert!(std::fs::read_to_string(&home.places.own).unwrap().contains("Hidden=true"));
    home.places.write(&home.program()).unwrap();
    assert!(home.places.is_on().unwrap());
}

#[test]
fn an_entry_is_stale_where_its_program_is_gone_or_its_path_unquoted() {
    let home = Home::new();
    let launch = home.program();
    let unquoted = format!("[Desktop Entry]\nExec={} --hidden\n", launch.program.display());
    Home::put(&home.places.own, &unquoted);
    assert!(home.places.is_stale().unwrap());
    home.places.write(&launch).unwrap();
    assert!(!home.places.is_stale().unwrap());
    std::fs::remove_file(&launch.program).unwrap();
    assert!(home.places.is_stale().unwrap());
    Home::put(&home.places.own, "[Desktop Entry]\nExec=devpulse-desktop\n");
    assert!(!home.places.is_stale().unwrap());
}

#[test]
fn an_entry_that_cannot_be_written_is_told_with_its_path() {
    let home = Home::new();
    Home::put(&home.folder.path().join("own"), "a file where a folder has to be");
    let error = home.places.write(&home.program()).unwrap_err();
    assert!(error.to_string().contains("own/autostart"), "{error}");
}
