//! How long an exchange waits for each of its two peers, and how little of a body it puts up with.
//! It must blame nobody while bytes flow as fast as they must, and must cost a store where they do.

use std::task::{Context, Poll};
use std::time::Duration;

use mesher_net::{Deadline, Deadlines};

use crate::bootstrap::Limits;

/// Whom an exchange waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The caller, for more of its body.
    Sender,
    /// The callee, for the head of its answer.
    Answer,
    /// The callee, for more of its answer.
    Upstream,
    /// The caller, to take what it was sent.
    Reader,
    /// Both sides of another protocol, for anything.
    Either,
}

/// The watch over one exchange.
#[derive(Debug)]
pub(crate) struct Vigil<'c> {
    deadline: &'c Deadline,
    deadlines: &'c Deadlines,
    limits: &'c Limits,
    wait: Option<Wait>,
    /// Bytes that had moved when the deadline was set.
    moved: u64,
}

impl<'c> Vigil<'c> {
    pub(crate) fn new(deadline: &'c Deadline, deadlines: &'c Deadlines, limits: &'c Limits) -> Self {
        Self { deadline, deadlines, limits, wait: None, moved: 0 }
    }

    /// Ready when whoever is waited for takes too long; `moved` counts the bytes that came from it, or went to it.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, wait: Wait, moved: u64) -> Poll<()> {
        let (limit, least) = self.limit_of(wait);
        let Some(limit) = limit else {
            // Whatever is waited for next gets its whole time.
            self.end();
            return Poll::Pending;
        };
        let is_new = self.wait != Some(wait) || (least == 0 && self.moved != moved);
        if is_new {
            self.begin(wait, moved, limit);
        }
        std::task::ready!(self.deadline.poll_passed(context));
        if least == 0 || moved.saturating_sub(self.moved) < least {
            return Poll::Ready(());
        }
        self.begin(wait, moved, limit);
        self.deadline.poll_passed(context)
    }

    fn begin(&mut self, wait: Wait, moved: u64, limit: Duration) {
        (self.wait, self.moved) = (Some(wait), moved);
        self.deadline.set(self.deadlines, limit);
    }

    /// The time to wait, and the bytes that have to move in it; with none of them, each byte begins it anew.
    fn limit_of(&self, wait: Wait) -> (Option<Duration>, u64) {
        let limits = self.limits;
        let rate = |rate: Option<u64>| {
            let window = rate.map(|_| limits.rate_window);
            // Less than a byte in a window is still a byte.
            let milliseconds = u64::try_from(limits.rate_window.as_millis()).unwrap_or(u64::MAX);
            let least = rate.unwrap_or(0).saturating_mul(milliseconds) / 1000;
            (window, least.max(1))
        };
        match wait {
            Wait::Sender => rate(limits.sender_rate_min),
            Wait::Reader => rate(limits.reader_rate_min),
            Wait::Answer => (Some(limits.response_time_max), 0),
            Wait::Upstream => (Some(limits.stall_time_max), 0),
            Wait::Either => (Some(limits.upgrade_idle_time_max), 0),
        }
    }

    /// Nothing is waited for any more.
    pub(crate) fn end(&mut self) {
        self.wait = None;
        self.deadline.clear();
    }
}
