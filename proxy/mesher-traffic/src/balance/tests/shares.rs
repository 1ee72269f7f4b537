//! Who gets how many calls.
//! They must tell a strategy that is a little unfair from one that is not.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::super::group::weight;
use super::{Bench, chi_square, chi_square_max};
use crate::balance::strategy::PEAK_DECAY;
use crate::balance::{BalancePolicy, InFlight, Load, Strategy, TryEnd, WarmUp};

const CALLS: usize = 100_000;
const CHANCE: [Strategy; 3] =
    [Strategy::Random, Strategy::LeastRequest, Strategy::PeakEwma { decay: PEAK_DECAY }];
const ALL: [Strategy; 7] = [
    Strategy::RoundRobin,
    Strategy::Random,
    Strategy::LeastRequest,
    Strategy::PeakEwma { decay: PEAK_DECAY },
    Strategy::RingHash { points: 160 },
    Strategy::Maglev { size: 65_537 },
    Strategy::WeightedResponse,
];

#[test]
fn equal_endpoints_get_equal_shares_by_chance() {
    for (strategy, seed) in CHANCE.into_iter().zip([11, 12, 13]) {
        let mut bench = Bench::new(strategy, 10, &[], seed);
        let counts = bench.counts(CALLS, &|_| true);
        let chi = chi_square(&counts, &[CALLS as f64 / 10.0; 10]);
        assert!(chi < chi_square_max(9), "{strategy:?}, seed {seed}: {chi} of {counts:?}");
    }
}

#[test]
fn those_that_are_left_share_alike() {
    let may_take = |place| place % 5 == 0;
    for (strategy, seed) in CHANCE.into_iter().zip([21, 22, 23]) {
        let mut bench = Bench::new(strategy, 20, &[], seed);
        let counts = bench.counts(CALLS, &may_take);
        let expected: Vec<_> =
            (0..20).map(|place| if may_take(place) { CALLS as f64 / 4.0 } else { 0.0 }).collect();
        assert_eq!(counts.iter().filter(|count| **count > 0).count(), 4, "{strategy:?}: {counts:?}");
        let chi = chi_square(&counts, &expected);
        assert!(chi < chi_square_max(3), "{strategy:?}, seed {seed}: {chi} of {counts:?}");
    }
}

#[test]
fn weights_are_kept_by_chance() {
    let weights = [1, 2, 3, 0, 4];
    let expected = weights.map(|weight| f64::from(weight) * CALLS as f64 / 10.0);
    for (strategy, seed) in CHANCE.into_iter().zip([31, 32, 33]) {
        let mut bench = Bench::new(strategy, 5, &weights, seed);
        let counts = bench.counts(CALLS, &|_| true);
        let chi = chi_square(&counts, &expected);
        assert!(counts[3] == 0 && chi < chi_square_max(3), "{strategy:?}, seed {seed}: {chi} of {counts:?}");
    }
}

/// Without chance: over any run each gets its share but for a few calls.
#[test]
fn weights_are_kept_in_turn() {
    let weights = [5, 1, 1, 3, 0];
    let mut bench = Bench::new(Strategy::RoundRobin, 5, &weights, 41);
    for run in 1..200 {
        let counts = bench.counts(100, &|_| true);
        for (count, weight) in counts.iter().zip(weights) {
            let expected = i64::from(weight) * 10;
            assert!((*count as i64 - expected).abs() <= 3, "run {run}: {counts:?}");
        }
    }
}

#[test]
fn weights_are_read_as_people_write_them() {
    let table = [
        ("1", Some(1000)),
        (" 2.5 ", Some(2500)),
        ("0", Some(0)),
        ("0.001", Some(1)),
        ("1000", Some(1_000_000)),
        ("1000.1", None),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("heavy", None),
        ("", None),
    ];
    for (text, expected) in table {
        assert_eq!(weight(text), expected, "{text:?}");
    }
}

/// Calls that never end: the fewest calls on their way are always close to the most.
#[test]
fn least_request_fills_all_alike() {
    let mut bench = Bench::new(Strategy::LeastRequest, 10, &[], 51);
    let mut calls: Vec<InFlight> = Vec::new();
    for _ in 0..10_000 {
        let place = bench.pick(None, &|_| true).unwrap();
        calls.push(bench.loads[place].begin());
    }
    let in_flight: Vec<_> = bench.loads.iter().map(|load| load.in_flight()).collect();
    // By chance alone the spread would be about a hundred.
    let spread = in_flight.iter().max().unwrap() - in_flight.iter().min().unwrap();
    assert!(spread <= 10, "{in_flight:?}");
    drop(calls);
    assert!(bench.loads.iter().all(|load| load.in_flight() == 0));
}

