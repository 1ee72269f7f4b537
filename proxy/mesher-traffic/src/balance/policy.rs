//! What a rule says of balancing, compiled, and the choice that follows from it.
//! It must hold no state: that of endpoints, groups and workers comes in.

use std::sync::Arc;
use std::time::Duration;

use super::group::Seat;
use super::key::HashKey;
use super::load::Load;
use super::nearness::{Groups, Locality, ZoneRule};
use super::session::Persistence;
use super::strategy::Strategy;
use super::warm_up::WarmUp;
use crate::{CallView, RoundRobin};

/// How the calls to a service, or a part of it, are balanced.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BalancePolicy {
    /// Name of the document, or the key.
    pub name: String,
    /// How one of several is chosen.
    pub strategy: Strategy,
    /// What is hashed, where the strategy hashes; calls without it are spread by chance.
    pub hash_key: Option<HashKey>,
    /// The property of instances that says their weight; all are alike where absent.
    pub weight_property: Option<Box<str>>,
    /// Whether nearer instances are preferred, and how far.
    pub zone: Option<ZoneRule>,
    /// Whether new endpoints begin with fewer calls.
    pub warm_up: Option<WarmUp>,
    /// What keeps calls with one instance.
    pub persistence: Option<Persistence>,
    /// Whether an endpoint that answers 429 or 503 with `Retry-After` is left alone for so long.
    pub heeds_retry_after: bool,
}

/// What is known at the moment of a choice, beyond the call itself.
pub struct Moment<'m> {
    /// A span since some moment, the same for all.
    pub now: Duration,
    /// The number of the call's value that is hashed, if it has one.
    pub key: Option<u64>,
    /// What is known of each endpoint, by its place.
    pub loads: &'m [Arc<Load>],
    /// The worker's own rotation.
    pub rotation: &'m mut RoundRobin,
    /// Draws by chance.
    pub draw: &'m mut dyn FnMut() -> u64,
}

impl std::fmt::Debug for Moment<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Moment")
            .field("now", &self.now)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl BalancePolicy {
    /// Whether endpoints have to be watched: calls on their way, response times, wishes to be left alone.
    #[must_use]
    pub const fn watches(&self) -> bool {
        self.heeds_retry_after
            || matches!(
                self.strategy,
                Strategy::LeastRequest | Strategy::PeakEwma { .. } | Strategy::WeightedResponse
            )
    }

    /// Whether more of instances has to be known than their versions and addresses.
    #[must_use]
    pub const fn is_particular(&self) -> bool {
        self.weight_property.is_some() || self.zone.is_some()
    }

    /// The number of the call's value that is hashed.
    #[must_use]
    pub fn key(&self, call: &CallView<'_>) -> Option<u64> {
        self.hash_key.as_ref()?.number(call)
    }

    /// Groups of endpoints, made ready for the strategy; to be made anew when the endpoints change.
    #[must_use]
    pub fn groups(&self, own: Locality<'_>, seats: &[Seat<'_>]) -> Groups {
        Groups::new(self.strategy, self.zone, own, seats)
    }

    /// The place of the endpoint that takes a call, of those that may; `None` where nobody may.
    pub fn pick(
        &self,
        groups: &Groups,
        moment: &mut Moment<'_>,
        may_take: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        let nearest = groups.level(moment, may_take);
        let order = std::iter::once(nearest).chain((0..groups.len()).filter(|level| *level != nearest));
        let mut order = order.filter_map(|level| groups.group(level));
        order.find_map(|group| self.strategy.pick(group, self.warm_up, moment, may_take))
    }
}
