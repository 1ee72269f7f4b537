//! Tables, statistics and a simulation of balancing.
//! They must come out alike each time: every draw follows from a seed, which a failure tells.

mod hashing;
mod loads;
mod nearness;
mod policies;
mod sessions;
mod shares;
mod simulation;

use std::sync::Arc;
use std::time::Duration;

use super::mix;
use super::{BalancePolicy, Groups, Load, Locality, Moment, RoundRobin, Seat, Strategy};

/// Draws that follow from a seed.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix::mixed(mix::mixed(self.0))
    }
}

/// What a worker and its proxy hold for one service.
struct Bench {
    policy: BalancePolicy,
    groups: Groups,
    loads: Vec<Arc<Load>>,
    rotation: RoundRobin,
    draws: Draws,
    now: Duration,
}

/// Names of endpoints, as they differ in a fleet.
fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("10.0.{}.{}:8080", number / 250, number % 250 + 1)).collect()
}

fn seats<'n>(names: &'n [String], weights: &[u32]) -> Vec<Seat<'n>> {
    let seat = |(place, name): (usize, &'n String)| {
        let weight = weights.get(place).copied().unwrap_or(1) * super::group::WEIGHT_ONE;
        Seat { place, name, weight, region: "", zone: "" }
    };
    names.iter().enumerate().map(seat).collect()
}

impl Bench {
    fn new(strategy: Strategy, count: usize, weights: &[u32], seed: u64) -> Self {
        Self::of(BalancePolicy { strategy, ..BalancePolicy::default() }, count, weights, seed)
    }

    fn of(policy: BalancePolicy, count: usize, weights: &[u32], seed: u64) -> Self {
        let groups = policy.groups(Locality::default(), &seats(&names(count), weights));
        Self::over(policy, groups, count, seed)
    }

    fn over(policy: BalancePolicy, groups: Groups, count: usize, seed: u64) -> Self {
        let loads = (0..count).map(|_| Arc::new(Load::known_since(Duration::ZERO))).collect();
        let now = Duration::from_secs(3600);
        Self { policy, groups, loads, rotation: RoundRobin::default(), draws: Draws(seed), now }
    }

    fn pick(&mut self, key: Option<u64>, may_take: &dyn Fn(usize) -> bool) -> Option<usize> {
        let draws = &mut self.draws;
        let mut draw = || draws.next();
        let (now, loads, rotation) = (self.now, self.loads.as_slice(), &mut self.rotation);
        let mut moment = Moment { now, key, loads, rotation, is_call: true, draw: &mut draw };
        self.policy.pick(&self.groups, &mut moment, may_take)
    }

    /// How many of so many calls each gets.
    fn counts(&mut self, calls: usize, may_take: &dyn Fn(usize) -> bool) -> Vec<usize> {
        let mut counts = vec![0; self.loads.len()];
        for _ in 0..calls {
            counts[self.pick(None, may_take).unwrap()] += 1;
        }
        counts
    }
}

/// How far counts are from what is expected of them: chi-square.
fn chi_square(counts: &[usize], expected: &[f64]) -> f64 {
    let squares = counts.iter().zip(expected).filter(|(_, expected)| **expected > 0.0);
    squares.map(|(count, expected)| (*count as f64 - expected).powi(2) / expected).sum()
}

/// The chi-square that so many degrees of freedom exceed by chance once in ten thousand (Wilson and Hilferty).
fn chi_square_max(freedom: usize) -> f64 {
    let freedom = freedom as f64;
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + 3.719 * part.sqrt()).powi(3)
}
