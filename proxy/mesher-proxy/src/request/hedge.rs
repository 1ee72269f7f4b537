//! A second try beside the first, where that takes long: when it begins, who is heard, and what is learned of the other.
//! It must begin one for a call at most, within the budget, and must blame no instance for a try that was cancelled.

use std::time::Duration;

use mesher_traffic::{HedgePolicy, Latencies, Safety};

use crate::clock;
use crate::handlers::balance::{self, Balance, Taken};
use crate::handlers::{Handler as _, retry};
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::invocation::{BalancedTry, Code, Exchange, Invocation};
use crate::worker::Worker;

/// Statuses from which on an answer says nothing of how long answers take: it may have failed at once.
const FAILED: u16 = 500;

/// How a call stands with a second try beside its first.
#[derive(Debug, Default)]
pub(crate) struct Hedging {
    /// Whether a rule wants one for it.
    pub(crate) is_wanted: bool,
    /// Set once there was one, or could not be.
    pub(crate) hedged: Option<Box<Hedged>>,
}

/// A second try of a call.
#[derive(Debug)]
pub(crate) struct Hedged {
    /// How long the first one had taken.
    delay: Duration,
    /// The other of the two tries, while both go on.
    other: Option<Attempt>,
    /// When the current one began, since the start of the call; `None` once that is another.
    began: Option<Duration>,
    came: Option<HedgeCame>,
}

/// What came of a second try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HedgeCame {
    /// It was answered first.
    Won,
    /// The first was answered first, or alone.
    Lost,
    /// Neither was answered.
    Failed,
    /// There was none: the budget was spent.
    Denied,
}

impl HedgeCame {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// What a call holds of one of its tries.
#[derive(Debug, Default)]
struct Attempt {
    endpoint: Option<usize>,
    balanced: Option<BalancedTry>,
    of_endpoint: Taken,
    sent_at: Duration,
    began: Option<Duration>,
}

impl Hedging {
    /// When the current try began, where two went on at once.
    pub(super) fn began(&self) -> Option<Duration> {
        self.hedged.as_ref()?.began
    }

    /// A further try begins, after both of them.
    pub(super) fn pass(&mut self) {
        if let Some(hedged) = &mut self.hedged {
            hedged.began = None;
        }
    }

