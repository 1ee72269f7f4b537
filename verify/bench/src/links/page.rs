//! What a run of links found, what has to be reached, and the table of it.
//! It must show what was counted, and nothing that was not.

use serde::{Deserialize, Serialize};

use crate::arguments::Links;
use crate::load::Histogram;
use crate::report::{Bound, Target, short, target_table};
use crate::system::Facts;

/// The marks in `docs/performance.md`.
pub(super) const MARKS: (&str, &str) = ("<!-- bench links: begin -->\n", "<!-- bench links: end -->");
const KIBIBYTE: f64 = 1024.0;

/// A run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    facts: Facts,
    version: String,
    services: usize,
    proxies: usize,
    most: usize,
    changes: usize,
    /// Milliseconds from the sending of a change to a proxy that has it: p50, p95, the most.
    taken: [f64; 3],
    /// The same to the last of all proxies, for each change: p50, the most.
    all: [f64; 2],
    /// The most bytes that one proxy got for one change.
    bytes: usize,
    /// Bytes of memory in the control plane for one proxy.
    pub(super) memory_of_one: f64,
}

impl Figures {
    pub(super) fn new(arguments: &Links, facts: Facts, version: String) -> Self {
        let Links { services, proxies, most, changes, .. } = *arguments;
        Self { facts, version, services, proxies, most, changes, ..Self::default() }
    }

    pub(super) fn took(&mut self, taken: &Histogram, all: &Histogram, bytes: usize) {
        let milliseconds = |histogram: &Histogram, share| histogram.quantile(share).as_secs_f64() * 1e3;
        self.taken = [0.5, 0.95, 1.0].map(|share| milliseconds(taken, share));
        self.all = [0.5, 1.0].map(|share| milliseconds(all, share));
        self.bytes = bytes;
    }

    fn targets(&self) -> Vec<Target> {
        let target = |title: String, (must, goal), unit, found| Target {
            title,
            bound: Bound::AtMost,
            must,
            goal,
            unit,
            found: Some(found),
            worst: None,
        };
        let proxies = self.proxies;
        vec![
            target(
                format!("change sent → durable, and at {proxies} proxies, p95"),
                (200.0, 50.0),
                "ms",
                self.taken[1],
            ),
            target(
                format!("the same, all of {proxies} proxies, every change"),
                (1_000.0, 200.0),
                "ms",
                self.all[1],
            ),
            target(
                format!(
                    "bytes to one proxy for one changed rule of {} services",
                    short(self.services as f64)
                ),
                (2_048.0, 500.0),
                "B",
                self.bytes as f64,
            ),
            target(
                format!("control plane: memory for each of {} linked proxies", short(self.most as f64)),
                (64.0, 20.0),
                "KiB",
                self.memory_of_one / KIBIBYTE,
            ),
        ]
    }
}

/// The table.
pub(super) fn render(figures: &Figures) -> String {
    let [median, p95, most] = figures.taken.map(short);
    let [all_median, all_most] = figures.all.map(short);
    format!(
        "{}; {}. {} changes, one after the other.\n\n{}\nFrom the sending of a change to a proxy: median {median} ms, p95 {p95} ms, at most \
         {most} ms; to the last of all: median {all_median} ms, at most {all_most} ms.\n",
        figures.facts.line(),
        figures.version,
        figures.changes,
        target_table(&figures.targets())
    )
}
