//! The division of a limit: it adds up, it gives those who ask, it leaves something for those who begin.
//! They must hold for any demand, and for any number of proxies.

use std::time::Duration;

use proptest::prelude::*;

use crate::limit::lease::{HOLD, Lease, SLIDE, WHOLE, slices};

const ALL: u64 = WHOLE as u64;

proptest! {
    #[test]
    fn parts_add_up_to_the_limit(wanted in proptest::collection::vec(0_u64..4 * ALL, 1..300)) {
        let parts = slices(&wanted);
        prop_assert_eq!(parts.iter().map(|part| u64::from(*part)).sum::<u64>(), ALL);
        // Whoever wants more gets no less.
        let mut pairs: Vec<_> = wanted.iter().zip(&parts).collect();
        pairs.sort();
        for pair in pairs.windows(2) {
            let slack = 8;
            prop_assert!(*pair[0].1 <= pair[1].1 + slack, "{:?}", pair);
        }
    }

    #[test]
    fn whatever_all_want_and_there_is_they_get(wanted in proptest::collection::vec(0_u64..ALL, 1..100)) {
        let all: u64 = wanted.iter().sum::<u64>().max(1);
        // 63 of 64 parts of the limit, divided in proportion.
        let wanted: Vec<_> = wanted.iter().map(|one| (u128::from(*one) * u128::from(ALL - ALL / 64) / u128::from(all)) as u64).collect();
        for (wanted, part) in wanted.iter().zip(slices(&wanted)) {
            prop_assert!(u64::from(part) >= *wanted, "{} of {}", part, wanted);
        }
    }

    #[test]
    fn nobody_goes_without(wanted in proptest::collection::vec(0_u64..4 * ALL, 1..1000)) {
        let least = ALL / 64 / wanted.len() as u64;
        prop_assert!(slices(&wanted).iter().all(|part| u64::from(*part) >= least));
    }

    #[test]
    fn what_lasts_without_the_control_plane_adds_up(
        wanted in proptest::collection::vec(0_u64..4 * ALL, 1..100),
        away in 0_u64..200_000,
    ) {
        let parts = slices(&wanted);
        let (lost, count) = (Duration::from_secs(77), parts.len() as u32);
        let now = lost + Duration::from_millis(away);
        let held: u64 = parts.iter().map(|part| {
            let mut lease = Lease::default();
            lease.tell(*part, count);
            lease.lose(lost);
            lease.lose(now);
            let held = lease.parts(now);
            // An eighth at most is gone, and an eighth of an even part is there.
            assert!(u64::from(held) >= u64::from(*part) * 7 / 8);
            u64::from(held)
        }).sum();
        prop_assert!(held <= ALL && held + 2 * u64::from(count) >= ALL, "{}", held);
    }
}

#[test]
fn many_want_more_than_there_is() {
    // In thousandths of the limit. Those that want little get it, the others as much as each other.
    let wanted: Vec<_> = [10, 0, 100, 900, 5000].map(|one: u64| one * ALL / 1000).to_vec();
    let parts: Vec<_> = slices(&wanted).iter().map(|part| part / (WHOLE / 1000)).collect();
    assert_eq!(parts, [10, 3, 100, 443, 443]);
}

#[test]
fn nobody_wants_anything() {
    assert_eq!(slices(&[]), [0; 0]);
    assert_eq!(slices(&[0, 0, 0, 0]), [WHOLE / 4; 4]);
    assert_eq!(slices(&[u64::MAX]), [WHOLE]);
    assert_eq!(slices(&[u64::MAX, u64::MAX]), [WHOLE / 2; 2]);
}

#[test]
fn a_lease_holds_for_a_while_and_slides() {
    let mut lease = Lease::default();
    assert_eq!(lease.parts(Duration::ZERO), WHOLE / 8);
    lease.lose(Duration::ZERO);
    assert_eq!(lease.away_since(), None, "who was never told has lost nothing");
    lease.tell(WHOLE / 2, 20);
    let lost = Duration::from_secs(100);
    lease.lose(lost);
    assert_eq!(lease.parts(lost + HOLD), WHOLE / 2);
    let last = lease.parts(lost + HOLD + SLIDE);
    assert_eq!(last, WHOLE / 2 / 8 * 7 + WHOLE / 20 / 8);
    assert_eq!(lease.parts(lost + 50 * SLIDE), last);
    lease.tell(WHOLE / 3, 20);
    assert_eq!(lease.parts(lost + 50 * SLIDE), WHOLE / 3);
}
