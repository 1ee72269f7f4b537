//! Tables and properties of the decisions.
//! They must hold for every list and every order of calls, not for one example.

use proptest::prelude::*;

use crate::retry::is_idempotent;
use crate::{RetryPolicy, RoundRobin, Safety};

#[test]
fn nothing_is_picked_from_nothing() {
    assert_eq!(RoundRobin::default().pick(0, |_| true), None);
    assert_eq!(RoundRobin::default().pick(3, |_| false), None);
}

#[test]
fn places_are_taken_in_turn() {
    let mut rotation = RoundRobin::starting_at(1);
    let picks: Vec<_> = (0..5).filter_map(|_| rotation.pick(3, |_| true)).collect();
    assert_eq!(picks, [1, 2, 0, 1, 2]);
}

#[test]
fn a_further_try_needs_safety_and_a_place_in_the_budget() {
    let policy = RetryPolicy::default();
    let table = [
        (1, Safety::NothingSent, false, true),
        (2, Safety::NothingSent, false, true),
        (3, Safety::NothingSent, true, false),
        (1, Safety::MayHaveActed, true, true),
        (1, Safety::MayHaveActed, false, false),
        (1, Safety::Spent, true, false),
    ];
    for (tries, safety, idempotent, expected) in table {
        assert_eq!(
            policy.may_try_again(tries, safety, idempotent),
            expected,
            "{tries} {safety:?} {idempotent}"
        );
    }
    assert!(!is_idempotent("POST") && !is_idempotent("PATCH") && !is_idempotent("get"));
    assert!(is_idempotent("GET") && is_idempotent("DELETE"));
}

proptest! {
    #[test]
    fn eligible_places_share_alike(mask in proptest::collection::vec(any::<bool>(), 1..20), start in any::<u16>(), rounds in 1_usize..50) {
        let mut rotation = RoundRobin::starting_at(usize::from(start));
        let mut taken = vec![0_usize; mask.len()];
        for _ in 0..rounds {
            if let Some(place) = rotation.pick(mask.len(), |place| mask[place]) {
                prop_assert!(mask[place]);
                taken[place] += 1;
            }
        }
        let eligible: Vec<_> = taken.iter().zip(&mask).filter(|(_, mask)| **mask).map(|(count, _)| *count).collect();
        if let (Some(most), Some(least)) = (eligible.iter().max(), eligible.iter().min()) {
            prop_assert!(most - least <= 1);
            prop_assert_eq!(eligible.iter().sum::<usize>(), rounds);
        }
    }
}
