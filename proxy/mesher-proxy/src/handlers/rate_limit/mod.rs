//! `rate_limit`: refuses calls beyond what limits allow, and tells when to come again.
//! It must charge no limit for a call that another one refuses, and must ask nobody: all counts are here.

use std::time::Duration;

use mesher_model::explain::{Explanation, GuardTold};
use mesher_traffic::HeadView;
use mesher_traffic::limit::{self, Denial, Standing};

use crate::handlers::Handler;
use crate::request::failure::{Advice, Failure, FailureKind};
use crate::request::invocation::Invocation;
use crate::worker::Worker;

pub(crate) struct RateLimit;

impl Handler for RateLimit {
    fn name(&self) -> &'static str {
        "rate_limit"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        let Some(limits) = call.governance().and_then(|governance| governance.guards.limits.as_ref()) else {
            return Ok(());
        };
        let shared = &worker.shared;
        let hash = |text: &[u8]| shared.hash(text);
        let wait = match limit::check(limits, &call.view(worker, head), &hash, call.now()) {
            Ok(wait) => wait,
            Err(denial) => {
                worker.counters.borrow_mut().guarded(call.row, self.name(), &denial.name);
                return Err(refusal(*denial));
            }
        };
        if !wait.is_zero() {
            call.pause = Some(call.pause.unwrap_or_default() + wait);
        }
        Ok(())
    }

    fn explain(
        &self,
        worker: &Worker,
        call: &mut Invocation,
        head: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        let Some(limits) = call.governance().and_then(|governance| governance.guards.limits.as_ref()) else {
            return Ok(());
        };
        let shared = &worker.shared;
        let hash = |text: &[u8]| shared.hash(text);
        let kind = FailureKind::RateLimited.as_str();
        let ended =
            told.call.as_ref().map(|call| call.failure.as_ref().filter(|failure| failure.kind == kind));
        let mut result = Ok(());
        for (entry, standing) in limit::look(limits, &call.view(worker, head), &hash, shared.now()) {
            let refuses = match ended {
                // Of a call that has ended its own words say which limit it was.
                Some(failure) => failure.is_some_and(|failure| failure.detail.starts_with(&*entry.name)),
                None => standing.is_spent(),
            };
            told.guards.push(GuardTold {
                handler: self.name().to_owned(),
                rule: entry.name.to_string(),
                state: format!("{}, {}", entry.item, words(standing)),
                refuses,
            });
            if refuses && ended.is_none() && result.is_ok() {
                result = Err(refusal(Denial::of(entry, standing)));
            }
        }
        result
    }
}

/// How a limit stands, in words.
fn words(standing: Standing) -> String {
    match standing.remaining {
        0 => format!("none left for {:?}", rounded(standing.next)),
        1 => "1 left".to_owned(),
        left => format!("{left} left"),
    }
}

/// Up to whole milliseconds: nobody waits for less.
fn rounded(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

fn refusal(denial: Denial) -> Failure {
    let detail =
        format!("{} allows {}; come again in {:?}", denial.rule, denial.rate, rounded(denial.retry_after));
    Failure::local(FailureKind::RateLimited, detail).advising(Advice {
        retry_after: Some(denial.retry_after),
        fields: vec![("RateLimit-Policy", denial.policy), ("RateLimit", denial.standing)],
        stand_in: None,
    })
}
