//! Counts by key: each its own, those that do not matter forgotten, never more than there is room for.
//! They must hold while threads bring keys in and drive others out.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Draws;
use crate::limit::{Meter, Pace, Table};

fn meter(requests: u32, burst: u32) -> Meter {
    Meter::Pace(Pace::new(requests, Duration::from_secs(1), burst).expect("it is a pace"))
}

/// Keys as a good hash spreads them.
fn key(number: u64) -> u64 {
    Draws(number).next()
}

#[test]
fn each_key_has_the_limit_for_itself() {
    let (table, meter, now) = (Table::default(), meter(10, 3), Duration::from_secs(5));
    for number in 0..100 {
        let passed = (0..5).filter(|_| table.take(&meter, key(number), now).is_ok()).count();
        assert_eq!(passed, 3, "key {number}");
    }
    assert_eq!(table.key_count(), 100);
    assert_eq!(table.standing(&meter, key(7), now).remaining, 0);
    assert_eq!(table.standing(&meter, key(100), now).remaining, 3);
    assert_eq!(table.key_count(), 100, "to look changes nothing");
}

#[test]
fn whoever_has_not_called_for_long_makes_room() {
    let (table, meter) = (Table::holding(64), meter(10, 3));
    for round in 0..20 {
        let now = Duration::from_secs(5 + round);
        // As many as there is room for on the average of a group, anew in each round.
        let refused = (0..20).filter(|number| table.take(&meter, key(round * 1000 + number), now).is_err());
        assert_eq!(refused.count(), 0, "round {round}");
    }
    assert!(table.key_count() <= 64);
}

#[test]
fn a_crowd_without_room_has_one_limit_together() {
    let (table, meter, now) = (Table::holding(16), meter(10, 3), Duration::from_secs(5));
    let passed = (0..1000).filter(|number| table.take(&meter, key(*number), now).is_ok()).count();
    // Sixteen that have a place, with one call each, and three of all others.
    assert_eq!(passed, 16 + 3);
    assert_eq!(table.key_count(), 16);
}

#[test]
fn words_with_a_meaning_are_keys_like_others() {
    let (table, meter, now) = (Table::default(), meter(10, 1), Duration::from_secs(5));
    for key in [0, u64::MAX] {
        assert!(table.take(&meter, key, now).is_ok());
        assert!(table.take(&meter, key, now).is_err());
    }
}

#[test]
fn what_is_given_back_to_a_key_is_there_again() {
    let (table, meter, now) = (Table::default(), meter(10, 1), Duration::from_secs(5));
    table.take(&meter, 5, now).expect("it is the first").give_back();
    assert!(table.take(&meter, 5, now).is_ok());
}

#[test]
fn threads_let_no_key_have_more_than_its_limit() {
    // Few places and many keys, whose counts are soon as good as new: places change hands all the time.
    const SEED: u64 = 0x5eed_0009;
    let (requests, burst) = (2_000, 2);
    let (table, meter) = (Table::holding(32), meter(requests, burst));
    let clock = AtomicU64::new(1_000_000_000);
    let passed: Mutex<BTreeMap<u64, Vec<u64>>> = Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (table, meter, clock, passed) = (&table, &meter, &clock, &passed);
            scope.spawn(move || {
                let mut draws = Draws(SEED + thread);
                let mut own: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
                for _ in 0..50_000 {
                    let now = clock.fetch_add(2_000, Ordering::Relaxed);
                    let number = draws.below(60);
                    if table.take(meter, key(number), Duration::from_nanos(now)).is_ok() {
                        own.entry(number).or_default().push(now);
                    }
                }
                let mut all = passed.lock().expect("nobody broke");
                own.into_iter().for_each(|(number, times)| all.entry(number).or_default().extend(times));
            });
        }
    });
    let mut passed = passed.into_inner().expect("nobody broke");
    assert_eq!(passed.len(), 60, "seed {SEED:#x}");
    // Each key has its own count, and one together with all others that found no place: two limits at most, of which the
    // second is shared by all.
    let mut beyond = Vec::new();
    for (number, times) in &mut passed {
        times.sort_unstable();
        let allowed = |span: u64| u64::from(burst) + span * u64::from(requests) / 1_000_000_000;
        let (first, last) = (times.first().expect("it passed"), times.last().expect("it passed"));
        let surplus = (times.len() as u64).saturating_sub(allowed(last - first));
        if surplus > 0 {
            beyond.push((*number, surplus));
        }
    }
    let span = 4 * 50_000 * 2_000_u64;
    let of_rest = u64::from(burst) + span * u64::from(requests) / 1_000_000_000;
    let surplus: u64 = beyond.iter().map(|(_, surplus)| surplus).sum();
    assert!(surplus <= of_rest, "{surplus} of {of_rest}: {beyond:?}, seed {SEED:#x}");
}
