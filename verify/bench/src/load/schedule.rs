//! When the requests of an open loop are due, whatever became of those before them.
//! It must never let a slow answer put off a later request's due time: that would hide waiting.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Requests that are due and wait for a connection. More than that and the proxy is overloaded.
const WAITING_MAX: usize = 100_000;

/// A constant rate.
#[derive(Debug)]
pub(crate) struct Schedule {
    begin: Instant,
    interval: Duration,
    /// Number of the next request.
    next: u32,
    waiting: VecDeque<Instant>,
}

impl Schedule {
    /// `rate` requests a second from `begin` on.
    pub(crate) fn new(begin: Instant, rate: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.max(1.0));
        Self { begin, interval, next: 0, waiting: VecDeque::new() }
    }

    /// Notes what is due by now. Returns false where too much waits.
    pub(crate) fn advance(&mut self, now: Instant) -> bool {
        loop {
            let due = self.begin + self.interval * self.next;
            if due > now {
                return true;
            }
            if self.waiting.len() >= WAITING_MAX {
                return false;
            }
            self.waiting.push_back(due);
            self.next += 1;
        }
    }

    /// The due time of the request that has waited longest.
    pub(crate) fn take(&mut self) -> Option<Instant> {
        self.waiting.pop_front()
    }
}
