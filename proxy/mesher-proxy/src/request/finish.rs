//! What is recorded of every invocation: the handlers' last word, then the access log.
//! It must cost next to nothing for a call that went well.

use crate::bootstrap::AccessLog;
use crate::explain;
use crate::request::invocation::{Code, Exchange, Invocation, Outcome};
use crate::telemetry::access_log;
use crate::worker::Worker;

/// Records `call`.
pub(crate) fn finish(worker: &Worker, call: &mut Invocation, exchange: &impl Exchange, outcome: &Outcome) {
    let elapsed = call.started.elapsed();
    for handler in worker.chains.of(call).iter().rev() {
        handler.finish(worker, call, outcome, elapsed);
    }
    let has_failed = outcome.failure.is_some() || matches!(outcome.code, Code::Status(500..));
    let is_wanted = worker.memory.borrow().wants(has_failed);
    if is_wanted {
        explain::remember(worker, call, exchange, outcome, elapsed, has_failed);
    }
    let is_logged = match worker.shared.bootstrap.access_log {
        AccessLog::Off => false,
        AccessLog::Failures => has_failed,
        AccessLog::All => true,
    };
    if is_logged {
        access_log::record(worker, call, exchange.operation(), outcome, elapsed);
    }
}
