//! A call whose endpoint a rule chooses: the choice, what is remembered of it, and what is learned from its answer.
//! It must leave everything as it is where nobody calls but somebody asks.

use std::time::Duration;

use mesher_traffic::balance::{Moment, SessionToken, TryEnd};
use mesher_traffic::{HeadView, RoundRobin};

use super::Picker;
use crate::clock;
use crate::request::failure::{Failure, Side};
use crate::request::invocation::{BalancedTry, Code, Invocation};
use crate::request::reply;
use crate::snapshot::balancing::Ruling;
use crate::worker::Worker;

/// Whether this status is one by which an endpoint asks to be left alone, where it says for how long.
const fn is_busy(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// The rule that is about a call, where there is one.
pub(super) fn ruling<'c>(worker: &Worker, call: &'c Invocation, head: &dyn HeadView) -> Option<Ruling<'c>> {
    call.balancing()?.ruling(|| call.view(worker, head), call.portion())
}

/// Picks as a rule says.
pub(super) struct ByRule<'r> {
    ruling: Ruling<'r>,
    asked: Option<SessionToken>,
    key: Option<u64>,
    now: Duration,
    is_call: bool,
    rotation: &'r mut RoundRobin,
}

impl<'r> ByRule<'r> {
    pub(super) fn new(
        worker: &Worker,
        call: &Invocation,
        head: &dyn HeadView,
        ruling: Ruling<'r>,
        rotation: &'r mut RoundRobin,
    ) -> Self {
        let asked = asked(worker, call, head, &ruling);
        let hashes = ruling.policy.hash_key.is_some();
        let key = hashes.then(|| ruling.policy.key(&call.view(worker, head))).flatten();
        let now = call.now();
        Self { ruling, asked, key, now, is_call: true, rotation }
    }

    /// The same for a call that nobody makes.
    pub(super) fn question(self) -> Self {
        Self { is_call: false, ..self }
    }
}

impl Picker for ByRule<'_> {
    fn pick(&mut self, portion: Option<u16>, _: usize, may_take: &dyn Fn(usize) -> bool) -> Option<usize> {
        let mut draw = || fastrand::u64(..);
        let mut moment = Moment {
            now: self.now,
            key: self.key,
            loads: self.ruling.loads(),
            rotation: self.rotation,
            is_call: self.is_call,
            draw: &mut draw,
        };
        self.ruling.pick(portion, self.asked, &mut moment, may_take)
    }
}

/// A try begins at the current endpoint, which the rule at a place chose.
pub(super) fn begin(worker: &Worker, call: &mut Invocation, head: &dyn HeadView, rule: Option<usize>) {
    let ruling = rule.and_then(|rule| call.balancing()?.rule(rule));
    let Some(ruling) = ruling else { return };
    let load = call.endpoint.and_then(|place| ruling.loads().get(place));
    let Some((endpoint, load)) = call.current_endpoint().zip(load) else { return };
    let now = call.now();
    ruling.begins(now, endpoint.id);
    let asked = asked(worker, call, head, &ruling);
    // Who waits before the try is no matter of the endpoint's.
    let began = now + call.pause.unwrap_or_default();
    call.permits.balanced = Some(BalancedTry { rule: ruling.place, in_flight: load.begin(), began, asked });
}

/// The instance that a call asks for.
fn asked(
    worker: &Worker,
    call: &Invocation,
    head: &dyn HeadView,
    ruling: &Ruling<'_>,
) -> Option<SessionToken> {
    ruling.policy.persistence.as_ref()?.asked(&call.view(worker, head))
}

/// The try came to an answer's head, or failed. Its call counts at the endpoint until its end, or until the next try.
pub(super) fn response(worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) {
    let Some(balanced) = &call.permits.balanced else { return };
    let found = call.current_endpoint().zip(call.balancing().and_then(|all| all.rule(balanced.rule)));
    let Some((endpoint, ruling)) = found else {
        call.permits.balanced = None;
        return;
    };
    let (status, end) = match reply {
        Ok(Code::Status(status)) => (Some(*status), TryEnd::Answered),
        Ok(_) => (None, TryEnd::Answered),
        Err(failure) if failure.side == Side::Upstream => (None, TryEnd::Failed),
        Err(_) => (None, TryEnd::Left),
    };
    let advised = reply.as_ref().err().and_then(|failure| failure.advice.as_ref()?.retry_after);
    let load = balanced.in_flight.load();
    if ruling.policy.strategy.weighs_time() {
        let now = call.now();
        load.record(now, now.saturating_sub(balanced.began), end, ruling.policy.strategy.decay());
    }
    ruling.ended(endpoint.id, end == TryEnd::Failed);
    let is_busy = status.is_some_and(is_busy) && ruling.policy.heeds_retry_after;
    let of_proxy = advised.filter(|_| end == TryEnd::Failed && ruling.policy.heeds_retry_after);
    let of_answer = || is_busy.then(|| reply::retry_after(&worker.response.borrow())).flatten();
    if let Some(pause) = of_proxy.or_else(of_answer) {
        load.avoid(call.now(), pause);
    }
    if reply.is_err() {
        (call.session_field, call.permits.balanced) = (None, None);
        return;
    }
    let session = call.endpoint.and_then(|place| ruling.session_field(place, balanced.asked));
    call.session_field = session.map(|(name, value)| Box::new((name.into(), value.into())));
}

/// How an endpoint stands for a rule, in words.
pub(super) fn words(ruling: &Ruling<'_>, place: usize) -> String {
    let Some(load) = ruling.loads().get(place) else { return String::new() };
    let now = clock::now();
    let mut words = format!("{} calls on their way", load.in_flight());
    if let Some(latency) = load.peak_latency(now, ruling.policy.strategy.decay()) {
        words.push_str(&format!(", latency {:.1} ms", latency * 1e3));
    }
    if let Some(rest) = load.avoided_for(now) {
        words.push_str(&format!(", left alone for {:.1} s, as it asked", rest.as_secs_f32()));
    }
    if let Some(part) =
        ruling.policy.warm_up.map(|warm_up| warm_up.part(load, now)).filter(|part| *part < 1.0)
    {
        words.push_str(&format!(", warming up: {:.0} % of its share", part * 1e2));
    }
    words
}
