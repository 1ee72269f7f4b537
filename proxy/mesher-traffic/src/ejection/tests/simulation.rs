//! A service of ten endpoints of which one answers at once, with a failure: how many calls it still gets.
//! Whoever balances by calls under way must not be drawn to it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;
use crate::chance::Chance;

const ENDPOINTS: usize = 10;
const ODD: usize = 3;

/// How a call is given to one of those that are left.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Balancing {
    InTurn,
    /// The one of two with fewer calls under way.
    LeastOfTwo,
}

/// Calls that the odd endpoint got in each second, of all.
struct Shares(Vec<(u32, u32)>);

impl Shares {
    fn between(&self, seconds: std::ops::Range<usize>) -> f64 {
        let part = self.0.get(seconds).unwrap_or_default();
        let (odd, all) = part.iter().fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
        f64::from(odd) / f64::from(all.max(1))
    }
}

/// 500 calls a second for a minute; the odd one answers in 1 ms, the others in 20 ms; `fails` of the odd one's calls fail.
fn run(watch: &Watch, balancing: Balancing, fails: f64, seed: u64) -> Shares {
    let (mut chance, mut shares) = (Chance::new(seed), Shares(vec![(0, 0); 60]));
    let (mut under_way, mut in_flight, mut next) = (BinaryHeap::new(), [0_u32; ENDPOINTS], 0_usize);
    let mut now = 0.0;
    while now < 60.0 {
        now += chance.exponential(1.0 / 500.0);
        while let Some(&Reverse((ending, place))) = under_way.peek()
            && ending <= (now * 1e6) as u64
        {
            under_way.pop();
            in_flight[place] -= 1;
            let is_failure = place == ODD && chance.happens(fails);
            let elapsed = at(if place == ODD { 1 } else { 20 });
            watch.ended(place, Duration::from_micros(ending), is_failure, elapsed);
        }
        let time = Duration::from_secs_f64(now);
        let may_take = |place: &usize| !watch.is_ejected(*place, time, true);
        let left: Vec<_> = (0..ENDPOINTS).filter(may_take).collect();
        let place = match balancing {
            Balancing::InTurn => left[next % left.len()],
            Balancing::LeastOfTwo => {
                let two = [left[chance.below(left.len())], left[chance.below(left.len())]];
                two.into_iter().min_by_key(|place| in_flight[*place]).unwrap()
            }
        };
        next += 1;
        watch.chosen(place, time);
        in_flight[place] += 1;
        under_way.push(Reverse(((now * 1e6) as u64 + if place == ODD { 1000 } else { 20_000 }, place)));
        let second = &mut shares.0[(now as usize).min(59)];
        second.0 += u32::from(place == ODD);
        second.1 += 1;
    }
    shares
}

#[test]
fn an_endpoint_that_fails_fast_gets_next_to_nothing() {
    for balancing in [Balancing::InTurn, Balancing::LeastOfTwo] {
        let (unwatched, _) = (EjectionPolicy { consecutive_failures: 0, ..EjectionPolicy::default() }, ());
        let drawn = run(&watch(unwatched, ENDPOINTS), balancing, 1.0, 1).between(0..60);
        assert!(drawn > 0.09, "{balancing:?}: without a watch it gets its share, or more: {drawn}");
        for seed in 1..=5 {
            let shares = run(&watch(EjectionPolicy::default(), ENDPOINTS), balancing, 1.0, seed);
            let (first, later) = (shares.between(0..10), shares.between(10..60));
            println!(
                "{balancing:?}, seed {seed}: {:.4} in the first ten seconds, {:.5} later; unwatched {drawn:.3}",
                first, later
            );
            assert!(first < 0.05 && later < 0.001, "{balancing:?}, seed {seed}: {first}, {later}");
        }
    }
}

#[test]
fn an_endpoint_of_which_every_other_call_fails_is_found_by_its_share() {
    let failure_share = Some(percent_of(30));
    for seed in 1..=5 {
        let policy = EjectionPolicy { consecutive_failures: 20, failure_share, ..EjectionPolicy::default() };
        let later = run(&watch(policy, ENDPOINTS), Balancing::InTurn, 0.5, seed).between(11..60);
        assert!(later < 0.05, "seed {seed}: {later}");
    }
}

#[test]
fn nobody_is_ejected_where_all_work() {
    for seed in 1..=5 {
        let watch = watch(EjectionPolicy::default(), ENDPOINTS);
        run(&watch, Balancing::InTurn, 0.02, seed);
        assert_eq!(watch.ejections(), 0, "seed {seed}");
    }
}
