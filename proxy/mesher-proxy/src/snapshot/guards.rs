//! What is remembered of the calls to a cluster for the rules that hold for it. All workers share it, without locks.
//! It must outlive the snapshot: what was learned stays as long as the rule that it was learned for says the same.

use std::sync::Arc;

use mesher_traffic::Policy;

use super::balancing::Balancing;
use super::governance::Ground;
use super::{Endpoint, EndpointId};

/// What is remembered under one policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards {
    /// Which endpoint takes a call.
    pub(crate) balance: Option<Arc<Balancing>>,
}

impl Guards {
    /// Takes over from `before` what still counts.
    pub(crate) fn new(policy: &Policy, ground: &Ground<'_>, before: Option<&Self>) -> Self {
        let balance = before.and_then(|before| before.balance.as_deref());
        Self { balance: Balancing::new(policy, ground, balance).map(Arc::new) }
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
