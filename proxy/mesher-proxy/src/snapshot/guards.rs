//! What is remembered of the calls to a cluster for the rules that hold for it. All workers share it, without locks.
//! It must outlive the snapshot: what was learned stays as long as the rule that it was learned for says the same.

use std::sync::Arc;

use mesher_traffic::Policy;

use super::{Endpoint, EndpointId};

/// What is remembered under one policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards {}

impl Guards {
    /// Takes over from `before` what still counts.
    pub(crate) fn new(_policy: &Policy, _endpoints: &[Endpoint], _before: Option<&Self>) -> Self {
        Self {}
    }
}

/// Something that is remembered for each endpoint, at the places of the endpoints.
#[derive(Debug)]
pub(crate) struct PerEndpoint<S> {
    ids: Box<[EndpointId]>,
    states: Box<[Arc<S>]>,
}

#[expect(dead_code, reason = "the rules that remember anything of endpoints come next")]
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

    /// What is remembered of the endpoint at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Arc<S>> {
        self.states.get(place)
    }
}
