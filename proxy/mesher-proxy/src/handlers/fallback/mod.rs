//! `fallback`: gives the caller of a call that failed what a rule says: another answer, or that of another part of the service.
//! It must let a call fall back once, and must send none again that may have been acted on unless its method, or its caller,
//! allows that.

use std::borrow::Cow;

use mesher_model::explain::{Explanation, GuardTold};
use mesher_traffic::{FallbackRule, FallbackWay, HeadView, Safety, Statuses};

use crate::handlers::{Handler, Next, balance, retry};
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::falling::Fallen;
use crate::request::invocation::{Code, Invocation};
use crate::request::limits;
use crate::worker::Worker;

pub(crate) struct Fallback;

/// What came of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FellBack {
    /// Its caller got the answer of the rule.
    Answered,
    /// The other part of the service answered.
    Rescued,
    /// That failed, too.
    Failed,
    /// That could not be asked: it was not safe, there was no time, no try left in the budget, or nobody.
    Denied,
}

impl FellBack {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Rescued => "rescued",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

impl Handler for Fallback {
    fn name(&self) -> &'static str {
        "fallback"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        let Some(rules) = call.governance().and_then(|governance| governance.policy().fallbacks.as_ref())
        else {
            return Ok(());
        };
        let Some((place, entry)) = rules.pick(&call.view(worker, head)) else { return Ok(()) };
        // A flow of bytes has no words for an answer.
        let is_possible = head.message().is_some() || entry.item.portion().is_some();
        call.fallback.rule = u16::try_from(place).ok().filter(|_| is_possible);
        Ok(())
    }

    fn response(&self, worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        let Some(rule) = call.fallback_rule().map(|entry| &entry.item) else { return Next::Pass };
        let failure = failure_of(rule, call.retry.answer_safety, reply);
        if call.fallback.is_elsewhere() {
            let is_good = failure.is_none() && reply.is_ok();
            count(worker, call, if is_good { FellBack::Rescued } else { FellBack::Failed });
            return Next::Pass;
        }
        let Some(failure) = failure.map(Cow::into_owned) else { return Next::Pass };
        let status = match &rule.way {
            FallbackWay::Answer(answer) => Some(answer.status()),
            FallbackWay::Portion(_) => None,
        };
        if reply.is_ok() && call.tries > 0 {
            call.mark_tried(&failure);
        }
        if let Some(status) = status {
            call.fallback.fallen = Some(Box::new(Fallen { failure, portion: None }));
            count(worker, call, FellBack::Answered);
            return Next::Answer(status);
        }
        let portion = portion(call).filter(|portion| may_go_elsewhere(worker, call, &failure, *portion));
        if portion.is_none() {
            count(worker, call, FellBack::Denied);
            return Next::Pass;
        }
        // What was to go wrong with it on purpose has gone wrong.
        call.end = None;
        call.fallback.fallen = Some(Box::new(Fallen { failure, portion }));
        Next::Again
    }

    fn explain(
        &self,
        worker: &Worker,
        call: &mut Invocation,
        head: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        if told.call.is_none() {
            self.request(worker, call, head)?;
        }
        let Some(entry) = call.fallback_rule() else { return Ok(()) };
        let done = call.fallback.fallen.as_deref().map(|fallen| {
            let (kind, detail) = (fallen.failure.kind.as_str(), &fallen.failure.detail);
            format!("; this call fell back on it after {kind}: {detail}")
        });
        told.guards.push(GuardTold {
            handler: self.name().to_owned(),
            rule: entry.name.to_string(),
            state: entry.item.words() + &done.unwrap_or_default(),
            refuses: false,
        });
        Ok(())
    }
}

/// What a call that nobody makes would fall back on where it failed so; `None` where the failure would be told.
pub(crate) fn foretell(call: &Invocation, failure: &Failure) -> Option<String> {
    let entry = call.fallback_rule()?;
    is_failure(&entry.item.failures, failure).then_some(())?;
    let (name, kind, detail) = (&entry.name, failure.kind.as_str(), &failure.detail);
    match &entry.item.way {
        FallbackWay::Answer(answer) => {
            let status = answer.status();
            Some(format!(
                "the proxy itself would answer {status}, as {name} says, in place of {kind}: {detail}"
            ))
        }
        FallbackWay::Portion(words) => portion(call)
            .filter(|portion| may_enter(call, failure) && has_somebody(call, *portion))
            .map(|_| format!("it would go to {words}, as {name} says, after {kind}: {detail}")),
    }
}

/// The failure that a reply tells of, in the eyes of a rule.
fn failure_of<'r>(
    rule: &FallbackRule,
    safety: Safety,
    reply: &'r Result<Code, Failure>,
) -> Option<Cow<'r, Failure>> {
    match reply {
        Ok(Code::Status(status)) => rule.failures.contains(*status).then(|| {
            let kind = FailureKind::BadStatus(*status);
            Cow::Owned(Failure::upstream(kind, safety, format!("answered {status}")))
        }),
        Ok(_) => None,
        Err(failure) => is_failure(&rule.failures, failure).then_some(Cow::Borrowed(failure)),
    }
}

/// Whether an answer is one that a rule takes for a failure.
pub(crate) fn is_bad(call: &Invocation, code: Code) -> bool {
    let Code::Status(status) = code else { return false };
    call.fallback.rule.is_some()
        && call.fallback_rule().is_some_and(|entry| entry.item.failures.contains(status))
}

/// Whether a call that ended so fell short by its callee, or by what stands before it. What the caller did, and what nobody may
/// call, is told as it is.
fn is_failure(statuses: &Statuses, failure: &Failure) -> bool {
    match failure.kind {
        FailureKind::BadStatus(status) | FailureKind::Injected(status) => statuses.contains(status),
        FailureKind::BreakerOpen | FailureKind::BulkheadFull | FailureKind::NoEndpoint => true,
        FailureKind::InjectedReset => true,
        _ => failure.side == Side::Upstream,
    }
}

/// The part of the service that takes calls which failed.
fn portion(call: &Invocation) -> Option<u16> {
    let place = usize::from(call.fallback.rule?);
    call.governance()?.policy().fallback_portion(place)
}

fn may_go_elsewhere(worker: &Worker, call: &Invocation, failure: &Failure, portion: u16) -> bool {
    // What was refused before its first try reached nobody, and is no further load.
    let is_first = call.tries == 0;
    let safety = if is_first { Safety::NothingSent } else { failure.safety };
    let has_time = limits::left(call).is_none_or(|left| !left.is_zero());
    let is_possible = safety.may_repeat(call.is_idempotent) && has_time && !call.retry.is_spent_below;
    is_possible
        && may_enter(call, failure)
        && has_somebody(call, portion)
        && (is_first || retry::may_spend(worker, call, failure))
}

/// Whether a bulkhead that was full stands in the way of another part, too.
fn may_enter(call: &Invocation, failure: &Failure) -> bool {
    let has_bulkhead = call.governance().is_some_and(|governance| governance.guards.bulkheads.is_some());
    failure.kind != FailureKind::BulkheadFull || !has_bulkhead || call.permits.bulkhead.is_some()
}

/// Whether there is an instance of a part that this call has not tried.
fn has_somebody(call: &Invocation, portion: u16) -> bool {
    balance::endpoints_of(call, Some(portion)).any(|endpoint| !call.has_tried(endpoint.id))
}

fn count(worker: &Worker, call: &Invocation, came: FellBack) {
    let name = call.fallback_rule().map(|entry| &*entry.name).unwrap_or_default();
    worker.counters.borrow_mut().fell_back(call.row, name, came);
}
