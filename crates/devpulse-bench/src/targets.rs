//! What it must cost, and whether it does.

use crate::figure::Number;
use crate::results::Results;

/// A target, and the figure that is held against it.
struct Target {
    /// The thing that is aimed at; empty where it is that of the row above.
    what: &'static str,
    figure: &'static str,
    bound: Bound,
    /// A figure of the machine that stands beside it.
    beside: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

const TARGETS: [Target; 15] = [
    at_most("headless agent at rest: processor", "rest.cpu", 0.02, None),
    at_most("", "rest.waits", 6.0, None),
    at_most("", "rest.pss", 15.0, None),
    at_least("durable append, one at a time", "append.one.ratio", 0.8, Some("disk.append")),
    at_least("durable append, grouped", "append.64.ratio", 25.0, Some("disk.append")),
    at_most("", "append.50.written", 1400.0, None),
    at_most("append with many waiting", "backlog.append.ratio", 1.3, None),
    at_least("drain to a loopback server", "drain.rate", 20_000.0, None),
    at_most("", "drain.cpu", 15.0, Some("zstd")),
    at_most("", "drain.wire", 70.0, None),
    at_most("start with 1,000,000 waiting", "start.clean", 0.3, None),
    at_most("", "start.killed", 2.0, None),
    at_most("screenshot 1920x1080", "screenshot.cpu", 60.0, Some("screen.grab")),
    at_most("", "screenshot.wall", 60.0, Some("screen.grab")),
    at_most("", "screenshot.bytes", 120.0, None),
];

const fn at_least(
    what: &'static str,
    figure: &'static str,
    least: f64,
    beside: Option<&'static str>,
) -> Target {
    Target { what, figure, bound: Bound::AtLeast(least), beside }
}

const fn at_most(
    what: &'static str,
    figure: &'static str,
    most: f64,
    beside: Option<&'static str>,
) -> Target {
    Target { what, figure, bound: Bound::AtMost(most), beside }
}

/// The table, its head first.
pub(crate) fn rows(results: &Results) -> Vec<Vec<String>> {
    let head = ["", "figure", "target", "measured", "spread", "beside", "kept"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for target in &TARGETS {
        let Some(figure) = results.figure(target.figure) else { continue };
        let (bound, is_kept) = match target.bound {
            Bound::AtLeast(least) => (format!("{} or more", Number(least)), figure.median >= least),
            Bound::AtMost(most) => (format!("{} or less", Number(most)), figure.median <= most),
        };
        let beside = target.beside.and_then(|name| results.figure(name));
        let beside = beside.map(|beside| format!("{}: {}", beside.what, beside.told()));
        rows.push(vec![
            target.what.to_owned(),
            figure.what.clone(),
            bound,
            figure.told(),
            format!("{} to {}", Number(figure.least), Number(figure.most)),
            beside.unwrap_or_default(),
            if is_kept { "yes" } else { "**no**" }.to_owned(),
        ]);
    }
    rows
}
