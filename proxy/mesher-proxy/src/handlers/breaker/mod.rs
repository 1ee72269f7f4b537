//! `breaker`: refuses calls to a service that fails too often, and learns from the answers whether it does.
//! It must count a call once, however often it was tried, and must not count what says nothing of the callee.

mod words;

use std::time::Duration;

use mesher_model::explain::{Explanation, GuardTold};
use mesher_model::rule::BreakerMode;
use mesher_traffic::HeadView;
use mesher_traffic::breaker::{self, BreakerRule, Seen};
use mesher_traffic::selection::Entry;
use serde_json::{Value, json};

use crate::clock;
use crate::handlers::{Handler, Next, refuses};
use crate::request::blame;
use crate::request::failure::{Advice, Failure, FailureKind};
use crate::request::invocation::{Code, Invocation};
use crate::request::stand_in;
use crate::snapshot::Cluster;
use crate::snapshot::guards::{Guards, PerEndpoint};
use crate::worker::Worker;

pub(crate) use words::{standing as standing_word, state as state_words};

pub(crate) struct Breaker;

impl Handler for Breaker {
    fn name(&self) -> &'static str {
        "breaker"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        // It has counted the failure; what the call falls back on is no probe.
        if call.fallback.is_elsewhere() {
            return Ok(());
        }
        let Some((entry, breaker)) = of(worker, call, head) else { return Ok(()) };
        match breaker.ask(call.now()) {
            Ok(permit) => {
                call.permits.breaker = Some(permit);
                Ok(())
            }
            Err(refused) => Err(refusal(call.cluster(), (entry, breaker), refused)),
        }
    }

    fn response(&self, _: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        let Some(permit) = call.permits.breaker.take() else { return Next::Pass };
        if let Some(is_failure) = blame::has_callee_failed(reply, |status| permit.is_failure(status)) {
            let elapsed = if permit.weighs_time() { call.age() } else { Duration::ZERO };
            permit.record(call.now(), Seen { is_failure, elapsed });
        }
        Next::Pass
    }

    fn explain(
        &self,
        worker: &Worker,
        call: &mut Invocation,
        head: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        let Some((entry, breaker)) = of(worker, call, head) else { return Ok(()) };
        let foretold = breaker.foretell(clock::now());
        let refuses = refuses(told, foretold.is_err(), FailureKind::BreakerOpen);
        told.guards.push(GuardTold {
            handler: self.name().to_owned(),
            rule: entry.name.to_string(),
            state: words::state(breaker),
            refuses,
        });
        foretold.map_err(|refused| refusal(call.cluster(), (entry, breaker), refused))
    }
}

type Found<'c> = (&'c Entry<BreakerRule>, &'c std::sync::Arc<breaker::Breaker>);

/// The breaker that a call meets.
fn of<'c>(worker: &'c Worker, call: &'c Invocation, head: &'c dyn HeadView) -> Option<Found<'c>> {
    let breakers = call.governance()?.guards.breakers.as_ref()?;
    breakers.pick_of(|| call.view(worker, head))
}

/// Why a breaker refuses a call.
pub(crate) fn refusal(cluster: &Cluster, (entry, breaker): Found<'_>, refused: breaker::Refused) -> Failure {
    let detail = format!("{} is {}", entry.name, words::state(breaker));
    let why = match breaker.policy().mode() {
        BreakerMode::ForcedOpen => "is isolated because of error: force fallback",
        _ => "is isolated because of error: circuit open",
    };
    let stand_in = stand_in::of(entry.item.stand_in, &cluster.name, why);
    let advice = Advice { retry_after: Some(refused.retry_after), stand_in, ..Advice::default() };
    Failure::local(FailureKind::BreakerOpen, detail).advising(advice)
}

/// The breakers of a cluster, for people.
pub(crate) fn view(guards: &Guards) -> Vec<Value> {
    let view = |(entry, breaker): Found<'_>| {
        let told = breaker.told(clock::now());
        json!({
            "rule": entry.name,
            "state": words::standing(told.standing),
            "retry_after_ms": told.retry_after.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            "calls": told.calls,
            "failed": told.failed,
            "slow": told.slow,
            "opened": told.opened,
            "closed": told.closed,
            "refused": told.refused,
        })
    };
    guards.breakers.iter().flat_map(|breakers| breakers.all()).map(view).collect()
}

/// The breakers of instances, for people: how many of them keep calls away.
pub(crate) fn view_of_instances(guards: &Guards) -> Vec<Value> {
    let rules = guards.instance_breakers.iter().flat_map(|rules| rules.every());
    let view = |(entry, breakers): (&Entry<BreakerRule>, &PerEndpoint<breaker::Breaker>)| {
        let now = clock::now();
        let isolated = breakers.all().iter().filter(|breaker| breaker.foretell(now).is_err()).count();
        json!({"rule": entry.name, "isolated": isolated})
    };
    rules.map(view).collect()
}
