//! Many threads at one breaker: no count is lost, no probe too many is sent, it opens once.
//! They must be as many as there are, so that words are really contended.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::*;
use crate::breaker::Standing;

const THREADS: usize = 8;

/// Runs the same on all threads at once.
fn together(work: impl Fn(usize) + Sync) {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(number);
            });
        }
    });
}

#[test]
fn no_call_of_a_window_is_counted_twice_or_not_at_all() {
    const CALLS: usize = 1000;
    let spans = [Span::Calls((THREADS * CALLS) as u32), Span::Calls(777), Span::Time(at(10_000))];
    for span in spans {
        // Never opened, though the first calls of all may be failures: only the counts matter.
        let policy = BreakerPolicy::new(span, Percent::ALL, at(1000)).with_minimum_calls(u32::MAX);
        let breaker = breaker(policy);
        together(|number| {
            for call in 0..CALLS {
                let seen = if (call + number) % 4 == 0 { FAILED } else { GOOD };
                breaker.ask(at(0)).unwrap().record(at(0), seen);
            }
        });
        let told = breaker.told(at(0));
        match span {
            Span::Calls(777) => {
                assert_eq!(told.calls, 777);
                // What the window holds now are failures and successes in some order; 777 good ones push all out.
                calls(&breaker, at(0), 777, GOOD);
                assert_eq!(breaker.told(at(0)).failed, 0);
            }
            _ => assert_eq!((told.calls, told.failed), (8000, 2000), "{span:?}"),
        }
    }
}

#[test]
fn it_opens_once_and_lets_through_no_probe_too_many() {
    for round in 0..200 {
        let breaker = breaker(of_calls(50, 50, at(1000)).with_probes(3));
        together(|_| {
            for _ in 0..100 {
                if let Ok(permit) = breaker.ask(at(0)) {
                    permit.record(at(0), FAILED);
                }
            }
        });
        let told = breaker.told(at(0));
        assert_eq!((told.standing, told.opened), (Standing::Open, 1), "round {round}");
        let (allowed, kept) = (AtomicU32::new(0), std::sync::Mutex::new(Vec::new()));
        together(|_| {
            for _ in 0..20 {
                if let Ok(permit) = breaker.ask(at(1500)) {
                    allowed.fetch_add(1, Ordering::Relaxed);
                    kept.lock().unwrap().push(permit);
                }
            }
        });
        assert_eq!(allowed.into_inner(), 3, "round {round}");
        let permits = kept.into_inner().unwrap();
        permits.into_iter().for_each(|permit| permit.record(at(1600), GOOD));
        let told = breaker.told(at(1600));
        assert_eq!((told.standing, told.closed), (Standing::Closed, 1), "round {round}");
    }
}
