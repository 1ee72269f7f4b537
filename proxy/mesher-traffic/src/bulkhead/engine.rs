//! The bulkhead: places for calls, taken and left.
//! It must never let in one call more than there are places.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use mesher_model::rule;

use super::adaptive::Adaptive;
use super::controller::AdaptivePolicy;
use super::place::Place;
use crate::stand_in::StandIn;

/// Who says how many calls may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkheadPolicy {
    /// A rule; 0 refuses all.
    Fixed(u32),
    /// What the callee bears.
    Adaptive(AdaptivePolicy),
}

/// What a rule says of a bulkhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkheadRule {
    /// How many calls may be under way.
    pub policy: BulkheadPolicy,
    /// What callers get in place of a refusal of the proxy's own.
    pub stand_in: Option<StandIn>,
}

impl BulkheadRule {
    /// What a document of this kind says.
    pub(crate) fn of_document(bulkhead: &rule::Bulkhead) -> Self {
        let policy = match &bulkhead.adaptive {
            None => BulkheadPolicy::Fixed(bulkhead.max_concurrent),
            Some(adaptive) => BulkheadPolicy::Adaptive(
                AdaptivePolicy::default()
                    .with_limits(adaptive.min, adaptive.initial, bulkhead.max_concurrent)
                    .with_measurements(adaptive.measure_every.duration()),
            ),
        };
        Self { policy, stand_in: None }
    }
}

/// The places of the calls to one callee, shared by all workers.
#[derive(Debug)]
pub struct Bulkhead {
    policy: BulkheadPolicy,
    in_flight: AtomicU32,
    limit: AtomicU32,
    adaptive: Option<Adaptive>,
    refused: AtomicU64,
}

/// No place is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How many there are.
    pub limit: u32,
}

/// A bulkhead, for people and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Calls under way.
    pub in_flight: u32,
    /// How many may be.
    pub limit: u32,
    /// Calls that it refused.
    pub refused: u64,
    /// The latency of a callee that nobody presses, where the limit follows it and it was measured.
    pub baseline: Option<Duration>,
}

impl Bulkhead {
    /// One in which all places are free.
    #[must_use]
    pub fn new(policy: BulkheadPolicy) -> Self {
        let (limit, adaptive) = match policy {
            BulkheadPolicy::Fixed(limit) => (limit, None),
            BulkheadPolicy::Adaptive(policy) => (policy.initial(), Some(Adaptive::new(policy))),
        };
        Self {
            policy,
            in_flight: AtomicU32::new(0),
            limit: AtomicU32::new(limit),
            adaptive,
            refused: AtomicU64::new(0),
        }
    }

    /// What its rule says.
    #[must_use]
    pub const fn policy(&self) -> BulkheadPolicy {
        self.policy
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Full`] where none is free.
    pub fn enter(self: &Arc<Self>) -> Result<Place, Full> {
        // Only this word decides, and nothing is published with it: relaxed is enough. A limit that has just become
        // lower holds for whoever comes next.
        let limit = self.limit.load(Ordering::Relaxed);
        let one_more = |count: u32| (count < limit).then_some(count + 1);
        match self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(before) => {
                self.adaptive.iter().for_each(|adaptive| adaptive.entered(before + 1));
                Ok(Place::new(Arc::clone(self)))
            }
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(Full { limit })
            }
        }
    }

    /// What [`Self::enter`] would answer. Changes nothing.
    ///
    /// # Errors
    /// [`Full`] where a call would be refused.
    pub fn foretell(&self) -> Result<(), Full> {
        let limit = self.limit.load(Ordering::Relaxed);
        if self.in_flight.load(Ordering::Relaxed) < limit { Ok(()) } else { Err(Full { limit }) }
    }

    /// How it stands.
    #[must_use]
    pub fn told(&self) -> Told {
        Told {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            limit: self.limit.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            baseline: self.adaptive.as_ref().and_then(Adaptive::baseline),
        }
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn learn(&self, now: Duration, elapsed: Duration) {
        let limit = self.adaptive.as_ref().and_then(|adaptive| adaptive.learn(now, elapsed));
        if let Some(limit) = limit {
            self.limit.store(limit, Ordering::Relaxed);
        }
    }
}
