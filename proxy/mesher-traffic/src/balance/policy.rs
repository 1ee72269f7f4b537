//! What a rule says of balancing, compiled, and the choice that follows from it.
//! It must hold no state: that of endpoints, groups and workers comes in.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::{Balance, BalanceStrategy, HashOn, RetryAfter, Rule, Subset, WEIGHT_PROPERTY};

use super::group::Seat;
use super::key::HashKey;
use super::load::Load;
use super::nearness::{Groups, Locality, ZoneRule};
use super::session::Persistence;
use super::strategy::{PEAK_DECAY, Strategy};
use super::warm_up::WarmUp;
use super::{maglev, ring};
use crate::{CallView, RoundRobin};

/// The part of its share that a new endpoint begins with, in percent. Source: Envoy, `min_weight_percent`.
const WARM_UP_PERCENT: u8 = 10;

/// How the calls to a service, or a part of it, are balanced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalancePolicy {
    /// The part of the service whose calls alone it is about, as routes send them.
    pub subset: Option<Subset>,
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
    /// Whether a call is made. A question changes nothing.
    pub is_call: bool,
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
    /// What a document of this kind says; `None` for another kind.
    pub(crate) fn of_rule(rule: &Rule) -> Option<Self> {
        let Rule::Balance(balance) = rule else { return None };
        let strategy = strategy(balance);
        let weighted = (balance.strategy == BalanceStrategy::Weighted).then(|| WEIGHT_PROPERTY.into());
        let property = balance.weight_property.as_ref().map(|name| name.as_str().into());
        Some(Self {
            subset: balance.subset.clone(),
            strategy,
            hash_key: balance.hash_on.as_ref().map(|hash_on| match hash_on {
                HashOn::Value(value) => HashKey::of_value(value),
                HashOn::SourceAddress => HashKey::of_address(),
            }),
            weight_property: property.or(weighted),
            zone: balance
                .zone
                .as_ref()
                .map(|zone| ZoneRule::Prefer { overprovisioning_percent: zone.overprovisioning_factor }),
            warm_up: balance
                .slow_start
                .map(|window| WarmUp { window: window.duration(), least_percent: WARM_UP_PERCENT }),
            persistence: balance.session_persistence.as_ref().map(Persistence::of_rule),
            heeds_retry_after: balance.retry_after == RetryAfter::Heed,
        })
    }

    /// In words, as in "LeastRequest with the weights of property weight".
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = self.strategy.as_str().to_owned();
        if let Some(property) = &self.weight_property {
            words.push_str(&format!(", weights of property {property}"));
        }
        match self.zone {
            Some(ZoneRule::Prefer { .. }) => words.push_str(", own zone first"),
            Some(ZoneRule::Ratio { .. }) => words.push_str(", by zones"),
            None => {}
        }
        match &self.persistence {
            Some(Persistence::Cookie { name, .. }) => words.push_str(&format!(", sessions by cookie {name}")),
            Some(Persistence::Header { name }) => words.push_str(&format!(", sessions by header {name}")),
            Some(Persistence::Caller { .. }) => words.push_str(", all calls of this proxy stay together"),
            None => {}
        }
        words
    }

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
        if let (1, Some(group)) = (groups.len(), groups.group(0)) {
            // Of one alone every strategy chooses that one.
            return match group.only() {
                Some(place) => may_take(place).then_some(place),
                None => self.strategy.pick(group, self.warm_up, moment, may_take),
            };
        }
        let nearest = groups.level(moment, may_take);
        let order = std::iter::once(nearest).chain((0..groups.len()).filter(|level| *level != nearest));
        let mut order = order.filter_map(|level| groups.group(level));
        order.find_map(|group| self.strategy.pick(group, self.warm_up, moment, may_take))
    }
}

fn strategy(balance: &Balance) -> Strategy {
    match balance.strategy {
        BalanceStrategy::RoundRobin | BalanceStrategy::Weighted => Strategy::RoundRobin,
        BalanceStrategy::Random => Strategy::Random,
        BalanceStrategy::LeastRequest => Strategy::LeastRequest,
        BalanceStrategy::PeakEwma => {
            Strategy::PeakEwma { decay: balance.decay_time.map_or(PEAK_DECAY, |decay| decay.duration()) }
        }
        BalanceStrategy::RingHash => {
            Strategy::RingHash { points: balance.points_per_endpoint.unwrap_or(ring::POINTS) }
        }
        BalanceStrategy::Maglev => {
            Strategy::Maglev { size: balance.table_size.unwrap_or(maglev::TABLE_SIZE) }
        }
        BalanceStrategy::WeightedResponse => Strategy::WeightedResponse,
    }
}
