//! What is remembered of the calls to a cluster for the rules that hold for it. All workers share it, without locks.
//! It must outlive the snapshot: what was learned stays as long as the rule that it was learned for says the same.

use std::sync::Arc;
use std::time::Duration;

use mesher_traffic::Policy;
use mesher_traffic::fault::{Counts, Faults};
use mesher_traffic::limit::{Counter, Limits};
use serde_json::{Value, json};

use super::balancing::Balancing;
use super::governance::Ground;
use super::{Endpoint, EndpointId};

/// What is remembered under one policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards {
    /// Limits, with what they have counted.
    pub(crate) limits: Option<Limits>,
    /// Faults, with the calls that they have seen.
    pub(crate) faults: Option<Faults>,
    /// Which endpoint takes a call.
    pub(crate) balance: Option<Arc<Balancing>>,
}

impl Guards {
    /// Takes over from `before` what still counts.
    pub(crate) fn new(policy: &Policy, ground: &Ground<'_>, before: Option<&Self>) -> Self {
        let balance = before.and_then(|before| before.balance.as_deref());
        let limits = policy
            .limits
            .as_ref()
            .map(|rules| Limits::new(rules, before.and_then(|before| before.limits.as_ref()), Counter::new));
        let faults = policy.faults.as_ref().map(|rules| {
            Faults::new(rules, before.and_then(|before| before.faults.as_ref()), |_| Counts::default())
        });
        Self { balance: Balancing::new(policy, ground, balance).map(Arc::new), limits, faults }
    }

    /// The limits, and how they stand, for people.
    pub(super) fn limit_words(&self, now: Duration) -> Vec<Value> {
        let limits = self.limits.iter().flat_map(|limits| limits.all());
        let words = limits.map(|(entry, counter)| {
            json!({"rule": &*entry.name, "allows": entry.item.to_string(), "state": counter.words(&entry.item, now)})
        });
        words.collect()
    }

    /// The faults, for people.
    pub(super) fn fault_words(&self) -> Vec<Value> {
        let faults = self.faults.iter().flat_map(|faults| faults.all());
        faults.map(|(entry, _)| json!({"rule": &*entry.name, "does": entry.item.words()})).collect()
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
        self.states.get(self.place(id)?)
    }

    /// The place of an endpoint.
    pub(crate) fn place(&self, id: EndpointId) -> Option<usize> {
        self.ids.iter().position(|known| *known == id)
    }

    /// What is remembered of each endpoint, by its place.
    pub(crate) fn all(&self) -> &[Arc<S>] {
        &self.states
    }

    /// What is remembered of the endpoint at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Arc<S>> {
        self.states.get(place)
    }
}
