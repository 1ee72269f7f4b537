//! `balance`: chooses the endpoint of each try: as a rule says, or the instances in turn.
//! It must not choose an endpoint that failed in this invocation, refused a connection lately, or that a rule passes over, while
//! another one is left.

mod ruled;
mod sieve;
mod standing;

use std::cell::RefMut;
use std::time::Duration;

use mesher_model::explain::Explanation;
use mesher_traffic::{HeadView, RoundRobin, Suspects};

use crate::handlers::{Handler, Next};
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::invocation::{Code, Invocation, Target};
use crate::snapshot::{Cluster, ClusterId, ClusterKind, Endpoint, EndpointId};
use crate::worker::Worker;
use ruled::ByRule;

use sieve::Sieve;
pub(crate) use sieve::Taken;

pub(crate) struct Balance;

impl Handler for Balance {
    fn name(&self) -> &'static str {
        "balance"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        if let Some(refusal) = call.refusal.take() {
            return Err(refusal);
        }
        if std::mem::take(&mut call.retry.is_on_same) && call.endpoint.is_some() {
            let rule = ruled::ruling(worker, call, head).map(|ruling| ruling.place);
            ruled::begin(worker, call, head, rule);
            return Ok(());
        }
        call.permits.balanced = None;
        if let Some(checked) = call.governance().and_then(|governance| governance.guards.checked()) {
            checked.called();
        }
        let ruling = ruled::ruling(worker, call, head);
        let cluster = call.cluster();
        let mut suspects = worker.suspects();
        let sieve = Sieve::of(worker, call, head);
        let doubts = Doubts { suspects: suspects.as_ref(), sieve: sieve.as_ref() };
        let chosen = worker.with_rotation(rotation_of(call), |rotation| match ruling {
            None => choose(call, InTurn(rotation), doubts),
            Some(ruling) => choose(call, ByRule::new(worker, call, head, ruling, rotation), doubts),
        });
        let place = chosen.ok_or_else(|| nothing_to_choose(cluster, call))?;
        if let (Some((suspects, now)), Some(endpoint)) = (&mut suspects, cluster.endpoints.get(place)) {
            suspects.chosen(endpoint.id, *now);
        }
        let taken = sieve.map(|sieve| sieve.take(place)).transpose()?;
        let rule = ruling.map(|ruling| ruling.place);
        call.permits.of_endpoint = taken.unwrap_or_default();
        call.endpoint = Some(place);
        ruled::begin(worker, call, head, rule);
        Ok(())
    }

    fn explain(
        &self,
        worker: &Worker,
        call: &mut Invocation,
        head: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        if told.call.is_none() {
            if let Some(refusal) = call.refusal.take() {
                return Err(refusal);
            }
            let suspects = worker.suspects();
            let mut rotation = worker.with_rotation(rotation_of(call), |rotation| *rotation);
            let sieve = Sieve::of(worker, call, head);
            let doubts = Doubts { suspects: suspects.as_ref(), sieve: sieve.as_ref() };
            call.endpoint = match ruled::ruling(worker, call, head) {
                Some(ruling) => {
                    let by_rule = ByRule::new(worker, call, head, ruling, &mut rotation).question();
                    choose(call, by_rule, doubts)
                }
                None => choose(call, InTurn(&mut rotation), doubts),
            };
        }
        let sieve = Sieve::of(worker, call, head);
        standing::tell(worker, call, (ruled::ruling(worker, call, head), sieve.as_ref()), told);
        match call.endpoint {
            None if told.call.is_none() => Err(nothing_to_choose(call.cluster(), call)),
            _ => Ok(()),
        }
    }

    fn response(&self, worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        sieve::end(call, reply);
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
            Err(failure) if failure.side == Side::Upstream => {}
            // The caller left, or its time was over: nothing is known of the endpoint.
            Err(_) => {
                if let (Some((mut suspects, now)), Some(endpoint)) =
                    (worker.suspects(), call.current_endpoint())
                {
                    suspects.left(endpoint.id, now);
                }
            }
        }
        ruled::response(worker, call, reply);
        Next::Pass
    }
}

/// What takes turns for a call: the endpoints of its cluster, or those of the part that a route chose.
fn rotation_of(call: &Invocation) -> (ClusterId, Option<u16>) {
    (call.cluster().id, call.portion())
}

/// A way to pick one of the endpoints of a cluster.
trait Picker {
    /// The place of one that may take a call which is meant for a portion of the service, or for all of it.
    fn pick(&mut self, portion: Option<u16>, count: usize, may_take: &dyn Fn(usize) -> bool)
    -> Option<usize>;
}

