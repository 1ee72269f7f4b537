//! The tables of a run, as Markdown.
//! It must name whatever is missing: an empty cell is a dash, a left-out part a line.

use std::fmt::Write as _;

use super::number::{ABSENT, MEGABYTE, median, short, spread};
use super::targets::{Bound, Target, targets};
use crate::measure::{Quantile, Results, Scenario, Window, find_scenario};
use crate::peers::Kind;

/// The proxies that the others are related to.
const YARDSTICKS: [(Kind, &str); 4] = [
    (Kind::Relay, "relay"),
    (Kind::Nginx, "nginx"),
    (Kind::Haproxy, "HAProxy"),
    (Kind::EnvoyMesh, "Envoy mesh"),
];
/// The share of the time in which a saturated proxy runs.
const SATURATED: f64 = 0.9;

/// All tables.
pub(super) fn render(results: &Results) -> String {
    let mut text = conditions(results);
    text.push_str("\n### Targets\n\n");
    text.push_str(&target_table(&targets(results)));
    for scenario in scenarios(results) {
        let _ = write!(text, "\n### {}\n\n", title(results, scenario));
        text.push_str(&scenario_table(results, scenario));
    }
    text.push_str(&memory(results));
    if !results.left_out.is_empty() {
        text.push_str("\nLeft out:\n\n");
        for line in &results.left_out {
            let _ = writeln!(text, "- {}", line.replace('\n', " "));
        }
    }
    text
}

/// The scenarios of a run, in the order in which they were measured.
fn scenarios(results: &Results) -> Vec<&'static Scenario> {
    let mut found: Vec<&'static Scenario> = Vec::new();
    for scenario in results.windows.iter().filter_map(|window| find_scenario(&window.scenario)) {
        if !found.contains(&scenario) {
            found.push(scenario);
        }
    }
    found
}

fn title(results: &Results, scenario: &Scenario) -> String {
    match results.open_rate {
        Some(rate) if scenario.is_open => {
            format!("{}: {} requests/s, half of what nginx does", scenario.title, short(rate))
        }
        _ => scenario.title.to_owned(),
    }
}

fn conditions(results: &Results) -> String {
    let mut text = format!(
        "{}. {} windows of {} s for each proxy and load; medians (least–most).\n\n",
        results.facts.line(),
        results.repetitions,
        results.seconds
    );
    text.push_str("| proxy | version |\n|---|---|\n");
    for (kind, version) in &results.versions {
        let _ = writeln!(text, "| {} | {} |", kind.title(), version.replace('|', "/"));
    }
    text
}

/// Targets beside what was found.
pub(crate) fn target_table(targets: &[Target]) -> String {
    let mut text = String::from("| target | must hold | goal | measured | holds |\n|---|---|---|---|---|\n");
    for target in targets {
        let sign = if target.bound == Bound::AtMost { '≤' } else { '≥' };
        let with_unit = |value: f64| match target.unit {
            "×" => format!("{}×", short(value)),
            "" => short(value),
            unit => format!("{} {unit}", short(value)),
        };
        let worst = target.worst.map(|scenario| format!(" ({scenario})")).unwrap_or_default();
        let found = target.found.map_or_else(|| ABSENT.to_owned(), |found| with_unit(found) + &worst);
        let holds = match (target.holds(), target.reaches_goal()) {
            (Some(_), Some(true)) => "yes, goal reached",
            (Some(true), _) => "yes",
            (Some(false), _) => "**no**",
            (None, _) => "not measured",
        };
        let (must, goal) = (with_unit(target.must), with_unit(target.goal));
        let _ = writeln!(text, "| {} | {sign} {must} | {sign} {goal} | {found} | {holds} |", target.title);
    }
    text
}

