//! When a burst counts as over.
//! It must not be over twice.

use super::{Burst, Relief, Tide};

#[test]
fn only_a_large_fall_is_an_ebb() {
    let tide = Tide::default();
    let seen = [10, 99, 1, 1000, 600, 500, 0, 400, 300, 200, 0].map(|count| tide.has_ebbed(count));
    let expected = [false, false, false, false, false, true, true, false, false, true, true];
    assert_eq!(seen, expected);
}

#[test]
fn a_burst_is_over_once_nothing_more_happens() {
    let relief = Relief::default();
    let mut burst = Burst::new(relief.clone());
    burst.add(60);
    burst.look();
    burst.look();
    assert!(!relief.was_asked(), "too little");
    burst.add(60);
    burst.look();
    assert!(!relief.was_asked(), "not over");
    burst.look();
    assert!(relief.was_asked());
    burst.look();
    assert!(!relief.was_asked(), "told twice");
}
