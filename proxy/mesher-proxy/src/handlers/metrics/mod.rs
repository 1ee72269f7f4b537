//! `metrics`: counts every invocation, its time, its bytes and its failure.
//! It must stay on top of both chains, so that it sees what the caller sees.

use std::time::Duration;

use mesher_traffic::HeadView;

use crate::handlers::Handler;
use crate::request::failure::Failure;
use crate::request::invocation::{Invocation, Outcome};
use crate::worker::Worker;

pub(crate) struct Metrics;

impl Handler for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, _: &dyn HeadView) -> Result<(), Failure> {
        worker.counters.borrow_mut().begin(call.row);
        Ok(())
    }

    fn finish(&self, worker: &Worker, call: &Invocation, outcome: &Outcome, elapsed: Duration) {
        worker.counters.borrow_mut().end(call.row, outcome, elapsed);
    }
}
