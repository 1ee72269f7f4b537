//! The token bucket: never more than burst and rate, never less under demand, exact in what it tells.
//! They must compare in whole numbers: a bound that holds but for rounding does not hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use crate::limit::{Meter, Pace};

/// A bucket in fractions of requests with the interval as their denominator, as nobody could store it.
struct Model {
    requests: u128,
    interval: u128,
    full: u128,
    left: u128,
    last: u128,
}

impl Model {
    fn new(requests: u32, interval: Duration, burst: u32) -> Self {
        let interval = interval.as_nanos();
        let full = u128::from(burst) * interval;
        Self { requests: u128::from(requests), interval, full, left: full, last: 0 }
    }

    fn take(&mut self, now: u128) -> bool {
        self.left = (self.left + (now - self.last) * self.requests).min(self.full);
        self.last = now;
        let passes = self.left >= self.interval;
        if passes {
            self.left -= self.interval;
        }
        passes
    }
}

/// Rates up to a million a second, in intervals up to an hour.
fn limits() -> impl Strategy<Value = (u32, Duration, u32)> {
    (1_u32..2000, 2_u64..3_600_000, 1_u32..50)
        .prop_map(|(requests, millis, burst)| (requests, Duration::from_millis(millis), burst))
}

proptest! {
    #[test]
    fn no_span_of_time_has_more_than_burst_and_rate(
        (requests, interval, burst) in limits(),
        start in 0_u64..1_000_000_000_000_000_000,
        gaps in proptest::collection::vec(0_u64..3, 1..120),
        scale in 1_u64..4,
    ) {
        let pace = Pace::new(requests, interval, burst).expect("it is within the bounds");
        let word = AtomicU64::new(0);
        let step = interval.as_nanos() as u64 / u64::from(requests) / scale;
        let mut now = start;
        let mut passed = Vec::new();
        for gap in gaps {
            now += gap * step;
            while passed.len() < 2000 && pace.take(&word, Duration::from_nanos(now)).is_ok() {
                passed.push(u128::from(now));
            }
        }
        let interval = interval.as_nanos();
        for (first, begin) in passed.iter().enumerate() {
            for (last, end) in passed.iter().enumerate().skip(first) {
                let count = (last - first + 1) as u128;
                // Two nanoseconds are what a clock may be off.
                let allowed = u128::from(burst) * interval + u128::from(requests) * (end - begin + 2);
                prop_assert!(count * interval <= allowed, "{count} passed in {} ns", end - begin);
            }
        }
    }

    #[test]
    fn whoever_asks_gets_what_an_exact_bucket_gives(
        (requests, interval, burst) in limits(),
        start in 0_u64..1_000_000_000_000_000_000,
        gaps in proptest::collection::vec(0_u64..5_000_000_000, 1..300),
    ) {
        let pace = Pace::new(requests, interval, burst).expect("it is within the bounds");
        let mut model = Model::new(requests, interval, burst);
        model.last = u128::from(start);
        let word = AtomicU64::new(0);
        let (mut now, mut ours, mut exact) = (start, 0_u32, 0_u32);
        for gap in gaps {
            now += gap;
            ours += u32::from(pace.take(&word, Duration::from_nanos(now)).is_ok());
            exact += u32::from(model.take(u128::from(now)));
            prop_assert!(ours.abs_diff(exact) <= 1, "{ours} passed, {exact} may");
        }
    }

    #[test]
    fn the_time_that_is_told_is_the_first_at_which_a_call_passes(
        (requests, interval, burst) in limits(),
        start in 0_u64..1_000_000_000_000_000_000,
    ) {
        let pace = Pace::new(requests, interval, burst).expect("it is within the bounds");
        let word = AtomicU64::new(0);
        let now = Duration::from_nanos(start);
        for _ in 0..burst {
            prop_assert!(pace.take(&word, now).is_ok());
        }
        let refused = pace.take(&word, now).expect_err("the burst is spent");
        let standing = Meter::Pace(pace).standing(&word, now);
        prop_assert_eq!((standing.remaining, standing.next), (0, refused.retry_after));
        prop_assert!(refused.retry_after > Duration::ZERO);
        let then = now + refused.retry_after;
        prop_assert!(pace.take(&word, then - Duration::from_nanos(1)).is_err());
        prop_assert!(pace.take(&word, then).is_ok());
    }
}

#[test]
fn ten_days_of_demand_get_the_rate_to_the_last_call() {
    // A rate that divides nothing evenly.
    let pace = Pace::new(997, Duration::from_secs(1), 1).expect("it is a pace");
    let word = AtomicU64::new(0);
    let begin = Duration::from_secs(3_000_000);
    let (mut now, mut count) = (begin, 0_u64);
    while now < begin + Duration::from_secs(20_000) {
        match pace.take(&word, now) {
            Ok(_) => count += 1,
            Err(refused) => now += refused.retry_after,
        }
    }
    assert!((19_939_999..=19_940_001).contains(&count), "{count}");
}

#[test]
fn threads_share_one_bucket_exactly() {
    const THREADS: usize = 4;
    let pace = Pace::new(1000, Duration::from_secs(1), 100).expect("it is a pace");
    let (word, clock) = (AtomicU64::new(0), AtomicU64::new(5_000_000_000));
    let (begin, end) = (5_000_000_000, 5_500_000_000);
    let ask = || {
        let mut count = 0_u64;
        loop {
            // Clocks of threads are read at different moments, and never go back.
            let now = clock.fetch_add(1_000, Ordering::Relaxed);
            if now > end {
                return count;
            }
            count += u64::from(pace.take(&word, Duration::from_nanos(now)).is_ok());
        }
    };
    let count: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it counts")).sum()
    });
    let allowed = 100 + (end - begin) / 1_000_000;
    assert!((allowed - 1..=allowed).contains(&count), "{count} of {allowed}");
}

#[test]
fn what_is_given_back_is_there_again() {
    let pace = Pace::new(1, Duration::from_secs(1), 2).expect("it is a pace");
    let (word, now) = (AtomicU64::new(0), Duration::from_secs(9));
    let first = pace.take(&word, now).expect("one of two");
    first.give_back(&word);
    let first = pace.take(&word, now).expect("one of two");
    let second = pace.take(&word, now).expect("two of two");
    // Somebody has taken since: it is lost.
    first.give_back(&word);
    assert!(pace.take(&word, now).is_err());
    second.give_back(&word);
    assert!(pace.take(&word, now).is_ok());
}

#[test]
fn a_pace_has_bounds() {
    let second = Duration::from_secs(1);
    assert_eq!(Pace::new(0, second, 1), None);
    assert_eq!(Pace::new(1, second, 0), None);
    assert_eq!(Pace::new(1, Duration::ZERO, 1), None);
    assert_eq!(Pace::new(2_000_000, Duration::from_millis(1), 1), None);
    for (requests, interval, burst) in [
        (1_000_000, Duration::from_millis(1), u32::MAX),
        (1, Duration::from_secs(24 * 3600), u32::MAX),
        (u32::MAX, Duration::from_secs(5), 1),
    ] {
        let pace = Pace::new(requests, interval, burst).expect("it is a pace");
        let word = AtomicU64::new(0);
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        assert!(pace.take(&word, century).is_ok(), "{pace:?}");
    }
}
