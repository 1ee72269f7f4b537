//! Calls and flows that are refused since the proxy has too much to do, and those that pass all the same.
//! It must let pass no more than a few, whatever they say of themselves, and must write no line for each.

use std::cell::Cell;
use std::time::Duration;

use mesher_codec::{Framing, RequestHead};
use mesher_traffic::overload::Step;

use super::Reason;
use crate::bootstrap::HealthProbe;
use crate::health::USER_AGENT;
use crate::request::failure::{Advice, Failure, FailureKind, Side};
use crate::request::invocation::{Code, Direction, Outcome, Protocol};
use crate::worker::Worker;

/// When a caller may come again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Refused callers of a worker that get to read their answer while they are still sending.
const LINGERING_MAX: u32 = 32;
/// Checks that a worker lets pass between two ticks of its clock.
pub(crate) const CHECKS_MAX: u32 = 64;

/// Why a new call is refused; `None` where it is taken.
pub(crate) fn refusal(worker: &Worker, request: &RequestHead, direction: Direction) -> Option<Failure> {
    let reason = reason(worker)?;
    if is_check(worker, request, direction) && worker.may_pass_check() {
        return None;
    }
    worker.shared.pressure.count_shed(direction, reason);
    Some(failure(reason))
}

/// Whether a new flow is refused. It is counted then.
pub(crate) fn refuses_flow(worker: &Worker, direction: Direction) -> bool {
    let Some(reason) = reason(worker) else { return false };
    worker.shared.pressure.count_shed(direction, reason);
    let mut counters = worker.counters.borrow_mut();
    let row = counters.row_of_unknown(direction, Protocol::Tcp);
    counters.begin(row);
    let outcome = Outcome {
        code: Code::None,
        failure: Some((Side::Local, FailureKind::Overloaded)),
        detail: None,
        keeps_connection: false,
        request_bytes: 0,
        response_bytes: 0,
    };
    counters.end(row, &outcome, Duration::ZERO);
    true
}

/// A refused caller that gets to read its answer while it is still sending. There are few at once: each holds memory.
#[derive(Debug)]
pub(crate) struct Linger<'w>(&'w Cell<u32>);

impl<'w> Linger<'w> {
    /// `None` where the caller `may_send` nothing more, or too many do already: then its connection closes at once.
    pub(crate) fn of(worker: &'w Worker, may_send: bool) -> Option<Self> {
        let count = &worker.lingering;
        let is_one = may_send && count.get() < LINGERING_MAX;
        is_one.then(|| {
            count.set(count.get() + 1);
            Self(count)
        })
    }
}

impl Drop for Linger<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

fn reason(worker: &Worker) -> Option<Reason> {
    let is_short = worker.shared.pressure.step() >= Step::Shed;
    if is_short { Some(Reason::Memory) } else { worker.lag.is_late().then_some(Reason::Lag) }
}

fn failure(reason: Reason) -> Failure {
    let advice = Advice { retry_after: Some(RETRY_AFTER), ..Advice::default() };
    Failure::local(FailureKind::Overloaded, reason.words()).advising(advice)
}

/// Whether a call only asks how the application is: the path that this proxy asks for itself, or another proxy's check.
fn is_check(worker: &Worker, request: &RequestHead, direction: Direction) -> bool {
    let is_plain = matches!(request.framing(), Framing::Empty | Framing::Length(0))
        && (request.is("GET") || request.is("HEAD"));
    let is_own_path = || match &worker.shared.bootstrap.health_check.probe {
        HealthProbe::Path(path) => request.path_bytes() == path.as_bytes(),
        _ => false,
    };
    let is_of_proxy = || request.named("user-agent").any(|value| value == USER_AGENT.as_bytes());
    direction == Direction::Inbound && is_plain && (is_own_path() || is_of_proxy())
}
