//! What the original Service Center and kie answered, step by step, asked again of `mesher control`.
//! It must fail where an answer differs and is not listed, and where a listed one no longer differs.
//!
//! `service-center.json` holds exchanges recorded from the original (2.2 line) with access control off, 13 scenarios of 225
//! steps; `service-center-access.json` with access control on, 4 of 63; `kie.json` with kie, 1 of 38. Each server keeps what it knows in a directory.
//! A step is a request with the answer that it got. `save` and `save_header` name values of an answer for later steps, which
//! hold them as `${name}`. `WATCH` opens a web socket, `EVENTS` waits for its text frames. In an answer `<time>`,
//! `<instance id>` and `<any>` stand for any value of that form; `loose` lists members that are not compared. The order of
//! lists does not count, and of error details only that there is one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure of the system is a failure of the test")]

mod comparison;
mod deviations;
mod replay;
mod socket;

use std::collections::BTreeMap;

use mesher_verify::mesh::{ANY_PORT, Control};
use replay::Scenario;
use tempfile::TempDir;

/// Those that build on what the ones before them left behind: the governance views show all of it.
const ONE_SERVER: [&str; 9] = [
    "general",
    "service-lifecycle",
    "service-validation",
    "schemas",
    "tags",
    "instances",
    "find",
    "lease-expiry",
    "governance-views",
];
/// The password of `root` in the recordings.
const ROOT: &str = "Pa55word!";

/// Scenario and step, with what differs.
type Differing = BTreeMap<(String, String), Vec<String>>;

#[test]
fn the_service_center_is_answered_for() {
    let scenarios = read(include_str!("service-center.json"), (13, 225));
    let (together, alone): (Vec<_>, Vec<_>) =
        scenarios.iter().partition(|scenario| ONE_SERVER.contains(&scenario.scenario.as_str()));
    assert_eq!(together.len(), ONE_SERVER.len());
    let mut groups = vec![together];
    groups.extend(alone.into_iter().map(|scenario| vec![scenario]));
    // Most of the time is spent waiting for leases to end: all groups wait at once.
    let differing = std::thread::scope(|threads| {
        let runs: Vec<_> = groups.into_iter().map(|group| threads.spawn(move || run(&group, &[]))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    deviations::judge(&deviations::OPEN, &differing);
}

/// Each scenario builds on the accounts and the failed logins of those before it.
#[test]
fn the_service_center_with_access_control_is_answered_for() {
    let scenarios = read(include_str!("service-center-access.json"), (4, 63));
    let all: Vec<_> = scenarios.iter().collect();
    let settings = [("MESHER_ACCESS_CONTROL", "on"), ("MESHER_ROOT_PASSWORD", ROOT)];
    deviations::judge(&deviations::GUARDED, &run(&all, &settings));
}

#[test]
fn kie_is_answered_for() {
    let scenarios = read(include_str!("kie.json"), (1, 38));
    let all: Vec<_> = scenarios.iter().collect();
    deviations::judge(&deviations::KIE, &run(&all, &[]));
}

fn read(recording: &str, size: (usize, usize)) -> Vec<Scenario> {
    let scenarios: Vec<Scenario> = serde_json::from_str(recording).unwrap();
    let steps = scenarios.iter().map(|scenario| scenario.steps.len()).sum();
    assert_eq!((scenarios.len(), steps), size, "the recordings are whole");
    scenarios
}

/// Runs scenarios one after the other against one server, fresh and empty.
fn run(scenarios: &[&Scenario], settings: &[(&str, &str)]) -> Differing {
    let folder = TempDir::new().unwrap();
    let mut command = Control::command(&folder.path().join("data"), ANY_PORT);
    let control = Control::of(command.envs(settings.iter().copied()));
    let mut differing = Differing::new();
    for scenario in scenarios {
        for (step, differences) in replay::run(control.address, scenario) {
            differing.insert((scenario.scenario.clone(), step), differences);
        }
    }
    differing
}