#[test]
fn a_slow_endpoint_is_passed_over_and_tried_again() {
    let decay = PEAK_DECAY;
    let mut bench = Bench::new(Strategy::PeakEwma { decay }, 4, &[], 61);
    let answered = |load: &Arc<Load>, now, milliseconds| {
        load.record(now, Duration::from_millis(milliseconds), TryEnd::Answered, decay);
    };
    let now = bench.now;
    bench.loads.iter().skip(1).for_each(|load| answered(load, now, 10));
    answered(&bench.loads[0], now, 200);
    let counts = bench.counts(1_000, &|_| true);
    assert_eq!(counts[0], 0, "{counts:?}");
    // The others stay as fast as they were; of the slow one nothing is heard.
    bench.now += decay * 4;
    let now = bench.now;
    bench.loads.iter().skip(1).for_each(|load| answered(load, now, 10));
    let counts = bench.counts(1_000, &|_| true);
    assert!(counts[0] > 100, "{counts:?}");
}

#[test]
fn a_new_endpoint_warms_up() {
    let window = Duration::from_secs(30);
    let warm_up = Some(WarmUp { window, least_percent: 10 });
    for (strategy, seed) in
        [Strategy::RoundRobin, Strategy::Random, Strategy::LeastRequest].into_iter().zip([71, 72, 73])
    {
        let policy = BalancePolicy { strategy, warm_up, ..BalancePolicy::default() };
        let mut bench = Bench::of(policy, 5, &[], seed);
        let arrival = bench.now;
        bench.loads[4] = Arc::new(Load::known_since(arrival));
        for (age, part) in [(0, 0.1), (15, 0.5), (30, 1.0), (90, 1.0)] {
            bench.now = arrival + Duration::from_secs(age);
            let counts = bench.counts(CALLS, &|_| true);
            // Its part is a weight beside four others of 1.
            let (share, expected) = (counts[4] as f64 / CALLS as f64, part / (4.0 + part));
            assert!((expected * 0.93..expected * 1.07).contains(&share), "{strategy:?}, {age} s: {share}");
            let others = &counts[..4];
            let spread = others.iter().max().unwrap() - others.iter().min().unwrap();
            assert!(spread < CALLS / 40, "{strategy:?}, {age} s: {counts:?}");
        }
        // Where everybody is new, they are all alike.
        bench.loads.iter_mut().for_each(|load| *load = Arc::new(Load::known_since(arrival)));
        bench.now = arrival;
        let counts = bench.counts(CALLS, &|_| true);
        let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
        assert!(spread < CALLS / 40, "{strategy:?}: {counts:?}");
    }
}

/// Java's meaning: a server's share is what is left of all response times without its own.
#[test]
fn shares_follow_response_times_where_somebody_is_slow() {
    let mut bench = Bench::new(Strategy::WeightedResponse, 4, &[], 81);
    let turns = bench.counts(999, &|_| true);
    assert!(
        turns.iter().all(|count| (249..=250).contains(count)),
        "turns before anything is known: {turns:?}"
    );
    let now = bench.now;
    for (load, milliseconds) in bench.loads.iter().zip([10, 20, 30, 40]) {
        load.record(now, Duration::from_millis(milliseconds), TryEnd::Answered, PEAK_DECAY);
    }
    bench.pick(None, &|_| true);
    let counts = bench.counts(CALLS, &|_| true);
    let expected = [90.0, 80.0, 70.0, 60.0].map(|part| part / 300.0 * CALLS as f64);
    let chi = chi_square(&counts, &expected);
    assert!(chi < chi_square_max(3), "{chi} of {counts:?}");
}

proptest! {
    /// Whatever the weights and whoever may not: somebody who may is found wherever there is one, and nobody else.
    #[test]
    fn whoever_may_is_found(
        weights in proptest::collection::vec(0_u32..4, 1..40), mask in any::<u64>(), key in any::<Option<u64>>(), seed in any::<u64>(),
    ) {
        let may_take = |place: usize| mask >> place & 1 == 1;
        let is_any = (0..weights.len()).any(may_take);
        // Building the tables takes most of the time.
        let size = Strategy::Maglev { size: 251 };
        for strategy in ALL.map(|strategy| if matches!(strategy, Strategy::Maglev { .. }) { size } else { strategy }) {
            let mut bench = Bench::new(strategy, weights.len(), &weights, seed);
            for _ in 0..5 {
                let picked = bench.pick(key, &may_take);
                prop_assert_eq!(picked.is_some(), is_any, "{:?}", strategy);
                prop_assert!(picked.is_none_or(may_take), "{:?}", strategy);
            }
        }
    }
}
