//! How long a call, and each of its tries, may take to the head of its answer.
//! It must say whose limit it was, and must never end what is on its way to the caller already.

use std::time::Duration;

use mesher_traffic::Safety;
use tokio::time::Instant;

use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Direction, Exchange, Invocation};
use crate::request::{deadline, forward, hedge};
use crate::worker::Worker;

/// How much earlier the caller's proxy ends a call than the one behind it: it knows who set the limit.
const CALLER_FIRST: Duration = Duration::from_millis(50);

/// What a call may take.
struct Limits {
    /// From its arrival, waits and tries included.
    whole: Option<Duration>,
    /// From the beginning of each try.
    each: Option<Duration>,
}

/// Tries the current endpoint once, no longer than rules allow.
pub(crate) async fn forward<E: Exchange>(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    let limits = Limits::of(call);
    call.time_allowed = limits.as_ref().and_then(|limits| limits.whole);
    match limits {
        None => forward::forward(worker, call, exchange).await,
        Some(limits) => Box::pin(limits.forward(worker, call, exchange)).await,
    }
}

/// What is left of the time that rules give a call; `None` where they give it all it likes.
pub(crate) fn left(call: &Invocation) -> Option<Duration> {
    let whole = match call.tries {
        // Its limits are found with its first try.
        0 => Limits::of(call)?.whole?,
        _ => call.time_allowed?,
    };
    Some(whole.saturating_sub(call.started.elapsed()))
}

/// Waits before a try, no longer than the call may take.
pub(crate) async fn pause<E: Exchange>(
    time: Duration,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<(), Failure> {
    let Some(left) = left(call).filter(|left| *left <= time) else {
        return exchange.pause(time).await;
    };
    exchange.pause(left).await?;
    let limit = Limits::of(call).and_then(|limits| limits.whole).unwrap_or(left);
    let detail = detail(call, limit, true);
    Err(Failure::upstream(FailureKind::ResponseTimeout, Safety::Spent, detail))
}

impl Limits {
    /// What rules say; `None` where they say nothing, as for most calls. Zero lifts what is said elsewhere.
    fn of(call: &Invocation) -> Option<Self> {
        let governance = call.governance();
        if governance.is_none() && call.time_given.is_none() {
            return None;
        }
        let actions = call.actions();
        let is_limit = |limit: &Duration| !limit.is_zero();
        let of_rules = match actions.and_then(|actions| actions.request_limit) {
            Some(limit) => Some(limit).filter(is_limit),
            None => governance.and_then(|governance| governance.time_limit(call.time_limit)),
        };
        let whole = of_rules.into_iter().chain(call.time_given).min();
        let each = actions.and_then(|actions| actions.try_limit).filter(is_limit);
        (whole.is_some() || each.is_some()).then_some(Self { whole, each })
    }

    async fn forward<E: Exchange>(
        self,
        worker: &Worker,
        call: &mut Invocation,
        exchange: &mut E,
    ) -> Result<Code, Failure> {
        let is_callers = call.direction == Direction::Inbound && self.whole == call.time_given;
        let grace = if is_callers { CALLER_FIRST } else { Duration::ZERO };
        let ends = [
            self.whole.map(|limit| (Instant::from_std(call.started) + limit + grace, limit, true)),
            self.each.map(|limit| (Instant::now() + limit, limit, false)),
        ];
        let Some((end, limit, is_whole)) = ends.into_iter().flatten().min_by_key(|(end, ..)| *end) else {
            return forward::forward(worker, call, exchange).await;
        };
        if call.tries == 0 && self.whole.is_some_and(|limit| call.started.elapsed() >= limit) {
            let detail =
                format!("the time of the call, {} ms, was over before it could begin", limit.as_millis());
            return Err(Failure::local(FailureKind::DeadlineSpent, detail));
        }
        if let Ok(reply) = tokio::time::timeout_at(end, forward::forward(worker, call, exchange)).await {
            return reply;
        }
        let detail = detail(call, limit, is_whole);
        let failure = Failure::upstream(FailureKind::ResponseTimeout, Safety::Spent, detail);
        // Nobody waits any more for a call whose whole time is over.
        let failure = if is_whole { failure } else { exchange.give_up(failure) };
        hedge::give_up(worker, call, &failure);
        call.mark_tried(&failure);
        Err(failure)
    }
}

fn detail(call: &Invocation, limit: Duration, is_whole: bool) -> String {
    let is_of_rule = call.actions().is_some_and(|actions| match is_whole {
        true => actions.request_limit.is_some(),
        false => actions.try_limit.is_some(),
    });
    if is_whole && call.time_given == Some(limit) {
        return format!("no answer within {limit:?}, which its caller gave it ({})", deadline::NAME);
    }
    let governance = call.choice.filter(|_| is_of_rule).zip(call.cluster().governance.as_ref());
    let Some((choice, governance)) = governance else {
        let rule = call.governance().and_then(|governance| governance.timeout_words(call.time_limit));
        let rule = rule.unwrap_or_else(|| "a rule of kind Timeout".to_owned());
        return format!("no answer within {limit:?}, the limit that {rule} sets");
    };
    let (rule, what) = (governance.rule_words(choice), if is_whole { "" } else { " to a try" });
    format!("no answer{what} within {limit:?}, the limit that {rule} sets")
}
