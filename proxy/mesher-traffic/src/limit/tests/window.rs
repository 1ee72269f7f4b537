//! Permits of fixed periods, against the arithmetic that Java does.
//! They must count what is promised to those who wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use crate::limit::{Meter, Window};

const SECOND: Duration = Duration::from_secs(1);

/// As resilience4j keeps it: permits that are left, which become fewer than none where some are promised.
struct Model {
    permits: i64,
    period: u64,
    patience: u64,
    cycle: u64,
    left: i64,
}

impl Model {
    /// The wait of a call that passes.
    fn take(&mut self, now: u64) -> Option<u64> {
        let cycle = now / self.period;
        let passed = (cycle - self.cycle) as i64;
        self.left = (self.left + passed * self.permits).min(self.permits);
        self.cycle = cycle;
        if self.left > 0 {
            self.left -= 1;
            return Some(0);
        }
        let cycles = (-self.left / self.permits) as u64;
        let wait = (cycle + 1 + cycles) * self.period - now;
        (wait <= self.patience).then(|| {
            self.left -= 1;
            wait
        })
    }
}

proptest! {
    #[test]
    fn permits_are_those_of_the_model(
        permits in 1_u32..10,
        period in 1_u64..1000,
        patience in 0_u64..3000,
        gaps in proptest::collection::vec(0_u64..400, 1..300),
    ) {
        let millis = |millis| millis * 1_000_000;
        let window = Window::new(permits, Duration::from_millis(period), Duration::from_millis(patience));
        let window = window.expect("it is within the bounds");
        let mut model =
            Model { permits: permits.into(), period: millis(period), patience: millis(patience), cycle: 0, left: permits.into() };
        let word = AtomicU64::new(0);
        let mut now = 0;
        for gap in gaps {
            now += gap * 500_000;
            let ours = window.take(&word, Duration::from_nanos(now));
            let theirs = model.take(now);
            prop_assert_eq!(ours.ok().map(|granted| granted.wait.as_nanos() as u64), theirs);
        }
    }

    #[test]
    fn the_time_that_is_told_is_the_next_period_with_a_permit(permits in 1_u32..20, at in 0_u64..5_000) {
        let window = Window::new(permits, SECOND, Duration::ZERO).expect("it is within the bounds");
        let (word, now) = (AtomicU64::new(0), Duration::from_millis(at));
        for _ in 0..permits {
            prop_assert!(window.take(&word, now).is_ok());
        }
        let refused = window.take(&word, now).expect_err("they are spent");
        prop_assert_eq!(Meter::Window(window).standing(&word, now).next, refused.retry_after);
        prop_assert!(window.take(&word, now + refused.retry_after - Duration::from_nanos(1)).is_err());
        prop_assert!(window.take(&word, now + refused.retry_after).is_ok());
    }
}

#[test]
fn eleven_calls_in_one_second_of_ten() {
    let window = Window::new(10, SECOND, Duration::ZERO).expect("it is a window");
    let word = AtomicU64::new(0);
    let now = |count: u64| Duration::from_millis(7_000 + count);
    let passed = (0..11).filter(|count| window.take(&word, now(*count)).is_ok()).count();
    assert_eq!(passed, 10);
    assert!(window.take(&word, Duration::from_secs(8)).is_ok());
}

#[test]
fn threads_share_the_permits_of_a_period_exactly() {
    let window = Window::new(1_000, SECOND, Duration::ZERO).expect("it is a window");
    let (word, asked) = (AtomicU64::new(0), AtomicU64::new(0));
    let ask = || {
        let mut count = 0_u64;
        while asked.fetch_add(1, Ordering::Relaxed) < 100_000 {
            count += u64::from(window.take(&word, Duration::from_millis(3_500)).is_ok());
        }
        count
    };
    let count: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it counts")).sum()
    });
    assert_eq!(count, 1_000);
}

#[test]
fn a_window_has_bounds() {
    assert_eq!(Window::new(0, SECOND, Duration::ZERO), None);
    assert_eq!(Window::new(1_000_001, SECOND, Duration::ZERO), None);
    assert_eq!(Window::new(1, Duration::from_micros(999), Duration::ZERO), None);
}
