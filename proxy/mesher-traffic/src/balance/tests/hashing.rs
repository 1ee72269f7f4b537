//! Which keys go where, and how many move when somebody goes or comes.
//! They must hold for keys as they are: short, alike but for a number.

use super::super::{maglev, mix};
use super::{Bench, Locality, chi_square, names, seats};
use crate::balance::{BalancePolicy, Strategy};

const KEYS: u64 = 20_000;
const MAGLEV: Strategy = Strategy::Maglev { size: maglev::TABLE_SIZE };
const RING: Strategy = Strategy::RingHash { points: 1_024 };

fn keys() -> impl Iterator<Item = Option<u64>> {
    (0..KEYS).map(|number| Some(mix::of_text(&format!("user-{number}"))))
}

/// Where each key goes, by name.
fn owners(strategy: Strategy, names: &[String], weights: &[u32]) -> Vec<String> {
    let policy = BalancePolicy { strategy, ..BalancePolicy::default() };
    let groups = policy.groups(Locality::default(), &seats(names, weights));
    let mut bench = Bench::over(policy, groups, names.len(), 1);
    keys().map(|key| names[bench.pick(key, &|_| true).unwrap()].clone()).collect()
}

fn moved(before: &[String], after: &[String]) -> f64 {
    before.iter().zip(after).filter(|(before, after)| before != after).count() as f64 / before.len() as f64
}

#[test]
fn few_keys_move_when_one_goes() {
    for count in [3, 10, 50] {
        let all = names(count);
        for strategy in [MAGLEV, RING] {
            let before = owners(strategy, &all, &[]);
            for gone in [0, count / 2, count - 1] {
                let left: Vec<_> = all.iter().filter(|name| **name != all[gone]).cloned().collect();
                let share = moved(&before, &owners(strategy, &left, &[]));
                let most = 1.0 / count as f64 + 0.05;
                assert!(share <= most, "{strategy:?}: {share} of the keys move when 1 of {count} goes");
            }
        }
    }
}

/// The same where it is there and may not take calls; and no key of another one moves at all.
#[test]
fn keys_of_one_that_may_not_are_spread_over_the_others() {
    for strategy in [MAGLEV, RING] {
        let mut bench = Bench::new(strategy, 10, &[], 1);
        let before: Vec<_> = keys().map(|key| bench.pick(key, &|_| true).unwrap()).collect();
        let after: Vec<_> = keys().map(|key| bench.pick(key, &|place| place != 3).unwrap()).collect();
        let mut taken = [0; 10];
        for (before, after) in before.iter().zip(&after) {
            assert!(before == after || *before == 3, "{strategy:?}");
            taken[*after] += usize::from(*before == 3);
        }
        let total: usize = taken.iter().sum();
        assert!(taken.iter().all(|count| *count < total / 3), "{strategy:?}: {taken:?}");
    }
}

#[test]
fn keys_are_spread_evenly() {
    for (strategy, most) in [(MAGLEV, 1.15), (RING, 1.15)] {
        let mut bench = Bench::new(strategy, 10, &[], 1);
        let mut counts = [0; 10];
        keys().for_each(|key| counts[bench.pick(key, &|_| true).unwrap()] += 1);
        let even = KEYS as f64 / 10.0;
        let largest = *counts.iter().max().unwrap() as f64 / even;
        assert!(largest < most, "{strategy:?}: {counts:?}, {}", chi_square(&counts, &[even; 10]));
    }
}

#[test]
fn weights_divide_keys() {
    for strategy in [MAGLEV, RING] {
        let mut bench = Bench::new(strategy, 4, &[1, 1, 2, 0], 1);
        let mut counts = [0.0; 4];
        keys().for_each(|key| counts[bench.pick(key, &|_| true).unwrap()] += 1.0 / KEYS as f64);
        let is_close = |place: usize, share: f64| (counts[place] - share).abs() < share * 0.15;
        assert!(is_close(0, 0.25) && is_close(1, 0.25) && is_close(2, 0.5), "{strategy:?}: {counts:?}");
        assert!(counts[3] == 0.0, "{strategy:?}: {counts:?}");
    }
}

/// All proxies of a fleet send a key to one endpoint, whatever the order in which they know the endpoints.
#[test]
fn the_order_of_endpoints_does_not_matter() {
    let (all, mut reversed) = (names(17), names(17));
    reversed.reverse();
    for strategy in [MAGLEV, RING] {
        assert_eq!(owners(strategy, &all, &[]), owners(strategy, &reversed, &[]), "{strategy:?}");
    }
}

/// Fixed for good: whoever changes this sends users to other instances with an update.
#[test]
fn a_key_has_its_endpoint_for_good() {
    let all = names(10);
    let first = |strategy| owners(strategy, &all, &[]).into_iter().take(6).collect::<Vec<_>>();
    let hosts = |strategy| {
        first(strategy).iter().map(|name| name["10.0.0.".len()..].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(hosts(MAGLEV), "3:8080 3:8080 7:8080 2:8080 5:8080 7:8080");
    assert_eq!(hosts(Strategy::RingHash { points: 160 }), "9:8080 9:8080 7:8080 6:8080 10:8080 8:8080");
}

#[test]
fn calls_without_a_key_are_spread_by_chance() {
    for strategy in [MAGLEV, RING] {
        let mut bench = Bench::new(strategy, 4, &[], 7);
        let counts = bench.counts(4_000, &|_| true);
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{strategy:?}: {counts:?}");
    }
}
