//! Decides whether a failed call may be tried again, elsewhere.
//! It must not try anything itself, and must never allow what could make a call happen twice unasked.

mod budget;
mod hedge;

use std::time::Duration;

pub use budget::Budget;
pub use hedge::{HedgePolicy, Latencies};
use mesher_model::rule::{RetryBudget, Rule};

use crate::statuses::Statuses;

/// How far a failed try had come, and so what a further one risks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// Nothing of the call reached anyone: every call may be tried again.
    NothingSent,
    /// The call may have been acted on, and nothing of an answer was seen: only an idempotent call may be repeated.
    MayHaveActed,
    /// Part of the call or of its answer is gone: no further try can be whole.
    Spent,
}

impl Safety {
    /// Whether a further try makes nothing happen twice that must not (idempotent methods: RFC 9110 §9.2.2).
    #[must_use]
    pub const fn may_repeat(self, is_idempotent: bool) -> bool {
        match self {
            Self::NothingSent => true,
            Self::MayHaveActed => is_idempotent,
            Self::Spent => false,
        }
    }
}

/// The longest pause before a further try that doubling makes.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long a call waits before a further try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Always so long.
    Fixed(Duration),
    /// By chance up to so long before the second try, and up to twice as long before each further one.
    Doubling(Duration),
    /// The same, never longer than the second.
    DoublingUpTo(Duration, Duration),
}

impl Pause {
    /// The pause after `tries` tries; `draw` is drawn from 0 to 1.
    #[must_use]
    pub fn after(self, tries: u32, draw: f64) -> Duration {
        match self {
            Self::Fixed(pause) => pause,
            Self::Doubling(first) => Self::DoublingUpTo(first, PAUSE_MAX).after(tries, draw),
            Self::DoublingUpTo(first, most) => {
                let doublings = tries.saturating_sub(1).min(30);
                let most = first.saturating_mul(1 << doublings).min(most);
                most.mul_f64(draw.clamp(0.0, 1.0))
            }
        }
    }
}

/// When a failed call is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first one counted; at least 1.
    pub tries_max: u32,
    /// How many of the tries after the first go to the same instance.
    pub same_first: u32,
    /// Statuses of answers after which a call is tried again.
    pub statuses: Statuses,
    /// How long a call waits before a further try.
    pub pause: Pause,
    /// Whether a call that carries an `Idempotency-Key` counts as one that may happen twice.
    pub takes_idempotency_key: bool,
    /// How many further tries all calls together may take.
    pub budget: RetryBudget,
    /// When a second try begins beside the first; never where absent.
    pub hedge: Option<HedgePolicy>,
}

impl Default for RetryPolicy {
    /// Three tries: one failed instance and one more that fails in the same moment are still survived.
    fn default() -> Self {
        Self {
            tries_max: 3,
            same_first: 0,
            statuses: Statuses::default(),
            pause: Pause::Fixed(Duration::ZERO),
            takes_idempotency_key: false,
            budget: RetryBudget::default(),
            hedge: None,
        }
    }
}

impl RetryPolicy {
    /// What a document of this kind says; `None` for another kind.
    pub(crate) fn of_rule(rule: &Rule) -> Option<Self> {
        let Rule::Retry(retry) = rule else { return None };
        Some(Self {
            tries_max: retry.attempts.saturating_add(1),
            same_first: 0,
            statuses: Statuses::of(&retry.codes),
            pause: Pause::Doubling(retry.backoff.duration()),
            takes_idempotency_key: retry.idempotency_key,
            budget: retry.budget,
            hedge: retry.hedge.as_ref().and_then(HedgePolicy::of_rule),
        })
    }

    /// Whether a further try is allowed after `tries` of them.
    #[must_use]
    pub const fn may_try_again(&self, tries: u32, safety: Safety, is_idempotent: bool) -> bool {
        safety.may_repeat(is_idempotent) && tries < self.tries_max
    }
}

/// Whether a method may be repeated without asking (RFC 9110 §9.2.2).
#[must_use]
pub fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE")
}

#[cfg(test)]
mod tests;
