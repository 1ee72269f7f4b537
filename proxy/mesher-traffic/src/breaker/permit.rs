//! The right to make one call.
//! It must be given back however the call ends: a probe that nobody hears of would keep a breaker from closing.

use std::sync::Arc;
use std::time::Duration;

use super::Seen;
use super::engine::{Breaker, Ticket};

/// The right to make one call. Dropped without [`Self::record`], it says nothing of the callee.
#[derive(Debug)]
pub struct Permit {
    /// `None` once it is recorded.
    breaker: Option<Arc<Breaker>>,
    ticket: Ticket,
}

impl Permit {
    pub(super) const fn new(breaker: Arc<Breaker>, ticket: Ticket) -> Self {
        Self { breaker: Some(breaker), ticket }
    }

    /// Whether the call finds out if the callee works again.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.ticket.is_probe
    }

    /// Whether an answer with this status is a failure.
    #[must_use]
    pub fn is_failure(&self, status: u16) -> bool {
        self.breaker.as_ref().is_some_and(|breaker| breaker.is_failure(status))
    }

    /// Whether it matters how long the call takes.
    #[must_use]
    pub fn weighs_time(&self) -> bool {
        self.breaker.as_ref().is_some_and(|breaker| breaker.policy().weighs_time())
    }

    /// Says how the call ended.
    pub fn record(mut self, now: Duration, seen: Seen) {
        if let Some(breaker) = self.breaker.take() {
            breaker.record(self.ticket, now, seen);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(breaker) = self.breaker.take() {
            breaker.give_back(self.ticket);
        }
    }
}
