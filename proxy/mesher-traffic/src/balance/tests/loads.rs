//! What is known of one endpoint.
//! They must hold with many threads that write at once.

use std::sync::Arc;
use std::time::Duration;

use crate::balance::load::AVOIDED_MAX;
use crate::balance::strategy::PEAK_DECAY;
use crate::balance::{Load, TryEnd};

const MOMENT: Duration = Duration::from_secs(100);

fn load() -> Arc<Load> {
    Arc::new(Load::known_since(Duration::ZERO))
}

#[test]
fn calls_of_many_threads_are_counted() {
    let load = load();
    std::thread::scope(|scope| {
        for thread in 0_u32..4 {
            let load = &load;
            scope.spawn(move || {
                for call in 0_u32..10_000 {
                    let in_flight = load.begin();
                    assert!(in_flight.load().in_flight() >= 1);
                    let elapsed = Duration::from_millis(u64::from(10 + (call + thread) % 10));
                    load.record(
                        MOMENT + Duration::from_millis(call.into()),
                        elapsed,
                        TryEnd::Answered,
                        PEAK_DECAY,
                    );
                }
            });
        }
    });
    assert_eq!((load.in_flight(), load.begun()), (0, 40_000));
    let (peak, mean) = (load.peak_latency(MOMENT, PEAK_DECAY).unwrap(), load.mean_latency().unwrap());
    assert!((0.010..0.0195).contains(&mean) && (0.010..0.0195).contains(&peak), "{mean} {peak}");
}

#[test]
fn a_peak_is_taken_at_once_and_forgotten_by_and_by() {
    let load = load();
    let record = |at, milliseconds| {
        load.record(at, Duration::from_millis(milliseconds), TryEnd::Answered, PEAK_DECAY);
    };
    let latency = |at| (load.peak_latency(at, PEAK_DECAY).unwrap() * 1000.0).round();
    assert_eq!(load.peak_latency(MOMENT, PEAK_DECAY), None);
    record(MOMENT, 10);
    record(MOMENT, 500);
    assert_eq!(latency(MOMENT), 500.0);
    record(MOMENT + PEAK_DECAY, 10);
    assert_eq!(
        latency(MOMENT + PEAK_DECAY),
        (500.0_f32 / 1_f32.exp() + 10.0 * (1.0 - 1.0 / 1_f32.exp())).round()
    );
    // A clock that was read a moment before counts as now.
    assert_eq!(latency(MOMENT), latency(MOMENT + PEAK_DECAY));
}

#[test]
fn who_fails_fast_does_not_look_fast_and_who_leaves_says_little() {
    let (failing, left, unknown) = (load(), load(), load());
    let fast = Duration::from_millis(1);
    failing.record(MOMENT, fast, TryEnd::Failed, PEAK_DECAY);
    assert!(failing.cost(MOMENT, PEAK_DECAY) >= 1.0);
    left.record(MOMENT, fast, TryEnd::Left, PEAK_DECAY);
    assert_eq!(left.peak_latency(MOMENT, PEAK_DECAY), None);
    left.record(MOMENT, fast * 20, TryEnd::Answered, PEAK_DECAY);
    left.record(MOMENT, fast, TryEnd::Left, PEAK_DECAY);
    assert_eq!((left.cost(MOMENT, PEAK_DECAY) * 1000.0).round(), 20.0);
    left.record(MOMENT, fast * 50, TryEnd::Left, PEAK_DECAY);
    assert_eq!((left.cost(MOMENT, PEAK_DECAY) * 1000.0).round(), 50.0);
    // Who was never measured is tried first, and by one call.
    assert_eq!(unknown.cost(MOMENT, PEAK_DECAY), 0.0);
    let _call = unknown.begin();
    assert!(unknown.cost(MOMENT, PEAK_DECAY) > failing.cost(MOMENT, PEAK_DECAY));
}

#[test]
fn a_wish_to_be_left_alone_is_bounded() {
    let load = load();
    assert!(!load.is_avoided(MOMENT));
    load.avoid(MOMENT, Duration::from_secs(5));
    load.avoid(MOMENT, Duration::from_secs(2));
    assert!(load.is_avoided(MOMENT + Duration::from_millis(4_999)), "the longer one holds");
    assert!(!load.is_avoided(MOMENT + Duration::from_secs(5)));
    load.avoid(MOMENT, Duration::from_secs(86_400));
    assert_eq!(load.avoided_for(MOMENT), Some(AVOIDED_MAX));
}
