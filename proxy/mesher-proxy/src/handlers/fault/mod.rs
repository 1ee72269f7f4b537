//! `fault`: makes calls fail, or come late, because a rule wants to see what comes of it.
//! It must tell every call that it touches as such, and must hold no worker while a call waits.

use mesher_model::explain::{Explanation, GuardTold};
use mesher_traffic::HeadView;
use mesher_traffic::fault::{Abort, Blow};

use crate::handlers::Handler;
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::Invocation;
use crate::worker::Worker;

pub(crate) struct Fault;

impl Handler for Fault {
    fn name(&self) -> &'static str {
        "fault"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        // A call has its fault once.
        if call.fallback.is_elsewhere() {
            return Ok(());
        }
        let Some(faults) = call.governance().and_then(|governance| governance.guards.faults.as_ref()) else {
            return Ok(());
        };
        let Some((entry, counts)) = faults.pick(&call.view(worker, head)) else { return Ok(()) };
        let blow = entry.item.next(counts);
        if blow.is_none() {
            return Ok(());
        }
        worker.counters.borrow_mut().guarded(call.row, self.name(), &entry.name);
        let end = blow.abort.map(|abort| end(abort, &entry.name));
        call.slow_body = blow.slow_body;
        if let Some(delay) = blow.delay {
            call.pause = Some(call.pause.unwrap_or_default() + delay);
            // It fails late, where it does.
            call.end = end.map(Box::new);
            return Ok(());
        }
        end.map_or(Ok(()), Err)
    }

    fn explain(
        &self,
        worker: &Worker,
        call: &mut Invocation,
        head: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        let Some(faults) = call.governance().and_then(|governance| governance.guards.faults.as_ref()) else {
            return Ok(());
        };
        let Some((entry, counts)) = faults.pick(&call.view(worker, head)) else { return Ok(()) };
        let mut guard = GuardTold {
            handler: self.name().to_owned(),
            rule: entry.name.to_string(),
            state: entry.item.words(),
            refuses: false,
        };
        if let Some(call) = &told.call {
            let kinds = [FailureKind::Injected(0).as_str(), FailureKind::InjectedReset.as_str()];
            guard.refuses =
                call.failure.as_ref().is_some_and(|failure| kinds.contains(&failure.kind.as_str()));
            told.guards.push(guard);
            return Ok(());
        }
        let blow = entry.item.look(counts);
        guard.state = format!("{}; the next call {}", guard.state, words(blow));
        guard.refuses = blow.abort.is_some();
        told.guards.push(guard);
        blow.abort.map_or(Ok(()), |abort| Err(end(abort, &entry.name)))
    }
}

/// What happens to one call, in words.
fn words(blow: Blow) -> String {
    let delay = blow.delay.map(|time| format!("is held up for {time:?}"));
    let abort = blow.abort.map(|abort| match abort {
        Abort::Status(status) => format!("ends with status {status}"),
        Abort::Reset => "ends with a reset".to_owned(),
    });
    let slow = blow.slow_body.map(|rate| format!("gets its answer at {rate} bytes a second"));
    let all: Vec<_> = [delay, abort, slow].into_iter().flatten().collect();
    if all.is_empty() { "is left alone".to_owned() } else { all.join(", and ") }
}

fn end(abort: Abort, rule: &str) -> Failure {
    match abort {
        Abort::Status(status) => Failure::local(
            FailureKind::Injected(status),
            format!("{rule} makes the call fail on purpose, with status {status}"),
        ),
        Abort::Reset => Failure::local(
            FailureKind::InjectedReset,
            format!("{rule} makes the call fail on purpose, with a reset"),
        ),
    }
}
