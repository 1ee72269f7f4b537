//! What is remembered of the calls to a cluster for the rules that hold for it. All workers share it, without locks.
//! It must outlive the snapshot: what was learned stays as long as the rule that it was learned for says the same.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::Percent;
use mesher_traffic::breaker::{Breaker, BreakerRule};
use mesher_traffic::bulkhead::{Bulkhead, BulkheadRule};
use mesher_traffic::fault::{Counts, Faults};
use mesher_traffic::limit::{Counter, Limits};
use mesher_traffic::selection::Entry;
use mesher_traffic::{CallView, HedgePolicy, Latencies, Policy, RetryPolicy, Selection, Standing};
use serde_json::{Value, json};

use super::balancing::Balancing;
use super::checked::Checked;
use super::governance::Ground;
use super::health::Health;
use super::{Endpoint, EndpointId};

/// What is remembered under one policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guards {
    /// Which endpoint takes a call.
    pub(crate) balance: Option<Arc<Balancing>>,
    pub(crate) breakers: Option<Standing<BreakerRule, Breaker>>,
    pub(crate) bulkheads: Option<Standing<BulkheadRule, Bulkhead>>,
    pub(crate) instance_breakers: Option<PerInstance<BreakerRule, Breaker>>,
    pub(crate) instance_bulkheads: Option<PerInstance<BulkheadRule, Bulkhead>>,
    pub(crate) health: Option<Arc<Health>>,
    /// How long calls took, where a rule hedges by that.
    pub(crate) latencies: Option<Standing<RetryPolicy, Option<Latencies>>>,
    /// Limits, with what they have counted.
    pub(crate) limits: Option<Limits>,
    /// Faults, with the calls that they have seen.
    pub(crate) faults: Option<Faults>,
}

impl Guards {
    /// Takes over from `before` what still counts.
    pub(crate) fn new(policy: &Policy, ground: &Ground<'_>, before: Option<&Self>) -> Self {
        let endpoints = ground.endpoints;
        let balance = before.and_then(|before| before.balance.as_deref());
        let health = before.and_then(|before| before.health.as_deref());
        let limits = policy
            .limits
            .as_ref()
            .map(|rules| Limits::new(rules, before.and_then(|before| before.limits.as_ref()), Counter::new));
        let faults = policy.faults.as_ref().map(|rules| {
            Faults::new(rules, before.and_then(|before| before.faults.as_ref()), |_| Counts::default())
        });
        let latencies = policy
            .retry
            .as_ref()
            .filter(|rules| rules.entries().iter().any(|entry| percentile(&entry.item).is_some()));
        let latencies = latencies.map(|rules| {
            let before = before.and_then(|before| before.latencies.as_ref());
            Standing::new(rules, before, |rule| percentile(rule).map(Latencies::new))
        });
        Self {
            latencies,
            limits,
            faults,
            balance: Balancing::new(policy, ground, balance).map(Arc::new),
            breakers: policy.breaker.as_ref().map(|rules| {
                let before = before.and_then(|before| before.breakers.as_ref());
                Standing::new(rules, before, Breaker::new)
            }),
            bulkheads: policy.bulkhead.as_ref().map(|rules| {
                let before = before.and_then(|before| before.bulkheads.as_ref());
                Standing::new(rules, before, |rule| Bulkhead::new(rule.policy))
            }),
            instance_breakers: policy.instance_breaker.as_ref().map(|rules| {
                let before = before.and_then(|before| before.instance_breakers.as_ref());
                PerInstance::new(rules, endpoints, before, Breaker::new)
            }),
            instance_bulkheads: policy.instance_bulkhead.as_ref().map(|rules| {
                let before = before.and_then(|before| before.instance_bulkheads.as_ref());
                PerInstance::new(rules, endpoints, before, |rule| Bulkhead::new(rule.policy))
            }),
            health: policy.health.as_ref().map(|rule| Arc::new(Health::new(rule, endpoints, health))),
        }
    }
}

impl Guards {
    /// Whether instances are passed over for what becomes of their calls.
    fn judges_calls(&self) -> bool {
        self.health.as_ref().is_some_and(|health| health.judges_calls())
    }

    /// What checks say of single instances, where a rule wants any.
    pub(crate) fn checked(&self) -> Option<&Checked> {
        self.health.as_ref()?.checked.as_ref()
    }

    /// Whether anything is remembered of the calls to single instances.
    pub(crate) fn judges_instances(&self) -> bool {
        self.judges_calls() || self.instance_breakers.is_some() || self.instance_bulkheads.is_some()
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

/// The part of the calls by whose time a rule hedges, where one does.
fn percentile(rule: &RetryPolicy) -> Option<Percent> {
    match rule.hedge? {
        HedgePolicy::Percentile { part, .. } => Some(part),
        HedgePolicy::After(_) => None,
    }
}

/// Rules with what is remembered for each of them and each endpoint.
#[derive(Debug)]
pub(crate) struct PerInstance<T, S> {
    rules: Arc<Selection<T>>,
    states: Arc<[PerEndpoint<S>]>,
}

impl<T, S> Clone for PerInstance<T, S> {
    fn clone(&self) -> Self {
        Self { rules: Arc::clone(&self.rules), states: Arc::clone(&self.states) }
    }
}

impl<T: PartialEq, S> PerInstance<T, S> {
    /// What is remembered of an endpoint stays as long as the rule says the same under the same name.
    fn new(
        rules: &Arc<Selection<T>>,
        endpoints: &[Endpoint],
        before: Option<&Self>,
        make: impl Fn(&T) -> S,
    ) -> Self {
        let states = rules.entries().iter().map(|entry| {
            let known =
                before.into_iter().flat_map(|before| before.rules.entries().iter().zip(&*before.states));
            let mut known = known.filter(|(other, _)| other.name == entry.name && other.item == entry.item);
            PerEndpoint::new(endpoints, known.next().map(|(_, states)| states), |_| make(&entry.item))
        });
        Self { states: states.collect(), rules: Arc::clone(rules) }
    }

    /// The first rule that is about a call, with what is remembered for it of each endpoint, by place.
    pub(crate) fn pick(&self, call: &CallView<'_>) -> Option<(&Entry<T>, &PerEndpoint<S>)> {
        let (place, entry) = self.rules.pick(call)?;
        Some((entry, self.states.get(place)?))
    }

    /// Every rule, with what is remembered for it.
    pub(crate) fn every(&self) -> impl Iterator<Item = (&Entry<T>, &PerEndpoint<S>)> {
        self.rules.entries().iter().zip(&*self.states)
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
