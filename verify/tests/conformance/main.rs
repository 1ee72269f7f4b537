//! What the original Service Center answered, step by step, asked again of `mesher control`.
//! It must fail where an answer differs and is not listed, and where a listed one no longer differs.
//!
//! `service-center.json` holds exchanges recorded from the original (2.2 line, access control off): 13 scenarios, 225 steps.
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

use mesher_verify::mesh::Control;
use replay::Scenario;

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

#[test]
fn the_service_center_is_answered_for() {
    let scenarios: Vec<Scenario> = serde_json::from_str(include_str!("service-center.json")).unwrap();
    let steps: usize = scenarios.iter().map(|scenario| scenario.steps.len()).sum();
    assert_eq!((scenarios.len(), steps), (13, 225), "the recordings are whole");
    let (together, alone): (Vec<_>, Vec<_>) =
        scenarios.iter().partition(|scenario| ONE_SERVER.contains(&scenario.scenario.as_str()));
    assert_eq!(together.len(), ONE_SERVER.len());
    let mut groups = vec![together];
    groups.extend(alone.into_iter().map(|scenario| vec![scenario]));
    // Most of the time is spent waiting for leases to end: all groups wait at once.
    let differing: BTreeMap<(String, String), Vec<String>> = std::thread::scope(|threads| {
        let runs: Vec<_> = groups.into_iter().map(|group| threads.spawn(move || run(&group))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    deviations::judge(&differing);
}

/// Runs scenarios one after the other against one server, fresh and empty.
fn run(scenarios: &[&Scenario]) -> Vec<((String, String), Vec<String>)> {
    let control = Control::start();
    let mut differing = Vec::new();
    for scenario in scenarios {
        for (step, differences) in replay::run(control.address, scenario) {
            differing.push(((scenario.scenario.clone(), step), differences));
        }
    }
    differing
}
