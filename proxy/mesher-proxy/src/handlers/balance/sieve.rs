//! Which endpoints a call is kept from, by what rules remember of each: those that fail, are isolated, or are full.
//! It must choose none: it is asked like suspects are, and whoever chooses may pass over its word.

use std::time::Duration;

use mesher_traffic::HeadView;
use mesher_traffic::breaker::{Breaker, BreakerRule, Permit, Seen};
use mesher_traffic::bulkhead::{Bulkhead, BulkheadRule, Place};
use mesher_traffic::selection::Entry;

use crate::handlers::{breaker, bulkhead};
use crate::request::blame;
use crate::request::failure::Failure;
use crate::request::invocation::{Code, Invocation};
use crate::snapshot::Cluster;
use crate::snapshot::guards::PerEndpoint;
use crate::snapshot::health::Health;
use crate::worker::Worker;

/// What is remembered of the endpoints of a call, and the time to ask it at.
pub(super) struct Sieve<'c> {
    cluster: &'c Cluster,
    now: Duration,
    is_first_try: bool,
    health: Option<&'c Health>,
    breakers: Option<(&'c Entry<BreakerRule>, &'c PerEndpoint<Breaker>)>,
    bulkheads: Option<(&'c Entry<BulkheadRule>, &'c PerEndpoint<Bulkhead>)>,
}

/// What an endpoint gave to a try.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    permit: Option<Permit>,
    place: Option<Place>,
}

impl<'c> Sieve<'c> {
    /// `None` where nothing keeps the call from anybody, as for most calls.
    pub(super) fn of(worker: &'c Worker, call: &'c Invocation, head: &'c dyn HeadView) -> Option<Self> {
        let guards = &call.governance()?.guards;
        let health = guards.health.as_deref().filter(|health| health.watch.has_outside());
        let of_instances = guards.instance_breakers.is_some() || guards.instance_bulkheads.is_some();
        if health.is_none() && !of_instances {
            return None;
        }
        let view = call.view(worker, head);
        Some(Self {
            cluster: call.cluster(),
            now: call.now(),
            is_first_try: call.tries == 0,
            health,
            breakers: guards.instance_breakers.as_ref().and_then(|rules| rules.pick(&view)),
            bulkheads: guards.instance_bulkheads.as_ref().and_then(|rules| rules.pick(&view)),
        })
    }

    /// Whether a call may go there, as long as there are others.
    pub(super) fn lets_pass(&self, place: usize) -> bool {
        let is_ejected = |health: &Health| health.watch.is_ejected(place, self.now, self.is_first_try);
        let is_isolated = |(_, breakers): (_, &PerEndpoint<Breaker>)| {
            breakers.at(place).is_some_and(|breaker| breaker.foretell(self.now).is_err())
        };
        let is_full = |(_, bulkheads): (_, &PerEndpoint<Bulkhead>)| {
            bulkheads.at(place).is_some_and(|bulkhead| bulkhead.foretell().is_err())
        };
        !(self.health.is_some_and(is_ejected)
            || self.breakers.is_some_and(is_isolated)
            || self.bulkheads.is_some_and(is_full))
    }

    /// Takes what a try at an endpoint has to have.
    pub(super) fn take(&self, place: usize) -> Result<Taken, Failure> {
        self.health.iter().for_each(|health| health.watch.chosen(place, self.now));
        let of_breaker = self.breakers.and_then(|(entry, breakers)| Some((entry, breakers.at(place)?)));
        let permit = of_breaker.map(|(entry, one)| {
            one.ask(self.now).map_err(|refused| breaker::refusal(self.cluster, (entry, one), refused))
        });
        let of_bulkhead = self.bulkheads.and_then(|(entry, bulkheads)| Some((entry, bulkheads.at(place)?)));
        let place = of_bulkhead
            .map(|(entry, one)| one.enter().map_err(|full| bulkhead::refusal(self.cluster, entry, full)));
        Ok(Taken { permit: permit.transpose()?, place: place.transpose()? })
    }

    /// Why a call is kept from an endpoint, in words; `None` where it is not.
    pub(super) fn words(&self, place: usize) -> Option<String> {
        let ejected = self.health.and_then(|health| health.words(place));
        let isolated = || {
            let (entry, breakers) = self.breakers?;
            let breaker = breakers.at(place).filter(|breaker| breaker.foretell(self.now).is_err())?;
            Some(format!("{} is {}", entry.name, breaker::state_words(breaker)))
        };
        let full = || {
            let (entry, bulkheads) = self.bulkheads?;
            bulkheads
                .at(place)?
                .foretell()
                .err()
                .map(|full| format!("{} has {} calls under way there", entry.name, full.limit))
        };
        ejected.or_else(isolated).or_else(full)
    }
}

/// Tells those who remember how a try ended.
pub(super) fn end(call: &mut Invocation, reply: &Result<Code, Failure>) {
    let permit = call.permits.of_endpoint.permit.take();
    if reply.is_err() {
        call.permits.of_endpoint.place = None;
    }
    let health = call.governance().and_then(|governance| governance.guards.health.as_deref());
    let health = health.filter(|health| health.judges_calls());
    if permit.is_none() && health.is_none() {
        return;
    }
    let now = call.now();
    let elapsed = now.saturating_sub(call.sent_at);
    if let Some((health, place)) = health.zip(call.endpoint)
        && let Some(has_failed) = blame::has_callee_failed(reply, |status| health.is_failure(status))
    {
        health.watch.ended(place, now, has_failed, elapsed);
    }
    if let Some(permit) = permit
        && let Some(is_failure) = blame::has_callee_failed(reply, |status| permit.is_failure(status))
    {
        permit.record(now, Seen { is_failure, elapsed });
    }
}
