//! The tables of a run, as Markdown.
//! It must show medians with the least and the most.

use std::fmt::Write as _;

use super::cost::Window;
use super::figures::{Figures, KINDS};
use crate::report::{MEGABYTE, short, spread, target_table};

/// The marks in `docs/performance.md`.
pub(super) const MARKS: (&str, &str) = ("<!-- bench control: begin -->\n", "<!-- bench control: end -->");

/// All tables.
pub(super) fn render(figures: &Figures) -> String {
    let mut text = format!(
        "{}; {}. {} windows of {} s; medians (least–most).\n\n",
        figures.facts.line(),
        figures.versions.join("; "),
        figures.repetitions,
        figures.seconds
    );
    text.push_str(&target_table(&figures.targets()));
    text.push_str("\n| request | CPU µs a request | × nginx | requests/s | busy |\n|---|---|---|---|---|\n");
    for kind in KINDS {
        let (cost, ratio) = (spread(figures.figure(kind, Window::cost)), spread(figures.ratio(kind)));
        let rate = spread(figures.figure(kind, Window::rate));
        let busy = spread(figures.figure(kind, Window::busy));
        let _ = writeln!(text, "| {kind} | {cost} | {ratio} | {rate} | {busy} |");
    }
    let megabytes = |bytes: u64| short(bytes as f64 / MEGABYTE);
    let [median, p99] = figures.registration.map(short);
    let told = figures.told;
    let _ = write!(
        text,
        "\nRegistrations a second: {} of services, {} of instances (p50 {median} ms, p99 {p99} ms).\n\
         Memory: {} MB after the start, {} MB with all records, {} MB after the requests above, {} MB after the restart.\n\
         From a registration to a watcher: median {} ms, p99 {} ms, at most {} ms.\n\
         From the start with all records to the first answer: {} s.\n",
        short(figures.service_rate),
        short(figures.instance_rate),
        megabytes(figures.memory_empty),
        megabytes(figures.memory),
        megabytes(figures.memory_after_load),
        megabytes(figures.memory_restarted),
        short(told.median),
        short(told.p99),
        short(told.most),
        short(figures.restart)
    );
    text
}
