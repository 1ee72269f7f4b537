//! Places of a bulkhead, case by case and by many threads.
//! No order of calls may let in one too many, or lose a place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::bulkhead::{AdaptivePolicy, Bulkhead, BulkheadPolicy, Full};

#[test]
fn a_place_is_free_again_however_its_call_ends() {
    let bulkhead = Arc::new(Bulkhead::new(BulkheadPolicy::Fixed(2)));
    let first = bulkhead.enter().unwrap();
    let second = bulkhead.enter().unwrap();
    assert_eq!(bulkhead.foretell(), Err(Full { limit: 2 }));
    assert_eq!(bulkhead.enter().unwrap_err(), Full { limit: 2 });
    drop(first);
    let third = bulkhead.enter().unwrap();
    drop(second);
    third.learn(Duration::ZERO, Duration::from_secs(1));
    drop(third);
    assert!(bulkhead.foretell().is_ok());
    let told = bulkhead.told();
    assert_eq!((told.in_flight, told.limit, told.refused, told.baseline), (0, 2, 1, None));
}

#[test]
fn nobody_enters_where_no_call_may() {
    let bulkhead = Arc::new(Bulkhead::new(BulkheadPolicy::Fixed(0)));
    assert_eq!(bulkhead.enter().unwrap_err(), Full { limit: 0 });
}

#[test]
fn threads_never_have_more_places_than_there_are() {
    let bulkhead = Arc::new(Bulkhead::new(BulkheadPolicy::Fixed(5)));
    let (inside, most, entered) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let Ok(place) = bulkhead.enter() else { continue };
                    let count = inside.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(count, Ordering::SeqCst);
                    entered.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(place);
                }
            });
        }
    });
    assert!(most.into_inner() <= 5 && entered.into_inner() > 0);
    assert_eq!(bulkhead.told().in_flight, 0);
}

#[test]
fn limits_are_brought_in_order() {
    for (least, initial, most) in [(0, 0, 0), (10, 5, 1), (1, u32::MAX, u32::MAX)] {
        let policy = AdaptivePolicy::default().with_limits(least, initial, most);
        let bulkhead = Arc::new(Bulkhead::new(BulkheadPolicy::Adaptive(policy)));
        assert!(bulkhead.enter().is_ok(), "{least} {initial} {most}");
    }
}

#[test]
fn threads_may_feed_one_limit() {
    let policy = AdaptivePolicy::default();
    let bulkhead = Arc::new(Bulkhead::new(BulkheadPolicy::Adaptive(policy)));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for call in 0..20_000_u64 {
                    let Ok(place) = bulkhead.enter() else { continue };
                    place.learn(Duration::from_micros(call * 500), Duration::from_millis(10));
                }
            });
        }
    });
    let told = bulkhead.told();
    let baseline = told.baseline.expect("so many calls are enough to measure");
    assert!((9..=11).contains(&baseline.as_millis()), "{baseline:?}");
    assert_eq!(told.in_flight, 0);
}
