//! When something is left out, and when no more.
//! Marks are those of the ladder, and no step may be left at the mark where it is taken.

use std::time::Duration;

use proptest::prelude::*;

use super::{Lateness, Step};

const LIMIT: u64 = 1_000;

/// The steps that follow from a course of what is used, in thousandths of the limit.
fn course(used: &[u64]) -> Vec<Step> {
    let mut step = Step::Calm;
    used.iter()
        .map(|used| {
            step = step.next(*used, LIMIT);
            step
        })
        .collect()
}

#[test]
fn steps_are_taken_at_their_marks_and_left_below() {
    use Step::{Calm, NoKeepAlive, Shed, Trickle};
    let table: [(&[u64], &[Step]); 5] = [
        (&[0, 919, 920, 949, 950, 979, 980], &[Calm, Calm, NoKeepAlive, NoKeepAlive, Shed, Shed, Trickle]),
        (
            &[980, 960, 959, 930, 929, 900, 899],
            &[Trickle, Trickle, Shed, Shed, NoKeepAlive, NoKeepAlive, Calm],
        ),
        (&[2_000, 0], &[Trickle, Calm]),
        (&[950, 949, 931, 950], &[Shed, Shed, Shed, Shed]),
        (&[930, 925, 910, 950], &[NoKeepAlive, NoKeepAlive, NoKeepAlive, Shed]),
    ];
    for (used, expected) in table {
        assert_eq!(course(used), expected, "{used:?}");
    }
}

#[test]
fn a_step_is_known_by_its_number() {
    for step in Step::ALL {
        assert_eq!(Step::of(step as u8), step);
    }
    assert_eq!(Step::of(200), Step::Trickle);
}

proptest! {
    #[test]
    fn a_step_is_never_lower_than_its_mark_asks(used in proptest::collection::vec(0_u64..1_100, 1..100)) {
        for (used, step) in used.iter().zip(course(&used)) {
            prop_assert!(*used < 980 || step == Step::Trickle);
            prop_assert!(*used < 950 || step >= Step::Shed);
            prop_assert!(*used < 920 || step >= Step::NoKeepAlive);
            prop_assert!(*used >= 900 || step == Step::Calm);
            prop_assert!(*used >= 930 || step <= Step::NoKeepAlive);
        }
    }
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Whether work is late after each look, one every 500 ms, for a target of 100 ms.
fn lateness(late: &[u64]) -> String {
    let mut lateness = Lateness::new(at(100));
    let looks = (0..).zip(late).map(|(number, late)| {
        let before = lateness.is_late();
        let changed = lateness.seen(at(500 * number), at(*late));
        assert_eq!(changed.is_some(), before != lateness.is_late());
        if lateness.is_late() { '!' } else { '.' }
    });
    looks.collect()
}

#[test]
fn what_is_late_for_a_moment_is_not_late() {
    for (late, expected) in [
        (&[0, 10_000, 0, 0][..], "...."),
        (&[101, 101, 101, 101], "..!!"),
        (&[100, 100, 100, 100], "...."),
        (&[101, 101, 100, 101, 101, 101], ".....!"),
        // Caught up is who has half of the time left.
        (&[200, 200, 200, 51, 100, 50, 51], "..!!!.."),
        (&[200, 200, 200, 60, 200, 50, 200, 200, 200], "..!!!...!"),
    ] {
        assert_eq!(lateness(late), expected, "{late:?}");
    }
}

#[test]
fn one_halt_that_several_looks_see_at_once_is_one() {
    let mut lateness = Lateness::new(at(100));
    for late in [5_000, 4_500, 4_000, 3_500] {
        assert_eq!(lateness.seen(at(5_000), at(late)), None);
    }
    assert!(!lateness.is_late());
}
