//! What Mesher has to reach, beside what it reached.
//! It must judge medians of paired ratios only, the worst scenario standing for all of its row.

use super::number::MEGABYTE;
use crate::instructions::Counts;
use crate::measure::{Results, Summary, Window};
use crate::peers::Kind;

/// Loads in which the cost of a request is judged.
const JUDGED: [&str; 6] = ["64B-20", "64B-100", "64B-1000", "1KiB-20", "1KiB-100", "1KiB-1000"];
const OPEN: &str = "open";
const HUGE: &str = "1MiB-20";
/// Mesher as it is by default.
const OURS: Kind = Kind::Mesher;

/// Which side of the bound is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    AtMost,
    AtLeast,
}

/// A target.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) title: String,
    pub(crate) bound: Bound,
    /// What has to hold.
    pub(crate) must: f64,
    /// What is hoped for.
    pub(crate) goal: f64,
    pub(crate) unit: &'static str,
    /// `None` where it was not measured.
    pub(crate) found: Option<f64>,
    /// The scenario that `found` comes from, where there are several.
    pub(crate) worst: Option<&'static str>,
}

impl Target {
    /// Whether what has to hold does; `None` where it was not measured.
    pub(crate) fn holds(&self) -> Option<bool> {
        self.found.map(|found| self.bound.admits(found, self.must))
    }

    /// The same for what is hoped for.
    pub(crate) fn reaches_goal(&self) -> Option<bool> {
        self.found.map(|found| self.bound.admits(found, self.goal))
    }
}

impl Bound {
    fn admits(self, found: f64, bound: f64) -> bool {
        match self {
            Self::AtMost => found <= bound,
            Self::AtLeast => found >= bound,
        }
    }
}

/// All targets, with what a run found.
pub(crate) fn targets(results: &Results) -> Vec<Target> {
    let mut targets = costs(results);
    targets.push(syscalls(results));
    targets.extend(peers(results));
    targets.extend(instructions(results));
    targets.extend(memory(results));
    targets
}

fn costs(results: &Results) -> Vec<Target> {
    let rows = [
        (Kind::Relay, 1.30, 1.15),
        (Kind::Nginx, 0.90, 0.75),
        (Kind::Haproxy, 0.90, 0.75),
        (Kind::EnvoyMesh, 0.25, 0.20),
    ];
    let row = |(peer, must, goal): (Kind, f64, f64)| {
        let found = worst(|scenario| results.ratio(scenario, (OURS, peer), Window::cost));
        let title = format!("processor time a request, over {}", peer.title());
        target(title, (must, goal), "×", found)
    };
    rows.into_iter().map(row).collect()
}

fn syscalls(results: &Results) -> Target {
    let found = worst(|scenario| results.syscalls(scenario, OURS));
    target("system calls a request, saturated".to_owned(), (4.5, 4.1), "", found)
}

/// The median of the scenario in which it is worst.
fn worst(of: impl Fn(&str) -> Option<Summary>) -> Option<(f64, Option<&'static str>)> {
    let found = JUDGED.into_iter().filter_map(|scenario| Some((of(scenario)?.median, Some(scenario))));
    found.max_by(|(one, _), (other, _)| one.total_cmp(other))
}

fn peers(results: &Results) -> [Target; 2] {
    let pair = (OURS, Kind::Nginx);
    let waiting = results
        .ratio(OPEN, pair, |window| window.latency(crate::measure::Quantile::P99))
        .map(|ratio| (ratio.median, None));
    let throughput = results.ratio(HUGE, pair, Window::rate).map(|ratio| (ratio.median, None));
    let latency =
        target("p99 at half of nginx's saturation, over nginx".to_owned(), (1.2, 1.0), "×", waiting);
    let huge = target("throughput with 1 MiB, over nginx".to_owned(), (1.0, 1.0), "×", throughput);
    [latency, Target { bound: Bound::AtLeast, ..huge }]
}

fn instructions(results: &Results) -> [Target; 3] {
    let counts = results.instructions;
    let title = counts.map_or_else(String::new, |counts| format!(" with {} known services", counts.services));
    let title = format!("more instructions{title}");
    let few = counts.map(|counts| (counts.few_services, None));
    let more = |of: fn(&Counts) -> f64| {
        counts.map(|counts| ((of(&counts) / counts.few_services - 1.0) * 100.0, None))
    };
    let growth = more(|counts| counts.many_services);
    let guarded = more(|counts| counts.guarded);
    [
        target("instructions a request in user mode".to_owned(), (15_000.0, 10_000.0), "", few),
        target(title, (5.0, 1.0), "%", growth),
        target(
            "more instructions with a route, retries, a breaker, a rate limit and least request".to_owned(),
            (15.0, 8.0),
            "%",
            guarded,
        ),
    ]
}

fn memory(results: &Results) -> [Target; 4] {
    let memory = results.memory.as_ref();
    let megabytes = |bytes: u64| (bytes as f64 / MEGABYTE, None);
    let row = |title: &str, bounds, found| target(title.to_owned(), bounds, "MB", found);
    [
        row("memory, idle", (5.0, 3.0), memory.map(|memory| megabytes(memory.idle))),
        row("memory, 1,000 busy connections", (10.0, 6.0), memory.map(|memory| megabytes(memory.busy))),
        row("memory, 9,000 idle connections", (40.0, 20.0), memory.map(|memory| megabytes(memory.waiting))),
        Target {
            unit: "B",
            ..row(
                "memory, each known service without calls",
                (2048.0, 512.0),
                memory.map(|memory| (memory.per_service, None)),
            )
        },
    ]
}

fn target(
    title: String,
    (must, goal): (f64, f64),
    unit: &'static str,
    found: Option<(f64, Option<&'static str>)>,
) -> Target {
    let (found, worst) = found.map_or((None, None), |(found, worst)| (Some(found), worst));
    Target { title, bound: Bound::AtMost, must, goal, unit, found, worst }
}
