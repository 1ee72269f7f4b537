//! What a seed determines before anything happens: the rules, the instances, and what becomes of each of them.
//! Whatever is drawn must be something that a rule may say.

use std::time::Duration;

use mesher_model::rule::{Percent, RetryBudget, Span as RuleSpan};

use super::instance::{Fate, Instance, USUAL};
use crate::RetryPolicy;
use crate::balance::strategy::PEAK_DECAY;
use crate::balance::{BalancePolicy, Strategy};
use crate::breaker::{BreakerPolicy, BreakerRule, Span};
use crate::bulkhead::{AdaptivePolicy, BulkheadPolicy};
use crate::chance::Chance;
use crate::ejection::EjectionPolicy;
use crate::limit::{Meter, Pace};
use crate::retry::Pause;
use crate::statuses::Statuses;

/// Until then instances are in trouble; from then on all of them work.
pub(super) const TROUBLE: Duration = Duration::from_secs(20);
/// By then whoever was passed over, or refused, is back.
pub(super) const SETTLED: Duration = Duration::from_secs(35);
/// The end of a run.
pub(super) const END: Duration = Duration::from_secs(40);

/// The longest that anything of these rules keeps calls away from an instance or a service, so that [`SETTLED`] can be said.
pub(super) const AWAY_MAX: Duration = Duration::from_secs(3);

/// The limit of a run, as drawn: so many requests in a second, with so many at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) per_second: u32,
    pub(super) burst: u32,
}

/// One mesh: a caller's proxy with its rules, and the instances of the service that it calls.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) calls_per_second: f64,
    /// Of the calls, those that may happen twice.
    pub(super) idempotent: f64,
    pub(super) retry: RetryPolicy,
    pub(super) breaker: Option<BreakerRule>,
    pub(super) bulkhead: Option<BulkheadPolicy>,
    pub(super) ejection: Option<EjectionPolicy>,
    pub(super) limit: Option<Limit>,
    pub(super) balance: BalancePolicy,
    pub(super) instances: Vec<Instance>,
    /// The part of the callers who may not wait for an answer.
    pub(super) leaving: f64,
}

fn percent(of: usize) -> Percent {
    Percent::whole(u8::try_from(of).unwrap()).unwrap()
}

fn time(chance: &mut Chance, most: Duration) -> Duration {
    Duration::from_millis(500 + chance.below(most.as_millis() as usize - 500) as u64)
}

impl Setting {
    pub(super) fn drawn(chance: &mut Chance) -> Self {
        let count = 1 + chance.below(10);
        Self {
            calls_per_second: 20.0 + chance.share() * 60.0,
            idempotent: chance.share(),
            retry: retry(chance),
            breaker: chance.happens(0.5).then(|| breaker(chance)),
            bulkhead: chance.happens(0.5).then(|| bulkhead(chance)),
            ejection: chance.happens(0.6).then(|| ejection(chance)),
            limit: chance.happens(0.4).then(|| Limit {
                per_second: 5 + chance.below(100) as u32,
                burst: 1 + chance.below(50) as u32,
            }),
            balance: BalancePolicy { strategy: strategy(chance), ..BalancePolicy::default() },
            instances: (0..count).map(|_| instance(chance)).collect(),
            leaving: if chance.happens(0.5) { 0.05 } else { 0.0 },
        }
    }

    /// The same instances and calls without anything that helps them: each in turn, one try.
    pub(super) fn without_help(self) -> Self {
        Self {
            retry: RetryPolicy { tries_max: 1, ..RetryPolicy::default() },
            breaker: None,
            bulkhead: None,
            ejection: None,
            limit: None,
            balance: BalancePolicy::default(),
            ..self
        }
    }

    pub(super) fn meter(&self) -> Option<Meter> {
        let limit = self.limit?;
        Pace::new(limit.per_second, Duration::from_secs(1), limit.burst).map(Meter::Pace)
    }
}

fn retry(chance: &mut Chance) -> RetryPolicy {
    RetryPolicy {
        tries_max: 1 + chance.below(4) as u32,
        same_first: 0,
        statuses: Statuses::of(if chance.happens(0.7) { &[503] } else { &[] }),
        pause: match chance.below(3) {
            0 => Pause::Fixed(Duration::ZERO),
            1 => Pause::Fixed(Duration::from_millis(chance.below(50) as u64)),
            _ => Pause::Doubling(Duration::from_millis(1 + chance.below(50) as u64)),
        },
        takes_idempotency_key: false,
        hedge: None,
        budget: RetryBudget {
            percent: percent(chance.below(51)),
            interval: RuleSpan::try_from("10s").unwrap(),
            min_per_second: chance.below(11) as u32,
        },
    }
}

fn breaker(chance: &mut Chance) -> BreakerRule {
    let span = match chance.happens(0.5) {
        true => Span::Calls(5 + chance.below(60) as u32),
        false => Span::Time(time(chance, Duration::from_secs(5))),
    };
    let policy = BreakerPolicy::new(span, percent(20 + chance.below(80)), time(chance, AWAY_MAX))
        .with_minimum_calls(1 + chance.below(20) as u32)
        .with_probes(1 + chance.below(3) as u32);
    let policy = match chance.happens(0.3) {
        true => policy.with_slow_calls(percent(50), Duration::from_millis(300)),
        false => policy,
    };
    BreakerRule { policy, failures: Statuses::of(&[503]), stand_in: None }
}

fn bulkhead(chance: &mut Chance) -> BulkheadPolicy {
    match chance.happens(0.5) {
        true => BulkheadPolicy::Fixed(10 + chance.below(40) as u32),
        false => BulkheadPolicy::Adaptive(AdaptivePolicy::default()),
    }
}

fn ejection(chance: &mut Chance) -> EjectionPolicy {
    EjectionPolicy {
        consecutive_failures: chance.below(6) as u32,
        failure_share: chance.happens(0.5).then(|| percent(30 + chance.below(60))),
        minimum_requests: 5,
        interval: time(chance, AWAY_MAX),
        base_time: Duration::from_secs(1),
        time_max: AWAY_MAX,
        ejected_share_max: percent(chance.below(101)),
        panic_share: percent(chance.below(101)),
        ..EjectionPolicy::default()
    }
}

fn strategy(chance: &mut Chance) -> Strategy {
    match chance.below(5) {
        0 => Strategy::Random,
        1 => Strategy::LeastRequest,
        2 => Strategy::PeakEwma { decay: PEAK_DECAY },
        3 => Strategy::WeightedResponse,
        _ => Strategy::RoundRobin,
    }
}

/// Half of the instances have no trouble at all; the others meet with up to three kinds of it, one after the other.
fn instance(chance: &mut Chance) -> Instance {
    let mut fates = vec![(Duration::ZERO, Fate::Well)];
    if chance.happens(0.5) {
        let mut at = Duration::ZERO;
        for _ in 0..=chance.below(3) {
            at += Duration::from_millis(chance.below(7_000) as u64);
            fates.push((at, fate(chance)));
        }
    }
    fates.retain(|(at, _)| *at < TROUBLE);
    fates.push((TROUBLE, Fate::Well));
    Instance { usual: USUAL, fates }
}

fn fate(chance: &mut Chance) -> Fate {
    match chance.below(6) {
        0 => Fate::Dead,
        1 => Fate::Silent,
        2 => Fate::Breaking,
        3 => Fate::Failing { share: 0.1 + 0.9 * chance.share() },
        4 => Fate::Slow { factor: 5.0 + 45.0 * chance.share() },
        _ => Fate::Flapping { every: Duration::from_millis(200 + chance.below(4_000) as u64) },
    }
}