    /// What came of it, in words; empty where there was none.
    pub(crate) fn words(&self) -> String {
        let Some(hedged) = &self.hedged else { return String::new() };
        let came = match hedged.came {
            Some(HedgeCame::Denied) => return "; not hedged: the budget was spent".to_owned(),
            Some(HedgeCame::Won) => "the second try was answered first",
            Some(HedgeCame::Lost) => "the first try was answered",
            _ => "neither was answered",
        };
        format!("; hedged after {:?}: {came}", hedged.delay)
    }
}

/// Tries the current endpoint, and after a while another one beside it.
pub(super) async fn forward<E: Exchange>(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    let began = call.started.elapsed();
    let reply = match delay(call) {
        None => exchange.send(call).await,
        Some(delay) => match exchange.send_until(call, delay).await {
            Ok(Some(code)) => Ok(code),
            Ok(None) if begin(worker, call, exchange, (began, delay)) => race(worker, call, exchange).await,
            Ok(None) => exchange.go_on(call).await,
            Err(failure) => Err(failure),
        },
    };
    if let Ok(Code::Status(..FAILED)) = reply {
        learn(call);
    }
    reply
}

/// After which time a second try begins.
fn delay(call: &Invocation) -> Option<Duration> {
    if call.hedge.hedged.is_some() {
        return None;
    }
    match retry::hedge(call)? {
        HedgePolicy::After(delay) => Some(delay),
        HedgePolicy::Percentile { least, .. } => Some(latencies(call)?.percentile()?.max(least)),
    }
}

/// How long calls took, where the rule goes by that.
fn latencies(call: &Invocation) -> Option<&Latencies> {
    let rules = call.governance()?.guards.latencies.as_ref()?;
    rules.at(call.retry.rule?)?.1.as_ref().as_ref()
}

/// Takes note of how long the current try took, or has taken until it was cancelled.
fn learn(call: &Invocation) {
    if let Some(latencies) = latencies(call) {
        let now = clock::now();
        latencies.record(now, now.saturating_sub(call.sent_at));
    }
}

/// Chooses who takes the second try. Where it may not be, everything is as it was.
fn begin<E: Exchange>(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &E,
    (began, delay): (Duration, Duration),
) -> bool {
    call.pass_over();
    call.turn();
    // A session stays where it is.
    if !exchange.is_set_aside() || balance::keeps_sessions(call) || !balance::has_another(call) {
        return false;
    }
    if !worker.may_spend_a_try(call, retry::budget(call)) {
        worker.counters.borrow_mut().hedged(call.row, HedgeCame::Denied);
        let denied = Hedged { delay, other: None, began: None, came: Some(HedgeCame::Denied) };
        call.hedge.hedged = Some(Box::new(denied));
        return false;
    }
    let mut began = Some(began);
    let mut first = Attempt { began: Some(call.started.elapsed()), ..Attempt::default() };
    first.swap(call, &mut began);
    call.tries += 1;
    if Balance.request(worker, call, exchange).is_err() {
        call.tries -= 1;
        first.swap(call, &mut began);
        return false;
    }
    call.sent_at = clock::now();
    call.hedge.hedged = Some(Box::new(Hedged { delay, other: Some(first), began, came: None }));
    true
}

/// Waits for whoever is heard first.
async fn race<E: Exchange>(
    worker: &Worker,
    call: &mut Invocation,
    exchange: &mut E,
) -> Result<Code, Failure> {
    let (came, reply) = match exchange.send_beside(call).await {
        // An answer that a rule takes for a failure is quick, and no reason to let go of one that may be good.
        Ok(Some(code)) if exchange.is_set_aside() && retry::is_bad(call, code) => {
            exchange.drop_answer();
            change_over(call);
            end_other(worker, call, &bad(code));
            (HedgeCame::Lost, exchange.go_on(call).await)
        }
        Ok(Some(code)) => {
            let failure = exchange.end_aside();
            if failure.is_none() {
                // It would have taken at least so long.
                change_over(call);
                learn(call);
                change_over(call);
            }
            end_other(worker, call, &failure.unwrap_or_else(cancelled));
            (HedgeCame::Won, Ok(code))
        }
        Ok(None) => {
            change_over(call);
            end_other(worker, call, &cancelled());
            (HedgeCame::Lost, exchange.go_on(call).await)
        }
        Err(failure) if exchange.is_set_aside() && is_of_one_try(&failure) => {
            change_over(call);
            end_other(worker, call, &failure);
            (HedgeCame::Lost, exchange.go_on(call).await)
        }
        Err(failure) => {
            let of_first = exchange.end_aside();
            end_other(worker, call, of_first.as_ref().unwrap_or(&failure));
            (HedgeCame::Failed, Err(failure))
        }
    };
    let came = if reply.is_ok() { came } else { HedgeCame::Failed };
    worker.counters.borrow_mut().hedged(call.row, came);
    if let Some(hedged) = &mut call.hedge.hedged {
        hedged.came = Some(came);
    }
    reply
}

/// The time of the call is over: both of its tries failed.
pub(super) fn give_up(worker: &Worker, call: &mut Invocation, failure: &Failure) {
    if call.hedge.hedged.as_ref().is_some_and(|hedged| hedged.other.is_some()) {
        end_other(worker, call, failure);
        worker.counters.borrow_mut().hedged(call.row, HedgeCame::Failed);
    }
}

/// Whether a failure says nothing of the other try: not that the caller left, nor that nothing came for as long as anything may
/// take.
fn is_of_one_try(failure: &Failure) -> bool {
    failure.side != Side::Downstream && failure.kind != FailureKind::ResponseTimeout
}

/// The failure of a try that was answered so.
fn bad(code: Code) -> Failure {
    let status = if let Code::Status(status) = code { status } else { 0 };
    let detail = format!("answered {status}, while the first try went on");
    Failure::upstream(FailureKind::BadStatus(status), Safety::MayHaveActed, detail)
}

/// Why a try ended beside which another one was answered. It is nobody's failure.
fn cancelled() -> Failure {
    Failure::local(FailureKind::Cancelled, "the other of two tries was answered first")
}

/// The other try becomes the current one.
fn change_over(call: &mut Invocation) {
    let Some(mut hedged) = call.hedge.hedged.take() else { return };
    if let Some(other) = &mut hedged.other {
        other.swap(call, &mut hedged.began);
    }
    call.hedge.hedged = Some(hedged);
}

/// The other try has ended so: those who judge instances learn of it, and what it held is given back.
fn end_other(worker: &Worker, call: &mut Invocation, failure: &Failure) {
    call.turn();
    change_over(call);
    call.mark_tried(failure);
    let _ = Balance.response(worker, call, &Err(failure.clone()));
    change_over(call);
    if let Some(hedged) = &mut call.hedge.hedged {
        hedged.other = None;
    }
}

impl Attempt {
    /// Changes places with the current try of a call, which began then.
    fn swap(&mut self, call: &mut Invocation, began: &mut Option<Duration>) {
        std::mem::swap(&mut self.endpoint, &mut call.endpoint);
        std::mem::swap(&mut self.balanced, &mut call.permits.balanced);
        std::mem::swap(&mut self.of_endpoint, &mut call.permits.of_endpoint);
        std::mem::swap(&mut self.sent_at, &mut call.sent_at);
        std::mem::swap(&mut self.began, began);
    }
}
