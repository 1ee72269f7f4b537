//! `bulkhead`: refuses calls to a service while as many are under way as a rule allows, or as the service bears.
//! It must let no call wait: one that finds no place is answered at once.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::explain::{Explanation, GuardTold};
use mesher_traffic::HeadView;
use mesher_traffic::bulkhead::{self, BulkheadPolicy, BulkheadRule, Full};
use mesher_traffic::selection::Entry;
use serde_json::{Value, json};

use crate::handlers::{Handler, Next, refuses};
use crate::request::failure::{Advice, Failure, FailureKind};
use crate::request::invocation::{Code, Invocation};
use crate::request::stand_in;
use crate::snapshot::Cluster;
use crate::snapshot::guards::Guards;
use crate::worker::Worker;

/// When a caller may come again: nobody knows when a place is free, and most calls are short.
const PAUSE: Duration = Duration::from_secs(1);
/// Statuses from which on an answer says nothing of how much its service bears: it may have failed at once.
const FAILED: u16 = 500;

pub(crate) struct Bulkhead;

impl Handler for Bulkhead {
    fn name(&self) -> &'static str {
        "bulkhead"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        // One that falls back on another part of the service keeps its place.
        let now = call.now();
        if call.fallback.is_elsewhere()
            && let Some((_, entered)) = &mut call.permits.bulkhead
        {
            *entered = now;
            return Ok(());
        }
        let Some((entry, bulkhead)) = of(worker, call, head) else { return Ok(()) };
        let place = bulkhead.enter().map_err(|full| refusal(call.cluster(), entry, full))?;
        call.permits.bulkhead = Some((place, now));
        Ok(())
    }

    /// The place stays the call's until its body has passed, too.
    fn response(&self, _: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        let is_sample = match reply {
            Ok(Code::Status(status)) => *status < FAILED,
            Ok(_) => false,
            Err(failure) => failure.kind == FailureKind::ResponseTimeout,
        };
        if let (true, Some((place, entered))) = (is_sample, &call.permits.bulkhead) {
            let now = call.now();
            place.learn(now, now.saturating_sub(*entered));
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
        let Some((entry, bulkhead)) = of(worker, call, head) else { return Ok(()) };
        let foretold = bulkhead.foretell();
        let refuses = refuses(told, foretold.is_err(), FailureKind::BulkheadFull);
        let stands = bulkhead.told();
        let state = format!("{} of {} calls are under way", stands.in_flight, stands.limit);
        let rule = entry.name.to_string();
        told.guards.push(GuardTold { handler: self.name().to_owned(), rule, state, refuses });
        foretold.map_err(|full| refusal(call.cluster(), entry, full))
    }
}

type Found<'c> = (&'c Entry<BulkheadRule>, &'c Arc<bulkhead::Bulkhead>);

/// The bulkhead that a call has to enter.
fn of<'c>(worker: &'c Worker, call: &'c Invocation, head: &'c dyn HeadView) -> Option<Found<'c>> {
    let bulkheads = call.governance()?.guards.bulkheads.as_ref()?;
    bulkheads.pick(&call.view(worker, head))
}

pub(crate) fn refusal(cluster: &Cluster, entry: &Entry<BulkheadRule>, full: Full) -> Failure {
    let limit = full.limit;
    let detail = match entry.item.policy {
        BulkheadPolicy::Fixed(_) => format!("{} is full: {limit} calls are under way", entry.name),
        BulkheadPolicy::Adaptive(_) => format!(
            "{} is full: {limit} calls are under way, as many as the service bears by its latency",
            entry.name
        ),
    };
    let stand_in =
        stand_in::of(entry.item.stand_in, &cluster.name, "is reject because of error: max concurrency");
    let advice = Advice { retry_after: Some(PAUSE), stand_in, ..Advice::default() };
    Failure::local(FailureKind::BulkheadFull, detail).advising(advice)
}

/// The bulkheads of a cluster, for people.
pub(crate) fn view(guards: &Guards) -> Vec<Value> {
    let view = |(entry, bulkhead): Found<'_>| {
        let told = bulkhead.told();
        json!({
            "rule": entry.name,
            "in_flight": told.in_flight,
            "limit": told.limit,
            "refused": told.refused,
            "baseline_ms": told.baseline.map(|latency| latency.as_secs_f64() * 1e3),
        })
    };
    guards.bulkheads.iter().flat_map(|bulkheads| bulkheads.all()).map(view).collect()
}
