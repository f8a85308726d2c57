//! The types of the web view, written out as TypeScript.
//!
//! `UPDATE_BINDINGS=1 cargo test --package devpulse-desktop bindings` writes the file anew.

use std::path::Path;

use ts_rs::{Config, TS};

use crate::standing::{Action, Icon, Standing};
use crate::view::{
    ApplicationTime, Autostart, Band, BandKind, ConsentView, DiagnosticCheck, DiagnosticState,
    Diagnostics, DisclosureSection, DisclosureText, DisclosureTopic, EnrollField, EnrollForm,
    EnrollProblem, Enrolled, Figures, FormerEnrollment, FormerFate, Gathered, GatheredPart,
    ImageView, Outbox, OutboxCounts, OutboxEvent, OutboxRequest, OutboxWhich, Overview, PauseRule,
    PauseView, Person, Presence, Problem, RunState, Screen, SettingRow, SignalView, Span, Stage,
    StageName, StageState, SyncEnd, SyncReport, Today, TodayImage, TrendPoint, Widened,
    WidenedAspect, Wizard,
};

const FILE: &str = "ui/src/bindings.ts";

#[test]
fn the_types_of_the_web_view_are_those_of_the_backend() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let current = bindings();
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == current,
        "{FILE} is stale; write it anew with: \
         UPDATE_BINDINGS=1 cargo test --package devpulse-desktop bindings"
    );
}

fn bindings() -> String {
    let config = Config::new().with_large_int("number");
    let mut text = String::from("// Written by a test of the backend; do not edit.\n");
    macro_rules! write_out {
        ($($name:ident),* $(,)?) => {
            $(
                text.push('\n');
                if let Some(docs) = $name::docs() {
                    text.push_str(&docs);
                }
                text.push_str("export ");
                text.push_str(&$name::decl(&config));
                text.push('\n');
            )*
        };
    }
    write_out!(
        Action,
        ApplicationTime,
        Autostart,
        Band,
        BandKind,
        ConsentView,
        DiagnosticCheck,
        DiagnosticState,
        Diagnostics,
        DisclosureSection,
        DisclosureText,
        DisclosureTopic,
        EnrollField,
        EnrollForm,
        EnrollProblem,
        Enrolled,
        Figures,
        FormerEnrollment,
        FormerFate,
        Gathered,
        GatheredPart,
        Icon,
        ImageView,
        Outbox,
        OutboxCounts,
        OutboxEvent,
        OutboxRequest,
        OutboxWhich,
        Overview,
        PauseRule,
        PauseView,
        Person,
        Presence,
        Problem,
        RunState,
        Screen,
        SettingRow,
        SignalView,
        Span,
        Stage,
        StageName,
        StageState,
        Standing,
        SyncEnd,
        SyncReport,
        Today,
        TodayImage,
        TrendPoint,
        Widened,
        WidenedAspect,
        Wizard
    );
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}
