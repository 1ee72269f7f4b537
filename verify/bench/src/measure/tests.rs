//! Medians, paired ratios, the order of windows, the choice of scenarios.
//! It must measure nothing.

use std::time::Duration;

use super::results::{Results, Window};
use super::scenario::{MEMORY, SATURATION, select};
use super::statistics::{paired, summary};
use super::turn::{back_and_forth, turns};
use crate::peers::Kind;
use crate::system::Spent;

fn window(proxy: Kind, repetition: usize, microseconds: u64) -> Window {
    Window {
        scenario: SATURATION.name.to_owned(),
        proxy,
        repetition,
        requests: 1000,
        seconds: 2.0,
        spent: Spent { run: microseconds * 1_000_000, user: 25, system: 75 },
        latency: [1.0, 2.0, 3.0, 4.0],
        memory: 0,
        syscalls: None,
        fault: None,
    }
}

#[test]
fn a_median_is_the_middle() {
    let median = |values: &[f64]| summary(values.iter().copied()).map(|found| found.median);
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(median(&[7.0]), Some(7.0));
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[f64::NAN, 1.0]), Some(1.0));
    let all = summary([5.0, 1.0, 9.0]).unwrap();
    assert_eq!((all.minimum, all.maximum, all.count), (1.0, 9.0, 3));
}

#[test]
fn ratios_pair_one_repetition_only() {
    // The machine was twice as slow in the second repetition: the ratio is the same.
    let (ours, theirs) = ([(0, 10.0), (1, 20.0), (2, 7.0)], [(1, 40.0), (0, 20.0), (3, 1.0)]);
    let ratio = paired(&ours, &theirs).unwrap();
    assert_eq!((ratio.median, ratio.minimum, ratio.maximum, ratio.count), (0.5, 0.5, 0.5, 2));
    assert_eq!(paired(&ours, &[(0, 0.0)]), None, "nothing is related to zero");
}

#[test]
fn an_invalid_window_counts_for_nothing() {
    let windows = vec![window(Kind::Relay, 0, 10), window(Kind::Mesher, 0, 12), window(Kind::Relay, 1, 10)];
    let mut results = Results { windows, ..Results::default() };
    results.windows.push(Window { fault: Some("status 503".to_owned()), ..window(Kind::Mesher, 1, 99) });
    let cost = results.figure(SATURATION.name, Kind::Mesher, Window::cost).unwrap();
    assert_eq!((cost.median, cost.count), (12.0, 1));
    let ratio = results.ratio(SATURATION.name, (Kind::Mesher, Kind::Relay), Window::cost).unwrap();
    assert_eq!((ratio.median, ratio.count), (1.2, 1));
}

#[test]
fn figures_of_a_window_follow_from_its_counts() {
    let window = window(Kind::Mesher, 0, 12);
    assert_eq!((window.cost(), window.user_cost(), window.rate()), (12.0, 3.0, 500.0));
    assert!((window.busy() - 0.006).abs() < 1e-12);
}

#[test]
fn every_other_repetition_goes_backwards() {
    assert_eq!(back_and_forth(0..3, 0), [0, 1, 2]);
    assert_eq!(back_and_forth(0..3, 1), [2, 1, 0]);
    assert_eq!(back_and_forth(0..3, 2), [0, 1, 2]);
}

#[test]
fn turns_are_whole() {
    let counts = [0, 1, 100, 101, 2000].map(|milliseconds| turns(Duration::from_millis(milliseconds)));
    assert_eq!(counts, [0, 1, 1, 2, 20]);
}

#[test]
fn scenarios_are_chosen_by_name() {
    let names = |only: &[&str], is_quick| {
        let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
        select(&only, is_quick)
            .map(|(found, memory)| (found.iter().map(|one| one.name).collect::<Vec<_>>(), memory))
    };
    let (all, memory) = names(&[], false).unwrap();
    assert!(all.len() == 9 && memory, "{all:?}");
    assert_eq!(names(&[], true).unwrap(), (vec!["64B-20", "1KiB-100"], false));
    assert_eq!(names(&["open", "64B-20", MEMORY], true).unwrap(), (vec!["64B-20", "open"], true));
    assert!(names(&["64b"], false).unwrap_err().to_string().contains("64B-20, "));
}
