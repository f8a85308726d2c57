//! What is left of what a crate says of the window with the focus.

use std::path::PathBuf;

use crate::hook::WindowFacts;

/// Units of UTF-16 up to which `active-win-pos-rs` reads a title on Windows; a longer one is cut.
const CUT_AT: usize = 254;

/// Units of UTF-16 up to which a title is kept. Nobody reads on, and a title may be of any length.
const LONGEST_TITLE: usize = 4096;

/// What a crate says of the window that it believes to have the focus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WindowClaim {
    pub(crate) title: String,
    pub(crate) app_name: String,
    pub(crate) process_path: PathBuf,
    pub(crate) pid: u64,
}

/// What the system itself says of the window, as far as it does: of the process of
/// another user, or one that is protected, it may say no more than its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WindowReading {
    /// Tells the window from others while it exists.
    pub(crate) window: u64,
    pub(crate) pid: Option<u32>,
    pub(crate) title: Option<String>,
    /// The program's file, with or without the folders before it.
    pub(crate) program: Option<PathBuf>,
}

/// The window with the focus, by both. The system is believed where they differ: the focus
/// may have moved on between the two. `None` where neither knows of a window.
pub(crate) fn facts(
    reading: Option<WindowReading>,
    claim: Option<WindowClaim>,
) -> Option<WindowFacts> {
    let reading = reading?;
    let claim = claim.filter(|claim| is_of(claim, &reading)).unwrap_or_default();
    let named = Some(claim.app_name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    let whole = Some(claim.title).filter(|title| title.encode_utf16().count() < CUT_AT);
    Some(WindowFacts {
        window: reading.window,
        title: reading.title.or(whole.filter(|title| !title.is_empty())),
        app_name: named
            .or_else(|| stem(reading.program))
            .or_else(|| stem(Some(claim.process_path))),
        pid: reading.pid,
    })
}

/// Whether the claim is of the window that was read. A claim without a process is of none:
/// that is how the crate speaks of windows that it cannot see.
fn is_of(claim: &WindowClaim, reading: &WindowReading) -> bool {
    reading.pid.is_some_and(|pid| pid != 0 && u64::from(pid) == claim.pid)
}

fn stem(program: Option<PathBuf>) -> Option<String> {
    let name = program?.file_stem()?.to_string_lossy().trim().to_owned();
    (!name.is_empty()).then_some(name)
}

/// A title from what a system of UTF-16 has stored, which may be half a character or none at
/// all; what cannot be read is replaced. `None` where nothing is left.
pub(crate) fn title_from_utf16(units: &[u16]) -> Option<String> {
    let end = units.iter().position(|&unit| unit == 0).unwrap_or(units.len());
    let mut kept = &units[..end.min(LONGEST_TITLE)];
    // A pair is not cut in two.
    if kept.len() < end && kept.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit)) {
        kept = &kept[..kept.len() - 1];
    }
    let title = String::from_utf16_lossy(kept);
    (!title.trim().is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading() -> WindowReading {
        WindowReading {
            window: 0x10_0A,
            pid: Some(42),
            title: Some("Report - Editor".to_owned()),
            program: Some(PathBuf::from("editor.exe")),
        }
    }

    fn claim() -> WindowClaim {
        WindowClaim {
            title: "Report - Editor".to_owned(),
            app_name: "The Editor".to_owned(),
            process_path: PathBuf::from("editor.exe"),
            pid: 42,
        }
    }

    #[test]
    fn the_crate_names_the_application_and_the_system_tells_the_rest() {
        let facts = facts(Some(reading()), Some(claim())).unwrap();
        assert_eq!(facts.app_name.as_deref(), Some("The Editor"));
        assert_eq!(facts.title.as_deref(), Some("Report - Editor"));
        assert_eq!((facts.window, facts.pid), (0x10_0A, Some(42)));
    }

    #[test]
    fn a_claim_about_another_process_is_not_believed() {
        let other = WindowClaim { pid: 43, ..claim() };
        let facts = facts(Some(reading()), Some(other)).unwrap();
        assert_eq!(facts.app_name.as_deref(), Some("editor"));
    }

    #[test]
    fn an_empty_claim_is_no_window() {
        assert!(facts(None, Some(WindowClaim::default())).is_none());
        let protected = WindowReading { window: 7, ..WindowReading::default() };
        let facts = facts(Some(protected), Some(WindowClaim::default())).unwrap();
        assert_eq!((facts.window, facts.title, facts.app_name, facts.pid), (7, None, None, None));
    }

    #[test]
    fn a_protected_process_keeps_its_window_and_its_title() {
        let protected = WindowReading { program: None, ..reading() };
        let facts = facts(Some(protected), None).unwrap();
        assert_eq!(facts.title.as_deref(), Some("Report - Editor"));
        assert_eq!((facts.app_name, facts.pid), (None, Some(42)));
    }

    #[test]
    fn a_title_that_was_cut_is_not_taken_for_a_whole_one() {
        let untitled = WindowReading { title: None, ..reading() };
        let cut = WindowClaim { title: "x".repeat(CUT_AT), ..claim() };
        assert_eq!(facts(Some(untitled.clone()), Some(cut)).unwrap().title, None);
        assert!(facts(Some(untitled), Some(claim())).unwrap().title.is_some());
    }

    fn any_reading() -> impl Strategy<Value = WindowReading> {
        let text = proptest::option::of(any::<String>());
        (any::<u64>(), any::<Option<u32>>(), text.clone(), text).prop_map(
            |(window, pid, title, program)| WindowReading {
                window,
                pid,
                title,
                program: program.map(PathBuf::from),
            },
        )
    }

    fn any_claim() -> impl Strategy<Value = WindowClaim> {
        (any::<String>(), any::<String>(), any::<String>(), any::<u64>()).prop_map(
            |(title, app_name, program, pid)| WindowClaim {
                title,
                app_name,
                process_path: PathBuf::from(program),
                pid,
            },
        )
    }

    proptest! {
        #[test]
        fn every_title_of_utf16_is_read_whole_up_to_its_limit(
            units in proptest::collection::vec(any::<u16>(), 0..LONGEST_TITLE + 64),
        ) {
            let end = units.iter().position(|&unit| unit == 0).unwrap_or(units.len());
            if let Some(title) = title_from_utf16(&units) {
                prop_assert!(title.encode_utf16().count() <= LONGEST_TITLE);
                prop_assert!(!title.contains('\0'));
                if end <= LONGEST_TITLE {
                    prop_assert_eq!(title, String::from_utf16_lossy(&units[..end]));
                }
            } else {
                prop_assert!(String::from_utf16_lossy(&units[..end]).trim().is_empty());
            }
        }

        #[test]
        fn half_a_character_at_the_end_is_replaced_and_the_rest_kept(text in "[a-z]{1,40}", half in 0xD800_u16..0xE000) {
            let units: Vec<u16> = text.encode_utf16().chain([half]).collect();
            prop_assert_eq!(title_from_utf16(&units), Some(format!("{text}\u{FFFD}")));
        }

        #[test]
        fn a_pair_at_the_limit_is_not_cut_in_two(pairs in 1_usize..40) {
            let title: String = "x".repeat(LONGEST_TITLE - 1) + &"\u{1F600}".repeat(pairs);
            let units: Vec<u16> = title.encode_utf16().collect();
            let kept = title_from_utf16(&units).unwrap_or_default();
            prop_assert_eq!(kept, "x".repeat(LONGEST_TITLE - 1));
        }

        #[test]
        fn whatever_is_claimed_the_window_and_its_process_are_those_that_were_read(
            reading in any_reading(),
            claim in proptest::option::of(any_claim()),
        ) {
            let facts = facts(Some(reading.clone()), claim).unwrap();
            prop_assert_eq!((facts.window, facts.pid), (reading.window, reading.pid));
            if reading.title.is_some() {
                prop_assert_eq!(facts.title, reading.title);
            }
            prop_assert!(facts.app_name.is_none_or(|name| !name.trim().is_empty()));
        }
    }
}