fn scenario_table(results: &Results, scenario: &Scenario) -> String {
    let proxies = results.proxies(scenario.name);
    let yardsticks: Vec<_> = YARDSTICKS.into_iter().filter(|(kind, _)| proxies.contains(kind)).collect();
    let mut text = String::from("| proxy | windows | CPU µs a request | user | kernel |");
    for (_, name) in &yardsticks {
        let _ = write!(text, " × {name} |");
    }
    let rate = if scenario.bytes > 100_000 { "MB/s" } else { "requests/s" };
    let _ = writeln!(
        text,
        " {rate} | busy | p50 µs | p90 | p99 | p99.9 | system calls | memory MB, idle → loaded |"
    );
    text.push_str(&format!("|{}\n", "---|".repeat(13 + yardsticks.len())));
    for proxy in proxies {
        text.push_str(&row(results, scenario, proxy, &yardsticks));
    }
    text.push_str(&unsaturated(results, scenario));
    text.push_str(&faults(results, scenario));
    text
}

/// A proxy that had time left paid for more wake-ups than it had to: its cost is not that of saturation.
fn unsaturated(results: &Results, scenario: &Scenario) -> String {
    let is_idle = |proxy: &Kind| {
        let busy = results.figure(scenario.name, *proxy, Window::busy);
        busy.is_some_and(|busy| busy.median < SATURATED)
    };
    let idle: Vec<_> = results.proxies(scenario.name).into_iter().filter(is_idle).map(Kind::title).collect();
    if scenario.is_open || idle.is_empty() {
        return String::new();
    }
    format!("\nNot saturated, so that a request cost more than it had to: {}.\n", idle.join("; "))
}

fn row(results: &Results, scenario: &Scenario, proxy: Kind, yardsticks: &[(Kind, &str)]) -> String {
    let name = scenario.name;
    let figure = |of: &dyn Fn(&Window) -> f64| results.figure(name, proxy, of);
    let cost = figure(&Window::cost);
    let mut cells = vec![
        if proxy == Kind::Mesher { format!("**{}**", proxy.title()) } else { proxy.title().to_owned() },
        cost.map_or(0, |cost| cost.count).to_string(),
        spread(cost),
        median(figure(&Window::user_cost)),
        median(figure(&|window| window.cost() - window.user_cost())),
    ];
    cells.extend(
        yardsticks
            .iter()
            .map(|(yardstick, _)| spread(results.ratio(name, (proxy, *yardstick), Window::cost))),
    );
    let is_huge = scenario.bytes > 100_000;
    let scale = if is_huge { scenario.bytes as f64 / MEGABYTE } else { 1.0 };
    cells.push(median(figure(&|window| window.rate() * scale)));
    cells.push(median(figure(&Window::busy)));
    cells.extend(Quantile::ALL.map(|(quantile, _)| median(figure(&|window| window.latency(quantile)))));
    cells.push(median(results.syscalls(name, proxy)));
    let idle = results
        .idle_memory
        .get(&proxy)
        .map_or_else(|| ABSENT.to_owned(), |bytes| short(*bytes as f64 / MEGABYTE));
    cells.push(format!("{idle} → {}", median(figure(&|window| window.memory as f64 / MEGABYTE))));
    format!("| {} |\n", cells.join(" | "))
}

fn faults(results: &Results, scenario: &Scenario) -> String {
    let mut text = String::new();
    for window in results.windows.iter().filter(|window| window.scenario == scenario.name) {
        if let Some(fault) = &window.fault {
            let (kind, repetition) = (window.proxy.title(), window.repetition + 1);
            let _ = write!(text, "\nInvalid: {kind}, window {repetition}: {}\n", fault.replace('\n', " "));
        }
    }
    text
}

fn memory(results: &Results) -> String {
    let Some(memory) = &results.memory else { return String::new() };
    let mut text = String::from("\n### Known services\n\n");
    if let Some(cost) = memory.services_cost {
        let _ = writeln!(
            text,
            "With 9,900 known services instead of 10 a request costs the workers {cost:.2}× as much processor time."
        );
    }
    if memory.learn_cost > 0.0 {
        let cost = short(memory.learn_cost);
        let _ = writeln!(
            text,
            "The first call of each of 9,900 services cost {cost} µs of processor time in the mean."
        );
    }
    if let Some(share) = memory.services_control {
        let _ = writeln!(
            text,
            "Keeping them current takes the control thread {:.1} % of a processor.",
            share * 100.0
        );
    }
    text
}
