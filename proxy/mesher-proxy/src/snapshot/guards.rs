//! What is remembered of the calls to a cluster for the rules that hold for it. All workers share it, without locks.
//! It must outlive the snapshot: what was learned stays as long as the rule that it was learned for says the same.

use std::sync::Arc;

use mesher_traffic::breaker::{Breaker, BreakerRule};
use mesher_traffic::bulkhead::{Bulkhead, BulkheadPolicy};
use mesher_traffic::{Policy, Standing};

use super::health::Health;
use super::{Endpoint, EndpointId};

/// What is remembered under one policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards {
    pub(crate) breakers: Option<Standing<BreakerRule, Breaker>>,
    pub(crate) bulkheads: Option<Standing<BulkheadPolicy, Bulkhead>>,
    pub(crate) health: Option<Arc<Health>>,
}

impl Guards {
    /// Takes over from `before` what still counts.
    pub(crate) fn new(policy: &Policy, endpoints: &[Endpoint], before: Option<&Self>) -> Self {
        let health = before.and_then(|before| before.health.as_deref());
        Self {
            breakers: policy.breaker.as_ref().map(|rules| {
                let before = before.and_then(|before| before.breakers.as_ref());
                Standing::new(rules, before, Breaker::new)
            }),
            bulkheads: policy.bulkhead.as_ref().map(|rules| {
                let before = before.and_then(|before| before.bulkheads.as_ref());
                Standing::new(rules, before, |policy| Bulkhead::new(*policy))
            }),
            health: policy.health.as_ref().map(|rule| Arc::new(Health::new(rule, endpoints, health))),
        }
    }
}

/// Something that is remembered for each endpoint, at the places of the endpoints.
#[derive(Debug)]
pub(crate) struct PerEndpoint<S> {
    ids: Box<[EndpointId]>,
    states: Box<[Arc<S>]>,
}

impl<S> PerEndpoint<S> {
    /// An endpoint that was there before keeps what is remembered of it.
    pub(crate) fn new(endpoints: &[Endpoint], before: Option<&Self>, make: impl Fn(&Endpoint) -> S) -> Self {
        let state = |endpoint: &Endpoint| {
            let known = before.and_then(|before| before.of(endpoint.id));
            known.map_or_else(|| Arc::new(make(endpoint)), Arc::clone)
        };
        Self {
            ids: endpoints.iter().map(|endpoint| endpoint.id).collect(),
            states: endpoints.iter().map(state).collect(),
        }
    }

    fn of(&self, id: EndpointId) -> Option<&Arc<S>> {
        let place = self.ids.iter().position(|known| *known == id)?;
        self.states.get(place)
    }

    /// What is remembered of each, in the order of their places.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<S>> {
        self.states.iter()
    }
}
