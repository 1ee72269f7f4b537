//! Log lines about requests that never became a call: a few each second, and how many more there were.
//! It must hold nothing of what a caller sent, so that no line can be forged, and must not grow with what comes in.

use std::cell::Cell;
use std::net::SocketAddr;

use crate::request::failure::Failure;
use crate::request::invocation::Direction;

/// Lines of one worker in one second.
const LINES_MAX: u32 = 4;

/// The lines that a worker may still write in this second.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    lines_left: Cell<u32>,
    unsaid: Cell<u64>,
}

impl Default for RefusalLog {
    fn default() -> Self {
        Self { lines_left: Cell::new(LINES_MAX), unsaid: Cell::new(0) }
    }
}

impl RefusalLog {
    /// A request of `peer` was turned away.
    pub(crate) fn record(&self, peer: SocketAddr, direction: Direction, failure: &Failure) {
        let Some(left) = self.lines_left.get().checked_sub(1) else {
            self.unsaid.set(self.unsaid.get() + 1);
            return;
        };
        self.lines_left.set(left);
        let kind = failure.kind;
        let reason = kind.refused().map_or(kind.as_str(), |(_, reason)| reason);
        tracing::warn!(%peer, direction = direction.as_str(), reason, detail = %failure.detail, "request refused");
    }

    /// A second has passed.
    pub(crate) fn tick(&self) {
        self.lines_left.set(LINES_MAX);
        let unsaid = self.unsaid.take();
        if unsaid > 0 {
            tracing::warn!(count = unsaid, "further requests were refused; see mesher_refusals_total");
        }
    }
}
