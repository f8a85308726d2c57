use devpulse_protocol::{Config, Rule, RuleAction, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> Moment {
    Moment { mono: Duration::ZERO, wall: Timestamp::from_millis(1_000_000_000) }
        .plus(Duration::from_millis(millis))
}

fn facts(window: u64, title: &str) -> WindowFacts {
    WindowFacts {
        window,
        title: Some(title.to_owned()),
        app_name: Some(format!("App{window}")),
        pid: Some(100 + window as u32),
    }
}

fn policy() -> CapturePolicy {
    let mut policy = CapturePolicy::from_config(&Config::default(), [0; 32]);
    policy.window.builtin_rules = false;
    policy
}

fn tracker() -> Tracker {
    Tracker::new(&policy())
}

/// Title, start and end in milliseconds of each session.
fn spans(ends: &[SessionEnd]) -> Vec<(String, u64, u64)> {
    let millis = |time: Timestamp| time.since(at(0).wall).as_millis() as u64;
    ends.iter()
        .map(|end| {
            let window = &end.window;
            let (start, stop) = (millis(window.start_time), millis(window.end_time));
            assert_eq!(end.at.wall, window.end_time);
            assert!(((stop - start) as f64 / 1000.0 - window.duration).abs() < 1e-9);
            (window.window_title.clone().unwrap_or_default(), start, stop)
        })
        .collect()
}

fn span(title: &str, start: u64, end: u64) -> (String, u64, u64) {
    (title.to_owned(), start, end)
}

#[test]
fn a_session_ends_when_the_focus_moves_and_the_next_begins_there() {
    let mut tracker = tracker();
    assert!(tracker.window(facts(1, "one"), at(1_000)).is_empty());
    let ends = tracker.window(facts(2, "two"), at(4_000));
    assert_eq!(spans(&ends), [span("one", 1_000, 4_000)]);
    assert_eq!(ends[0].window.app_name.as_deref(), Some("App1"));
    assert_eq!(ends[0].window.pid, Some(101));

    let next = ends[0].checkpoint.session().unwrap().clone();
    assert_eq!(next.window_title.as_deref(), Some("two"));
    assert_eq!((next.start_time, next.last_seen), (at(4_000).wall, at(4_000).wall));
    let ends = tracker.hold(Hold::Paused, at(9_000));
    assert_eq!(spans(&ends), [span("two", 4_000, 9_000)]);
    assert_eq!(ends[0].event_id, next.event_id);
    assert_eq!(ends[0].checkpoint, CheckpointUpdate::Clear);
}

#[test]
fn a_moment_without_focus_during_a_switch_is_no_gap() {
    let mut tracker = tracker();
    tracker.window(facts(1, "one"), at(0));
    assert!(tracker.no_window(at(3_000)).is_empty());
    let ends = tracker.window(facts(2, "two"), at(3_100));
    assert_eq!(spans(&ends), [span("one", 0, 3_000)]);
    assert_eq!(spans(&tracker.lost(at(5_000))), [span("two", 3_000, 5_000)]);
}

#[test]
fn focus_that_returns_at_once_never_left() {
    let mut tracker = tracker();
    tracker.window(facts(1, "one"), at(0));
    tracker.no_window(at(3_000));
    assert!(tracker.window(facts(1, "one"), at(3_149)).is_empty());
    assert_eq!(spans(&tracker.lost(at(5_000))), [span("one", 0, 5_000)]);
}

#[test]
fn no_focus_that_lasts_ends_the_session_when_it_began() {
    let mut tracker = tracker();
    tracker.window(facts(1, "one"), at(0));
    tracker.no_window(at(3_000));
    assert_eq!(tracker.deadline(), Some(Duration::from_millis(3_150)));
    assert!(tracker.tick(at(3_149)).is_empty());
    let ends = tracker.tick(at(3_150));
    assert_eq!(spans(&ends), [span("one", 0, 3_000)]);
    assert_eq!(ends[0].checkpoint, CheckpointUpdate::Clear);
    assert_eq!(tracker.deadline(), None);
    tracker.window(facts(1, "one"), at(7_000));
    assert_eq!(spans(&tracker.lost(at(8_000))), [span("one", 7_000, 8_000)]);
}

#[test]
fn a_title_that_settles_begins_its_session_when_it_appeared() {
    let mut tracker = tracker();
    tracker.window(facts(1, "draft"), at(0));
    assert!(tracker.window(facts(1, "final"), at(2_000)).is_empty());
    assert_eq!(tracker.deadline(), Some(Duration::from_millis(2_500)));
    assert_eq!(spans(&tracker.tick(at(2_500))), [span("draft", 0, 2_000)]);
    assert_eq!(spans(&tracker.lost(at(4_000))), [span("final", 2_000, 4_000)]);
}

#[test]
fn a_title_that_flaps_back_never_changed() {
    let mut tracker = tracker();
    tracker.window(facts(1, "inbox"), at(0));
    for second in 1..60 {
        assert!(tracker.window(facts(1, "* inbox"), at(second * 1_000)).is_empty());
        assert!(tracker.window(facts(1, "inbox"), at(second * 1_000 + 400)).is_empty());
    }
    assert_eq!(spans(&tracker.lost(at(60_000))), [span("inbox", 0, 60_000)]);
}

#[test]
fn a_title_that_never_stands_still_is_taken_after_a_while() {
    let mut tracker = tracker();
    tracker.window(facts(1, "idle"), at(0));
    let mut ends = Vec::new();
    for step in 0..100 {
        ends.extend(tracker.window(facts(1, &format!("{step} %")), at(10_000 + step * 200)));
    }
    ends.extend(tracker.lost(at(30_000)));
    let spans = spans(&ends);
    assert_eq!(spans[0], span("idle", 0, 10_000));
    assert!(spans.len() <= 6, "{spans:?}");
    assert_eq!(spans.last().unwrap().2, 30_000);
}

#[test]
fn a_new_window_takes_the_title_that_it_settles_on() {
    let mut tracker = tracker();
    tracker.window(facts(1, "one"), at(0));
    tracker.window(facts(2, "loading"), at(5_000));
    assert!(tracker.window(facts(2, "page"), at(5_200)).is_empty());
    assert_eq!(spans(&tracker.lost(at(9_000))), [span("page", 5_000, 9_000)]);
}

#[test]
fn a_change_of_focus_settles_the_title_before_it() {
    let mut tracker = tracker();
    tracker.window(facts(1, "draft"), at(0));
    tracker.window(facts(1, "final"), at(2_000));
    let ends = tracker.window(facts(2, "two"), at(2_300));
    assert_eq!(spans(&ends), [span("draft", 0, 2_000), span("final", 2_000, 2_300)]);
    let between = ends[0].checkpoint.session().unwrap();
    assert_eq!(between.event_id, ends[1].event_id);
    assert_eq!(between.last_seen, at(2_300).wall);
    assert_eq!(ends[1].checkpoint.session().unwrap().window_title.as_deref(), Some("two"));
}

#[test]
fn a_long_session_is_reported_in_pieces_that_lose_no_time() {
    let mut policy = policy();
    policy.longest_piece = Duration::from_secs(10);
    let mut tracker = Tracker::new(&policy);
    tracker.window(facts(1, "one"), at(0));
    assert_eq!(tracker.deadline(), Some(Duration::from_secs(10)));
    let mut ends = tracker.tick(at(10_050));
    assert_eq!(spans(&ends), [span("one", 0, 10_000)]);
    let rest = ends[0].checkpoint.session().unwrap().clone();
    assert_eq!((rest.start_time, rest.last_seen), (at(10_000).wall, at(10_050).wall));
    ends.extend(tracker.lost(at(35_000)));
    assert_eq!(
        spans(&ends)[1..],
        [span("one", 10_000, 20_000), span("one", 20_000, 30_000), span("one", 30_000, 35_000)]
    );
    assert_eq!(ends[1].event_id, rest.event_id);
}

#[test]
fn the_checkpoint_follows_the_open_session() {
    let mut tracker = tracker();
    assert_eq!(tracker.checkpoint(at(0)), CheckpointUpdate::Clear);
    tracker.window(facts(1, "one"), at(1_000));
    let checkpoint = tracker.checkpoint(at(61_000));
    let open = checkpoint.session().unwrap();
    assert_eq!((open.last_seen, open.duration_s), (at(61_000).wall, 60.0));
    tracker.no_window(at(62_000));
    let checkpoint = tracker.checkpoint(at(62_100));
    assert_eq!(checkpoint.session().unwrap().last_seen, at(62_000).wall);
}

#[test]
fn short_stays_are_not_reported_and_not_recovered() {
    let mut policy = policy();
    policy.window.min_duration = Duration::from_secs(2);
    let mut tracker = Tracker::new(&policy);
    tracker.window(facts(1, "one"), at(0));
    let ends = tracker.window(facts(2, "two"), at(3_000));
    assert_eq!(spans(&ends), [span("one", 0, 3_000)]);
    assert_eq!(ends[0].checkpoint, CheckpointUpdate::Clear);
    assert!(tracker.window(facts(1, "one"), at(4_000)).is_empty());
    assert!(tracker.checkpoint(at(6_000)).session().is_some());
}

#[test]
fn a_window_that_a_rule_drops_is_counted_and_nothing_else() {
    let mut policy = policy();
    policy.window.rules =
        vec![Rule { app: Some("^App2$".into()), title: None, action: RuleAction::Drop }];
    let mut tracker = Tracker::new(&policy);
    tracker.window(facts(1, "one"), at(0));
    let ends = tracker.window(facts(2, "secret"), at(1_000));
    assert_eq!(ends[0].checkpoint, CheckpointUpdate::Clear);
    assert_eq!(tracker.checkpoint(at(1_500)), CheckpointUpdate::Clear);
    assert!(tracker.window(facts(1, "one"), at(2_000)).is_empty());
    assert_eq!(tracker.withheld(), 1);
    assert_eq!(spans(&tracker.lost(at(3_000))), [span("one", 2_000, 3_000)]);
}

#[test]
fn a_policy_that_hides_titles_cuts_the_open_session_and_one_that_changes_nothing_does_not() {
    let mut tracker = tracker();
    tracker.window(facts(1, "one"), at(0));
    let mut policy = policy();
    policy.idle_threshold = Duration::from_secs(7);
    assert!(tracker.apply(&policy, at(1_000)).is_empty());
    policy.window.title_policy = devpulse_protocol::TitlePolicy::AppOnly;
    assert_eq!(spans(&tracker.apply(&policy, at(2_000))), [span("one", 0, 2_000)]);
    policy.window.enabled = false;
    assert_eq!(spans(&tracker.apply(&policy, at(3_000))), [span("", 2_000, 3_000)]);
    assert!(tracker.window(facts(2, "two"), at(4_000)).is_empty());
    policy.window.enabled = true;
    assert!(tracker.apply(&policy, at(5_000)).is_empty());
    let ends = tracker.lost(at(6_000));
    assert_eq!(spans(&ends), [span("", 5_000, 6_000)]);
    assert_eq!(ends[0].window.app_name.as_deref(), Some("App2"));
}

#[test]
fn sessions_go_on_only_when_nothing_holds_them_any_more() {
    let mut tracker = tracker();
    tracker.window(facts(1, "one"), at(0));
    assert_eq!(tracker.hold(Hold::Locked, at(1_000)).len(), 1);
    assert!(tracker.hold(Hold::Suspended, at(2_000)).is_empty());
    tracker.release(Hold::Suspended, at(3_000));
    assert!(tracker.window(facts(2, "two"), at(4_000)).is_empty());
    tracker.release(Hold::Locked, at(5_000));
    assert_eq!(spans(&tracker.lost(at(6_000))), [span("two", 5_000, 6_000)]);
}

#[derive(Clone, Debug)]
enum Step {
    Window(u64, u64),
    Nowhere,
    Tick,
    Hold,
    Release,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let step = prop_oneof![
        6 => (0..3u64, 0..3u64).prop_map(|(window, title)| Step::Window(window, title)),
        2 => Just(Step::Nowhere),
        2 => Just(Step::Tick),
        1 => Just(Step::Hold),
        1 => Just(Step::Release),
    ];
    let wait = prop_oneof![0..200u64, 100..700u64, 5_000..30_000u64];
    proptest::collection::vec((wait, step), 1..60)
}

/// The focused time as a plain sum: from each change to the next one, a gap counted in where
/// another window took the focus within the grace.
#[derive(Default)]
struct Reference {
    focused_since: Option<u64>,
    gap_since: Option<u64>,
    window: bool,
    held: bool,
    total: u64,
}

impl Reference {
    fn step(&mut self, now: u64, step: &Step) {
        let grace = NO_FOCUS_GRACE.as_millis() as u64;
        if let Some(gap) = self.gap_since
            && now - gap >= grace
        {
            self.stop(gap);
        }
        match step {
            Step::Window(..) => {
                self.window = true;
                self.gap_since = None;
                if !self.held {
                    self.focused_since.get_or_insert(now);
                }
            }
            Step::Nowhere => {
                self.window = false;
                if self.focused_since.is_some() {
                    self.gap_since.get_or_insert(now);
                }
            }
            Step::Tick => {}
            Step::Hold => {
                self.stop(self.gap_since.unwrap_or(now));
                self.held = true;
            }
            Step::Release => {
                self.held = false;
                if self.window {
                    self.focused_since.get_or_insert(now);
                }
            }
        }
    }

    fn stop(&mut self, now: u64) {
        self.gap_since = None;
        if let Some(since) = self.focused_since.take() {
            self.total += now - since;
        }
    }
}

proptest! {
    #[test]
    fn sessions_follow_each_other_cover_all_focused_time_and_end_where_something_changed(
        steps in steps(),
        longest in prop_oneof![Just(900_000u64), 300..5_000u64],
    ) {
        let mut policy = policy();
        policy.longest_piece = Duration::from_millis(longest);
        let mut tracker = Tracker::new(&policy);
        let mut reference = Reference::default();
        let mut ends = Vec::new();
        let mut changes = vec![];
        let mut now = 0;
        for (wait, step) in &steps {
            now += wait;
            changes.push(now);
            reference.step(now, step);
            ends.extend(match step {
                Step::Window(window, title) => {
                    tracker.window(facts(*window, &title.to_string()), at(now))
                }
                Step::Nowhere => tracker.no_window(at(now)),
                Step::Tick => tracker.tick(at(now)),
                Step::Hold => tracker.hold(Hold::Locked, at(now)),
                Step::Release => {
                    tracker.release(Hold::Locked, at(now));
                    Vec::new()
                }
            });
        }
        now += 1_000;
        reference.step(now, &Step::Hold);
        ends.extend(tracker.hold(Hold::Locked, at(now)));
        changes.push(now);

        let spans = spans(&ends);
        for pair in spans.windows(2) {
            prop_assert!(pair[0].2 <= pair[1].1, "{spans:?}");
        }
        let ids: std::collections::HashSet<_> = ends.iter().map(|end| end.event_id).collect();
        prop_assert_eq!(ids.len(), ends.len());
        prop_assert_eq!(spans.iter().map(|span| span.2 - span.1).sum::<u64>(), reference.total);
        for span in &spans {
            let full_piece = span.2 - span.1 == longest;
            prop_assert!(span.2 - span.1 <= longest);
            prop_assert!(full_piece || changes.contains(&span.2), "{span:?} {changes:?}");
        }
    }

    #[test]
    fn the_deadline_always_lies_ahead_once_it_was_served(steps in steps()) {
        let mut policy = policy();
        policy.longest_piece = Duration::from_millis(1_700);
        let mut tracker = Tracker::new(&policy);
        let mut now = 0;
        for (wait, step) in &steps {
            now += wait;
            if let Step::Window(window, title) = step {
                tracker.window(facts(*window, &title.to_string()), at(now));
            } else if let Step::Nowhere = step {
                tracker.no_window(at(now));
            }
            tracker.tick(at(now));
            if let Some(deadline) = tracker.deadline() {
                prop_assert!(deadline > at(now).mono, "{deadline:?} at {now}");
            }
        }
    }
}
