//! `balance`: chooses the endpoint of each try, taking the instances in turn.
//! It must not choose an endpoint that failed in this invocation, refused a connection lately, or is passed over by a rule, while another one is left.

mod standing;

use std::cell::RefMut;
use std::time::Duration;

use mesher_model::explain::Explanation;
use mesher_traffic::ejection::Watch;
use mesher_traffic::{HeadView, RoundRobin, Suspects};

use crate::clock;
use crate::handlers::{Handler, Next};
use crate::request::blame;
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Invocation, Target};
use crate::snapshot::{Cluster, ClusterKind, Endpoint, EndpointId};
use crate::worker::Worker;

pub(crate) struct Balance;

impl Handler for Balance {
    fn name(&self) -> &'static str {
        "balance"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, _: &dyn HeadView) -> Result<(), Failure> {
        if let Some(refusal) = call.refusal.take() {
            return Err(refusal);
        }
        let cluster = call.cluster();
        let mut suspects = worker.suspects();
        let watch = watch(call);
        let chosen =
            worker.with_rotation(cluster.id, |rotation| choose(call, rotation, suspects.as_ref(), watch));
        let place = chosen.ok_or_else(|| nothing_to_choose(cluster, call))?;
        if let (Some((suspects, now)), Some(endpoint)) = (&mut suspects, cluster.endpoints.get(place)) {
            suspects.chosen(endpoint.id, *now);
        }
        if let Some((watch, now)) = watch {
            watch.chosen(place, now);
        }
        call.endpoint = Some(place);
        Ok(())
    }

    fn explain(
        &self,
        worker: &Worker,
        call: &mut Invocation,
        _: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        if told.call.is_none() {
            if let Some(refusal) = call.refusal.take() {
                return Err(refusal);
            }
            let suspects = worker.suspects();
            let mut rotation = worker.with_rotation(call.cluster().id, |rotation| *rotation);
            call.endpoint = choose(call, &mut rotation, suspects.as_ref(), watch(call));
        }
        standing::tell(worker, call, told);
        match call.endpoint {
            None if told.call.is_none() => Err(nothing_to_choose(call.cluster(), call)),
            _ => Ok(()),
        }
    }

    fn response(&self, worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        watch_end(call, reply);
        match reply {
            Err(failure) if failure.is_refused_connection() => {
                call.current_endpoint().into_iter().for_each(|endpoint| worker.suspect(endpoint));
            }
            Ok(_) => {
                if let (Some((mut suspects, _)), Some(endpoint)) =
                    (worker.suspects(), call.current_endpoint())
                {
                    suspects.answered(endpoint.id);
                }
            }
            Err(_) => {}
        }
        Next::Pass
    }
}

/// The endpoint that takes a call, as a place in its cluster: the next in turn of those that are left. Where all of them
/// are suspects, or were tried, one of these.
fn choose(
    call: &Invocation,
    rotation: &mut RoundRobin,
    suspects: Option<&(RefMut<'_, Suspects<EndpointId>>, Duration)>,
    watch: Option<(&Watch, Duration)>,
) -> Option<usize> {
    let cluster = call.cluster();
    let part = call.choice.zip(cluster.governance.as_ref());
    let is_first_try = call.tries == 0;
    let mut pick = |also: &dyn Fn(&Endpoint, usize) -> bool| {
        let endpoints = &cluster.endpoints;
        rotation.pick(endpoints.len(), |place| {
            endpoints
                .get(place)
                .is_some_and(|endpoint| is_eligible(endpoint, call.target) && also(endpoint, place))
        })
    };
    let mut pick_of = |belongs: &dyn Fn(usize) -> bool| {
        let is_untried = |endpoint: &Endpoint, place| belongs(place) && !call.has_tried(endpoint.id);
        let is_trusted = |endpoint: &Endpoint, place| {
            suspects.is_none_or(|(suspects, now)| suspects.may_take(endpoint.id, *now, is_first_try))
                && watch.is_none_or(|(watch, now)| !watch.is_ejected(place, now, is_first_try))
        };
        let has_doubts = suspects.is_some() || watch.is_some();
        let trusted = has_doubts
            .then(|| pick(&|endpoint, place| is_untried(endpoint, place) && is_trusted(endpoint, place)));
        let trusted = trusted.flatten();
        let untried = trusted.or_else(|| pick(&is_untried));
        untried.or_else(|| pick(&|_, place| belongs(place)))
    };
    let Some((choice, governance)) = part else { return pick_of(&|_| true) };
    let mut portions = choice.portions();
    let in_portion = portions.find_map(|portion| pick_of(&|place| governance.is_part(portion, place)));
    in_portion.or_else(|| if governance.takes_any(choice) { pick_of(&|_| true) } else { None })
}

/// The watch over the endpoints of a call, and the time to ask it at; `None` while it passes over none.
fn watch(call: &Invocation) -> Option<(&Watch, Duration)> {
    let watch = &call.governance()?.guards.health.as_ref()?.watch;
    watch.has_outside().then(|| (watch, clock::now()))
}

/// Tells the watch how a try ended, where there is one.
fn watch_end(call: &Invocation, reply: &Result<Code, Failure>) {
    let health = call.governance().and_then(|governance| governance.guards.health.as_ref());
    let Some((health, place)) = health.zip(call.endpoint) else { return };
    if let Some(has_failed) = blame::has_callee_failed(reply, |status| health.is_failure(status)) {
        let now = clock::now();
        health.watch.ended(place, now, has_failed, now.saturating_sub(call.sent_at));
    }
}

/// Whether an endpoint is one that a target asks for.
pub(crate) fn is_eligible(endpoint: &Endpoint, target: Target) -> bool {
    let is_chosen = match target.port {
        Some(port) => endpoint.ports.contains(&port),
        None => endpoint.rank == 0,
    };
    endpoint.protocol == target.protocol && is_chosen
}

fn nothing_to_choose(cluster: &Cluster, call: &Invocation) -> Failure {
    let (name, target) = (&cluster.name, call.target);
    if let (Some(choice), Some(governance)) = (call.choice, &cluster.governance)
        && cluster.endpoints.iter().any(|endpoint| is_eligible(endpoint, target))
    {
        // A call that was meant for one part goes to no other: whoever wrote the rule relies on it.
        let part = governance.describe(choice);
        return Failure::local(FailureKind::NoEndpoint, format!("no instance of {name} is of {part}"));
    }
    let of_protocol = || cluster.endpoints.iter().filter(|endpoint| endpoint.protocol == target.protocol);
    match target.port {
        Some(port) if of_protocol().next().is_some() => {
            let mut declared: Vec<_> =
                of_protocol().flat_map(|endpoint| &endpoint.ports).map(u16::to_string).collect();
            declared.sort();
            declared.dedup();
            let declared = declared.join(", ");
            let detail = format!(
                "{name} does not declare port {port}; it declares {declared}. Leave the port out, or name one of these"
            );
            Failure::local(FailureKind::UnknownPort, detail)
        }
        _ if cluster.kind == ClusterKind::Local => {
            let word = target.protocol.as_str();
            Failure::local(
                FailureKind::NoEndpoint,
                format!("{name} has declared no {word} port to this proxy; set MESHER_PORTS"),
            )
        }
        _ if !cluster.endpoints.is_empty() => {
            let word = target.protocol.as_str();
            Failure::local(
                FailureKind::NoEndpoint,
                format!("no instance of {name} has a usable {word} endpoint"),
            )
        }
        _ => Failure::local(
            FailureKind::NoEndpoint,
            format!("{name} is registered, but no instance of it takes calls"),
        ),
    }
}