/// Each in turn.
struct InTurn<'r>(&'r mut RoundRobin);

impl Picker for InTurn<'_> {
    fn pick(&mut self, _: Option<u16>, count: usize, may_take: &dyn Fn(usize) -> bool) -> Option<usize> {
        self.0.pick(count, may_take)
    }
}

/// Who is passed over while others are left.
#[derive(Clone, Copy)]
struct Doubts<'d> {
    /// Those who refused a connection lately, and the time.
    suspects: Option<&'d (RefMut<'d, Suspects<EndpointId>>, Duration)>,
    /// Those whom rules pass over.
    sieve: Option<&'d Sieve<'d>>,
}

/// The endpoint that takes a call, as a place in its cluster: one of those that are left. Where all of them are suspects, or
/// were tried, one of these.
fn choose(
    call: &Invocation,
    mut picker: impl Picker,
    Doubts { suspects, sieve }: Doubts<'_>,
) -> Option<usize> {
    let cluster = call.cluster();
    let is_first_try = call.tries == 0;
    let mut pick = |portion, also: &dyn Fn(&Endpoint, usize) -> bool| {
        let endpoints = &cluster.endpoints;
        picker.pick(portion, endpoints.len(), &|place| {
            endpoints
                .get(place)
                .is_some_and(|endpoint| is_eligible(endpoint, call.target) && also(endpoint, place))
        })
    };
    let mut pick_of = |portion: Option<u16>, belongs: &dyn Fn(usize) -> bool| {
        let is_untried = |endpoint: &Endpoint, place| belongs(place) && !call.has_tried(endpoint.id);
        let is_trusted = |endpoint: &Endpoint, place| {
            suspects.is_none_or(|(suspects, now)| suspects.may_take(endpoint.id, *now, is_first_try))
                && sieve.is_none_or(|sieve| sieve.lets_pass(place))
        };
        let has_doubts = suspects.is_some() || sieve.is_some();
        let trusted = has_doubts.then(|| {
            pick(portion, &|endpoint, place| is_untried(endpoint, place) && is_trusted(endpoint, place))
        });
        let untried = trusted.flatten().or_else(|| pick(portion, &is_untried));
        untried.or_else(|| pick(portion, &|_, place| belongs(place)))
    };
    let Some(governance) = cluster.governance.as_ref().filter(|_| call.portion().is_some()) else {
        return pick_of(None, &|_| true);
    };
    let mut pick_in = |portion| pick_of(Some(portion), &|place| governance.is_part(portion, place));
    // Nearly always the first portion has somebody.
    let of_first = call.portion().and_then(&mut pick_in);
    let in_portion = of_first.or_else(|| call.portions().skip(1).find_map(&mut pick_in));
    let is_elsewhere = call.fallback.is_elsewhere();
    let takes_any = call.choice.is_some_and(|choice| governance.takes_any(choice)) && !is_elsewhere;
    in_portion.or_else(|| if takes_any { pick_of(None, &|_| true) } else { None })
}

/// The endpoints that a call asks for, of a portion of its service; of the whole service without one.
pub(crate) fn endpoints_of(call: &Invocation, portion: Option<u16>) -> impl Iterator<Item = &Endpoint> {
    let (cluster, governance) = (call.cluster(), call.governance());
    let belongs =
        move |place| portion.is_none_or(|portion| governance.is_some_and(|all| all.is_part(portion, place)));
    let endpoints = cluster.endpoints.iter().enumerate();
    let own = endpoints.filter(move |(place, one)| is_eligible(one, call.target) && belongs(*place));
    own.map(|(_, endpoint)| endpoint)
}

/// The first portion that has an endpoint: it takes the call.
fn taking(call: &Invocation) -> Option<u16> {
    call.portions().find(|portion| endpoints_of(call, Some(*portion)).next().is_some())
}

/// Whether there is an instance that this call has not tried, of the part of the service that takes it.
pub(crate) fn has_another(call: &Invocation) -> bool {
    // Where no portion has an instance, a rule may let any take it.
    endpoints_of(call, taking(call)).any(|endpoint| !call.has_tried(endpoint.id))
}

/// Whether the current try goes where it does because of a session.
pub(crate) fn keeps_sessions(call: &Invocation) -> bool {
    let rule = call.permits.balanced.as_ref().map(|balanced| balanced.rule);
    let ruling = rule.and_then(|rule| call.balancing()?.rule(rule));
    ruling.is_some_and(|ruling| ruling.policy.persistence.is_some())
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
