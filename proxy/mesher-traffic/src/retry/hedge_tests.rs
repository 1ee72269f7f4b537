//! Percentiles of what was seen: when they are known, how far off they are, and that old calls are forgotten.
//! They must hold for any times that are drawn.

use std::time::Duration;

use mesher_model::rule::Percent;
use proptest::prelude::*;

use super::{Latencies, bucket_of, end_of};

const MILLISECOND: Duration = Duration::from_millis(1);

fn p95() -> Latencies {
    Latencies::new(Percent::whole(95).unwrap())
}

#[test]
fn nothing_is_known_before_a_hundred_calls_were_seen() {
    let seen = p95();
    (0..99).for_each(|_| seen.record(Duration::ZERO, MILLISECOND));
    assert_eq!(seen.percentile(), None);
    seen.record(Duration::ZERO, MILLISECOND);
    let known = seen.percentile().unwrap();
    assert!((MILLISECOND..=MILLISECOND * 9 / 8).contains(&known), "{known:?}");
}

#[test]
fn a_slow_part_counts_where_it_is_large_enough() {
    for (slow, is_slow) in [(2, false), (10, true)] {
        let seen = p95();
        for call in 0..1_600 {
            let time = if call % 100 < slow { MILLISECOND * 500 } else { MILLISECOND * 10 };
            seen.record(Duration::ZERO, time);
        }
        let known = seen.percentile().unwrap();
        assert_eq!(known > MILLISECOND * 100, is_slow, "{slow} of a hundred: {known:?}");
    }
}

#[test]
fn what_is_old_is_forgotten() {
    let seen = p95();
    let at = Duration::from_secs;
    (0..200).for_each(|_| seen.record(at(0), MILLISECOND * 100));
    (0..200).for_each(|_| seen.record(at(11), MILLISECOND * 2));
    assert!(seen.percentile().unwrap() >= MILLISECOND * 100, "the generation before still counts");
    (0..200).for_each(|_| seen.record(at(22), MILLISECOND * 2));
    assert!(seen.percentile().unwrap() < MILLISECOND * 3);
    // Few calls are kept as long as there are no others.
    (0..50).for_each(|_| seen.record(at(40), MILLISECOND * 2));
    (0..50).for_each(|_| seen.record(at(60), MILLISECOND * 2));
    assert!(seen.percentile().unwrap() < MILLISECOND * 3);
}

proptest! {
    #[test]
    fn a_time_lies_in_its_bucket(microseconds in 1_u64..60_000_000) {
        let time = Duration::from_micros(microseconds);
        let end = end_of(bucket_of(time));
        prop_assert!(end + Duration::from_micros(1) >= time, "{time:?} beyond {end:?}");
        prop_assert!(end <= time * 9 / 8 + Duration::from_micros(1), "{time:?} far below {end:?}");
    }
}
