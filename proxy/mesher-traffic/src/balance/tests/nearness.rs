//! Which zone takes the calls.
//! They must show what happens as a zone empties, step by step.

use super::{Bench, Locality, Seat, names};
use crate::balance::nearness::OVERPROVISIONING_PERCENT;
use crate::balance::{BalancePolicy, Groups, Strategy, ZoneRule};

const PREFER: ZoneRule = ZoneRule::Prefer { overprovisioning_percent: OVERPROVISIONING_PERCENT };
const OWN: Locality<'_> = Locality { region: "r1", zone: "z1" };

/// A service with so many instances in the own zone, in another of the region, and in another region.
fn bench(rule: ZoneRule, counts: [usize; 3], own: Locality<'_>) -> Bench {
    let places = [("r1", "z1"), ("r1", "z2"), ("r2", "z3")];
    let zones: Vec<_> =
        places.into_iter().zip(counts).flat_map(|(place, count)| std::iter::repeat_n(place, count)).collect();
    let names = names(zones.len());
    let seat = |(place, (region, zone)): (usize, &(&'static str, &'static str))| Seat {
        place,
        name: &names[place],
        weight: 1000,
        region,
        zone,
    };
    let seats: Vec<_> = zones.iter().enumerate().map(seat).collect();
    let policy = BalancePolicy { strategy: Strategy::Random, zone: Some(rule), ..BalancePolicy::default() };
    let groups = policy.groups(own, &seats);
    Bench::over(policy, groups, zones.len(), 91)
}

/// Percentages of the calls that the own zone, the own region and the others get.
fn shares(bench: &mut Bench, counts: [usize; 3], may_take: &dyn Fn(usize) -> bool) -> [f64; 3] {
    const CALLS: usize = 20_000;
    let taken = bench.counts(CALLS, may_take);
    let (zone, rest) = taken.split_at(counts[0]);
    let (region, others) = rest.split_at(counts[1]);
    [zone, region, others].map(|counts| counts.iter().sum::<usize>() as f64 * 100.0 / CALLS as f64)
}

#[test]
fn the_own_zone_takes_the_calls_while_enough_of_it_is_well() {
    let counts = [10, 10, 10];
    let mut bench = bench(PREFER, counts, OWN);
    // Healthy instances of the own zone; the share that stays in it.
    for (healthy, stays) in [(10, 100.0), (8, 100.0), (5, 70.0), (2, 28.0), (0, 0.0)] {
        let may_take = move |place: usize| place >= 10 || place < healthy;
        let [zone, region, others] = shares(&mut bench, counts, &may_take);
        assert!((zone - stays).abs() < 1.5, "{healthy}: {zone} {region} {others}");
        assert!(
            others == 0.0 && (region - (100.0 - stays)).abs() < 1.5,
            "{healthy}: {zone} {region} {others}"
        );
    }
    // 3, 2 and 3 of 10: what one zone cannot bear, the next takes, and then the last.
    let few = shares(&mut bench, counts, &|place| place % 4 == 0);
    assert!(
        few.iter().zip([42.0, 28.0, 30.0]).all(|(share, expected)| (share - expected).abs() < 1.5),
        "{few:?}"
    );
    let [.., others] = shares(&mut bench, counts, &|place| place == 29);
    assert_eq!(others, 100.0, "whoever is left takes the calls, wherever he is");
}

/// One instance beside nine elsewhere must not take the calls of half the fleet.
#[test]
fn a_small_zone_takes_no_more_than_it_can_bear() {
    let counts = [1, 9, 0];
    let mut bench = bench(PREFER, counts, OWN);
    let [zone, region, _] = shares(&mut bench, counts, &|_| true);
    assert!((zone - 28.0).abs() < 1.5, "{zone} {region}");
}

#[test]
fn java_lets_a_level_stand_alone_if_its_part_is_in_the_range() {
    let rule = ZoneRule::Ratio { least: 30, most: 70 };
    for (counts, expected) in [
        // All in the own zone is more than the range, and joins the next levels, which are empty.
        ([4, 0, 0], [100.0, 0.0, 0.0]),
        ([4, 4, 2], [100.0, 0.0, 0.0]),
        // 20 % join the region, which is 60 %.
        ([2, 4, 4], [100.0 / 3.0, 200.0 / 3.0, 0.0]),
        // 80 % are more than the range, and so is the region.
        ([8, 1, 1], [80.0, 10.0, 10.0]),
        ([1, 1, 8], [10.0, 10.0, 80.0]),
        ([0, 5, 5], [0.0, 100.0, 0.0]),
    ] {
        let mut bench = bench(rule, counts, OWN);
        let found = shares(&mut bench, counts, &|_| true);
        let is_close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 2.0);
        assert!(is_close, "{counts:?}: {found:?}");
        // Where nobody of a level may, the others take the calls.
        let last = counts.iter().sum::<usize>() - 1;
        assert_eq!(bench.pick(None, &|place| place == last), Some(last), "{counts:?}");
    }
}

#[test]
fn who_does_not_know_where_he_is_is_near_to_everybody() {
    let counts = [2, 2, 2];
    for rule in [PREFER, ZoneRule::Ratio { least: 30, most: 70 }] {
        let mut bench = bench(rule, counts, Locality::default());
        assert_eq!(bench.groups.len(), 1);
        assert!(shares(&mut bench, counts, &|_| true).iter().all(|share| (share - 33.3).abs() < 2.0));
    }
}

/// The same key stays with one endpoint also where a part of the calls leaves the zone.
#[test]
fn a_key_that_leaves_its_zone_leaves_it_each_time() {
    let mut bench = bench(PREFER, [1, 9, 0], OWN);
    bench.policy.strategy = Strategy::Maglev { size: 251 };
    let names = names(10);
    let seats: Vec<_> = (0..10)
        .map(|place| Seat {
            place,
            name: &names[place],
            weight: 1000,
            region: "r1",
            zone: if place == 0 { "z1" } else { "z2" },
        })
        .collect();
    bench.groups = Groups::new(bench.policy.strategy, Some(PREFER), OWN, &seats);
    let mut own = 0;
    for number in 0..500_u64 {
        let key = Some(super::mix::mixed(number));
        let places: Vec<_> = (0..5).map(|_| bench.pick(key, &|_| true)).collect();
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
        own += usize::from(places[0] == Some(0));
    }
    assert!((100..180).contains(&own), "{own}");
}
