//! `retry`: lets a failed call be tried again, on another instance first, where that is safe and within a budget.
//! It must never let a call that may have been acted on happen twice unless its method, or its caller, allows that.

use std::borrow::Cow;
use std::time::Duration;

use mesher_model::explain::{Explanation, GuardTold};
use mesher_model::rule::RetryBudget;
use mesher_traffic::{HeadView, HedgePolicy, RetryPolicy, Safety};

use crate::handlers::{Handler, Next};
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Invocation};
use crate::request::limits;
use crate::worker::Worker;

/// The field by which a caller says that its call may come twice (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(crate) struct Retry;

/// What becomes of a reply.
enum Verdict {
    /// It goes on as it is.
    Pass,
    /// It goes on, and whoever called before must not try again: here all was tried that may be.
    Spent,
    /// The call is tried again.
    Again { pause: Duration, is_on_same: bool, failure: Box<Failure> },
}

impl Handler for Retry {
    fn name(&self) -> &'static str {
        "retry"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        let Some(rules) = call.governance().and_then(|governance| governance.policy().retry.as_ref()) else {
            return Ok(());
        };
        let Some((place, entry)) = rules.pick_of(|| call.view(worker, head)) else { return Ok(()) };
        let is_keyed = entry.item.takes_idempotency_key
            && head.any_field(IDEMPOTENCY_KEY, &mut |value| !value.is_empty());
        // A flow of bytes cannot be sent twice; of two calls with one key at once a service may refuse either; and a call that has
        // fallen back has its last try.
        let is_wanted = entry.item.hedge.is_some() && head.message().is_some() && !is_keyed;
        call.hedge.is_wanted = is_wanted && call.is_idempotent && !call.fallback.is_elsewhere();
        call.retry.rule = Some(place);
        call.is_idempotent |= is_keyed;
        Ok(())
    }

    fn response(&self, worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        if let Ok(code) = reply
            && (call.retry.rule.is_none() || !is_bad(call, *code))
        {
            return Next::Pass;
        }
        match judge(worker, call, reply) {
            Verdict::Pass => Next::Pass,
            Verdict::Spent => {
                worker.shared.retries_are_spent();
                Next::Pass
            }
            Verdict::Again { pause, is_on_same, failure } => {
                if reply.is_ok() {
                    call.mark_tried(&failure);
                }
                worker.counters.borrow_mut().retried(call.row, failure.kind);
                call.pause = Some(pause).filter(|pause| !pause.is_zero());
                call.retry.is_on_same = is_on_same;
                Next::Again
            }
        }
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
        let Some((name, policy)) = rule(call) else { return Ok(()) };
        let statuses = match policy.statuses.is_empty() {
            true => String::new(),
            false => format!(", also after {}", policy.statuses),
        };
        let hedge = policy.hedge.map(|hedge| format!(", {}", hedge.words())).unwrap_or_default();
        let denied = if call.retry.is_denied { "; its budget was spent" } else { "" };
        told.guards.push(GuardTold {
            handler: self.name().to_owned(),
            rule: name.to_owned(),
            state: format!(
                "up to {} further tries{statuses}{hedge}{denied}{}",
                policy.tries_max.saturating_sub(1),
                call.hedge.words()
            ),
            refuses: false,
        });
        Ok(())
    }
}

/// The rule that is about a call, with the name of who says so.
fn rule(call: &Invocation) -> Option<(&str, &RetryPolicy)> {
    let rules = call.governance()?.policy().retry.as_ref()?;
    let entry = rules.entries().get(call.retry.rule?)?;
    Some((&entry.name, &entry.item))
}

/// What holds for a call.
fn policy(call: &Invocation) -> Cow<'_, RetryPolicy> {
    rule(call).map_or_else(|| Cow::Owned(RetryPolicy::default()), |(_, policy)| Cow::Borrowed(policy))
}

/// Whether a further try after a failure is one that the service bears; takes it from the budget, where it counts.
pub(super) fn may_spend(worker: &Worker, call: &Invocation, failure: &Failure) -> bool {
    // A connection that nobody took is no load for anybody.
    let is_free = failure.is_refused_connection() && failure.safety == Safety::NothingSent;
    is_free || worker.may_spend_a_try(call, budget(call))
}

/// How many further tries the calls to its service may take together.
pub(crate) fn budget(call: &Invocation) -> RetryBudget {
    policy(call).budget
}

/// When a second try begins beside the first; `None`: never.
pub(crate) fn hedge(call: &Invocation) -> Option<HedgePolicy> {
    rule(call)?.1.hedge
}

/// Whether an answer is one that a rule takes for a failure.
pub(crate) fn is_bad(call: &Invocation, code: Code) -> bool {
    let Code::Status(status) = code else { return false };
    rule(call).is_some_and(|(_, policy)| policy.statuses.contains(status))
}

fn judge(worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Verdict {
    let failure = match reply {
        Err(failure) => Cow::Borrowed(failure),
        Ok(Code::Status(status)) => {
            let name = rule(call).map(|(name, _)| name).unwrap_or_default();
            let detail = format!("answered {status}, after which {name} tries again");
            Cow::Owned(Failure::upstream(FailureKind::BadStatus(*status), call.retry.answer_safety, detail))
        }
        Ok(_) => return Verdict::Pass,
    };
    if call.tries == 0 {
        return Verdict::Pass;
    }
    // Whoever answered has tried all that may be tried; a call that has fallen back has had its last try.
    if call.retry.is_spent_below || call.fallback.is_elsewhere() {
        return Verdict::Spent;
    }
    let policy = policy(call);
    if !policy.may_try_again(call.tries, failure.safety, call.is_idempotent) {
        return if call.tries > 1 { Verdict::Spent } else { Verdict::Pass };
    }
    let pause = match failure.is_refused_connection() {
        // Nobody is spared by waiting: another instance is asked at once.
        true => Duration::ZERO,
        false => policy.pause.after(call.tries, fastrand::f64()),
    };
    let is_on_same = call.tries <= policy.same_first && !failure.is_refused_connection();
    let is_in_time = limits::left(call).is_none_or(|left| pause < left);
    if !is_in_time {
        return Verdict::Spent;
    }
    if !may_spend(worker, call, &failure) {
        call.retry.is_denied = true;
        worker.counters.borrow_mut().retry_denied(call.row);
        return Verdict::Spent;
    }
    Verdict::Again { pause, is_on_same, failure: Box::new(failure.into_owned()) }
}
