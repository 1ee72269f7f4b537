//! The calls that a worker remembers, told in full at their end: failures, and some of those that went well.
//! It must stay within its bounds however many calls fail at once, and must not let calls that went well push out failures.

use std::cell::Cell;
use std::collections::VecDeque;

use mesher_model::explain::{CallFilter, Explanation};

use crate::request::invocation::InvocationId;

/// Room for failures of all workers together, in bytes: some hundred.
const FAILURE_BYTES_MAX: usize = 384 * 1024;
/// Room for the others.
const SAMPLE_BYTES_MAX: usize = 128 * 1024;
/// Failures that are remembered in one tick of the clock. More tell nothing new.
const FAILURES_PER_TICK: u32 = 50;
/// Calls that went well, as many: those of a worker that has little to do.
const SAMPLES_PER_TICK: u32 = 5;
/// And those of a busy one.
const SAMPLES_PER_BUSY_TICK: u32 = 1;
/// Calls in one tick of a busy worker.
const BUSY: u32 = 100;

/// The calls of one worker.
#[derive(Debug)]
pub(crate) struct Memory {
    failures: Shelf,
    samples: Shelf,
    failures_left: Cell<u32>,
    samples_left: Cell<u32>,
    /// Calls of this tick that went well.
    seen: Cell<u32>,
}

/// Calls of one sort, oldest first.
#[derive(Debug)]
struct Shelf {
    calls: VecDeque<Kept>,
    bytes: usize,
    most: usize,
}

/// A call as JSON, in the least room.
#[derive(Debug)]
struct Kept {
    id: InvocationId,
    text: Box<[u8]>,
}

impl Memory {
    /// One worker's part of what a proxy with so many workers may remember.
    pub(crate) fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        let shelf = |bytes: usize| Shelf { calls: VecDeque::new(), bytes: 0, most: bytes / workers };
        Self {
            failures: shelf(FAILURE_BYTES_MAX),
            samples: shelf(SAMPLE_BYTES_MAX),
            failures_left: Cell::new(FAILURES_PER_TICK),
            samples_left: Cell::new(SAMPLES_PER_TICK),
            seen: Cell::new(0),
        }
    }

    /// Whether a call that ends now is to be remembered.
    pub(crate) fn wants(&self, has_failed: bool) -> bool {
        let left = if has_failed {
            &self.failures_left
        } else {
            self.seen.set(self.seen.get().saturating_add(1));
            &self.samples_left
        };
        let is_left = left.get() > 0;
        left.set(left.get().saturating_sub(1));
        is_left
    }

    /// A tick of the clock has passed.
    pub(crate) fn tick(&self) {
        self.failures_left.set(FAILURES_PER_TICK);
        let is_busy = self.seen.replace(0) >= BUSY;
        self.samples_left.set(if is_busy { SAMPLES_PER_BUSY_TICK } else { SAMPLES_PER_TICK });
    }

    /// Remembers a call.
    pub(crate) fn keep(&mut self, id: InvocationId, has_failed: bool, told: &Explanation) {
        // Plain data, of which serde can write all.
        let text = serde_json::to_vec(told).unwrap_or_default().into_boxed_slice();
        let shelf = if has_failed { &mut self.failures } else { &mut self.samples };
        shelf.bytes += text.len();
        shelf.calls.push_back(Kept { id, text });
        while shelf.bytes > shelf.most {
            let Some(oldest) = shelf.calls.pop_front() else { break };
            shelf.bytes -= oldest.text.len();
        }
    }

    /// The call with this id.
    pub(crate) fn find(&self, id: InvocationId) -> Option<Explanation> {
        let mut all = self.failures.calls.iter().chain(&self.samples.calls);
        all.find(|kept| kept.id == id).and_then(Kept::read)
    }

    /// Calls that are asked for; of each sort the newest.
    pub(crate) fn list(&self, filter: &CallFilter) -> Vec<Explanation> {
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let failures = self.failures.calls.iter().rev().take(limit);
        let samples = self.samples.calls.iter().rev().take(if filter.only_failed { 0 } else { limit });
        failures.chain(samples).filter_map(Kept::read).collect()
    }
}

impl Kept {
    fn read(&self) -> Option<Explanation> {
        serde_json::from_slice(&self.text).ok()
    }
}
