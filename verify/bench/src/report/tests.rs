//! Numbers, tables, plot and the marks of the page, from windows that were made up.
//! It must write nothing into the tree.

use super::documentation::{PROXIES, replace};
use super::number::{median, short, spread};
use super::{plot, tables};
use crate::instructions::Counts;
use crate::measure::{Results, Summary, Window};
use crate::peers::Kind;
use crate::report::targets::targets;
use crate::system::Spent;

fn window(scenario: &str, proxy: Kind, microseconds: u64) -> Window {
    Window {
        scenario: scenario.to_owned(),
        proxy,
        repetition: 0,
        requests: 1000,
        seconds: 1.0,
        spent: Spent { run: microseconds * 1_000_000, user: 1, system: 3 },
        latency: [100.0, 200.0, 300.0, 400.0],
        memory: 4_000_000,
        syscalls: Some(4.25),
        fault: None,
    }
}

fn results() -> Results {
    let mut results =
        Results { repetitions: 1, seconds: 1.0, open_rate: Some(25_000.0), ..Results::default() };
    for scenario in ["64B-20", "1KiB-100", "open"] {
        results.windows.extend([
            window(scenario, Kind::Relay, 10),
            window(scenario, Kind::Mesher, 12),
            window(scenario, Kind::Nginx, 16),
        ]);
    }
    results.windows.push(Window {
        fault: Some("2 faults: status 503".to_owned()),
        ..window("64B-20", Kind::Mesher, 99)
    });
    results.versions.insert(Kind::Nginx, "nginx/1.22.1".to_owned());
    results.left_out.push("HAProxy: not installed".to_owned());
    results
}

#[test]
fn numbers_have_three_digits() {
    let cases = [
        (0.123, "0.12"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234.5, "1,234"),
        (1_234_567.0, "1,234,567"),
    ];
    for (value, wanted) in cases {
        assert_eq!(short(value), wanted);
    }
    assert_eq!(short(-2000.0), "-2,000");
    assert_eq!(median(None), "–");
    let all = Summary { median: 2.0, minimum: 1.0, maximum: 30.0, count: 3 };
    assert_eq!(spread(Some(all)), "2.00 (1.00–30.0)");
}

#[test]
fn tables_relate_and_name_what_is_missing() {
    let text = tables::render(&results());
    let row =
        "| **Mesher** | 1 | 12.0 (12.0–12.0) | 3.00 | 9.00 | 1.20 (1.20–1.20) | 0.75 (0.75–0.75) | 1,000 |";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("### 64 B, 100 connections, constant rate: 25,000 requests/s"), "{text}");
    assert!(text.contains("Invalid: Mesher, window 1: 2 faults: status 503"), "{text}");
    assert!(text.contains("- HAProxy: not installed"), "{text}");
    assert_eq!(
        text.matches("Not saturated, so that a request cost more than it had to: bare relay;").count(),
        2
    );
    assert!(!text.contains("× HAProxy |"), "no column for a proxy that was not there");
    for line in text.lines().filter(|line| line.starts_with("| bare relay | 1 |")) {
        assert_eq!(line.matches('|').count(), 16, "{line}");
    }
}

#[test]
fn a_target_is_judged_by_its_worst_scenario() {
    let mut results = results();
    results.windows.retain(|window| window.scenario != "1KiB-100" || window.proxy != Kind::Mesher);
    results.windows.push(window("1KiB-100", Kind::Mesher, 14));
    results.instructions = Some(Counts {
        few_services: 12_000.0,
        with_rules: 12_100.0,
        guarded: 12_700.0,
        services: 1000,
        many_services: 13_200.0,
    });
    let targets = targets(&results);
    let find = |word: &str| targets.iter().find(|target| target.title.contains(word)).unwrap();
    let relay = find("over bare relay");
    assert_eq!((relay.found, relay.worst, relay.holds()), (Some(1.4), Some("1KiB-100"), Some(false)));
    let nginx = find("time a request, over nginx");
    assert_eq!((nginx.found, nginx.holds(), nginx.reaches_goal()), (Some(0.875), Some(true), Some(false)));
    assert_eq!((find("HAProxy").found, find("HAProxy").holds()), (None, None));
    assert_eq!((find("p99").found, find("p99").reaches_goal()), (Some(1.0), Some(true)));
    assert_eq!(find("instructions a request").holds(), Some(true));
    assert_eq!(find("more instructions with 1000").holds(), Some(false));
    assert_eq!(find("a breaker, a rate limit").holds(), Some(true));
}

#[test]
fn throughput_has_to_be_at_least_that_of_the_peer() {
    let mut results = Results { windows: vec![window("1MiB-20", Kind::Nginx, 10)], ..Results::default() };
    results.windows.push(Window { requests: 900, ..window("1MiB-20", Kind::Mesher, 10) });
    let targets = targets(&results);
    let target = targets.iter().find(|target| target.title.contains("1 MiB")).unwrap();
    assert_eq!((target.found, target.holds()), (Some(0.9), Some(false)));
    assert!(tables::render(&results).contains("| ≥ 1.00× | ≥ 1.00× | 0.90× | **no** |"));
}

#[test]
fn a_plot_has_a_bar_for_each_proxy_and_load() {
    let text = plot::render(&results()).unwrap();
    assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    assert_eq!(text.matches("<path ").count(), 6, "{text}");
    assert!(plot::render(&Results::default()).is_none());
}

#[test]
fn only_what_lies_between_the_marks_is_replaced() {
    let page = "before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n";
    let new = replace(page, PROXIES, "new\n").unwrap();
    assert_eq!(new, "before\n<!-- bench: begin -->\nnew\n<!-- bench: end -->\nafter\n");
    assert_eq!(replace(&new, PROXIES, "new\n").unwrap(), new);
    assert!(replace("no marks", PROXIES, "new").is_err());
}
