//! What threads tell each other of overload, and when they look.
//! It must leave the steps themselves to those who decide on them.

use std::time::{Duration, Instant};

use mesher_traffic::overload::Step;

use super::memory::until_next_look;
use super::{Lag, Pressure, Reason};
use crate::request::invocation::Direction;

const PERIOD: Duration = Duration::from_millis(500);

#[test]
fn the_end_of_inbound_work_and_the_step_stand_in_one_word() {
    let pressure = Pressure::default();
    assert!(!pressure.ends_connections());
    pressure.set_step(Step::Shed);
    assert!(pressure.ends_connections());
    assert_eq!(pressure.step(), Step::Shed);
    pressure.drain();
    assert_eq!(pressure.step(), Step::Shed);
    pressure.set_step(Step::Calm);
    assert_eq!((pressure.step(), pressure.ends_connections()), (Step::Calm, true), "it drains none the less");
}

#[test]
fn what_is_refused_is_counted_by_direction_and_reason() {
    let pressure = Pressure::default();
    pressure.count_shed(Direction::Outbound, Reason::Lag);
    pressure.count_shed(Direction::Outbound, Reason::Lag);
    pressure.count_shed(Direction::Inbound, Reason::Memory);
    let counts: Vec<_> = pressure.shed().filter(|(.., count)| *count > 0).collect();
    assert_eq!(counts, [(Direction::Inbound, Reason::Memory, 1), (Direction::Outbound, Reason::Lag, 2)]);
}

#[test]
fn memory_is_looked_at_before_it_can_be_filled() {
    const MIB: u64 = 1 << 20;
    for (used, limit, millis) in [
        (10 * MIB, 4096 * MIB, 250..=250),
        (5 * MIB, 64 * MIB, 50..=60),
        (48 * MIB, 64 * MIB, 14..=16),
        (63 * MIB, 64 * MIB, 5..=5),
        (70 * MIB, 64 * MIB, 5..=5),
    ] {
        let time = until_next_look(used, limit).as_millis();
        assert!(millis.contains(&time), "{used} of {limit}: {time} ms");
    }
}

#[test]
fn ticks_that_never_came_are_made_up_for() {
    let (lag, pressure) = (Lag::new(None), Pressure::default());
    let begun = Instant::now();
    // Due then, in milliseconds, and how many ticks have passed.
    for (due, passed) in [(0, 1), (500, 1), (1000, 1), (3500, 5), (4000, 1), (60_000, 20)] {
        let due = begun + Duration::from_millis(due);
        assert_eq!(lag.ticked(due, due, PERIOD, &pressure), passed);
    }
}

#[test]
fn a_worker_that_is_late_again_and_again_says_so() {
    let (lag, pressure) = (Lag::new(Some(Duration::from_millis(100))), Pressure::default());
    let begun = Instant::now();
    let mut number = 0;
    let mut tick = |late: u64| {
        number += 1;
        let due = begun + PERIOD * number;
        lag.ticked(due, due + Duration::from_millis(late), PERIOD, &pressure);
        (lag.is_late(), pressure.late_workers())
    };
    assert_eq!([tick(400), tick(400), tick(400)], [(false, 0), (false, 0), (true, 1)]);
    assert_eq!([tick(60), tick(10), tick(400)], [(true, 1), (false, 0), (false, 0)]);
}
