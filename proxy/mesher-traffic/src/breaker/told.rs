//! A breaker, for people and metrics.
//! It must change nothing of what it tells.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mesher_model::rule::BreakerMode;

use super::engine::{Breaker, millis};
use super::state::{Phase, State};
use super::window::Counts;

/// Which phase a breaker is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Calls are sent.
    Closed,
    /// Calls are refused.
    Open,
    /// A few calls are sent, to find out.
    HalfOpen,
}

/// A breaker, for people and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Its phase.
    pub standing: Standing,
    /// How long it stays open yet, where that is known.
    pub retry_after: Option<Duration>,
    /// Calls in its window; of a half-open one, probes that ended.
    pub calls: u32,
    /// How many of these failed.
    pub failed: u32,
    /// How many of these were slow.
    pub slow: u32,
    /// How often it opened.
    pub opened: u64,
    /// How often it closed again.
    pub closed: u64,
    /// Calls that it refused.
    pub refused: u64,
}

impl Breaker {
    /// How it stands. An open one whose time is over is half-open: the next call finds out.
    #[must_use]
    pub fn told(&self, now: Duration) -> Told {
        let state = State::unpacked(self.state.load(Ordering::Relaxed));
        let (standing, retry_after) = match (self.policy.mode, state.phase) {
            (BreakerMode::ForcedOpen, _) => (Standing::Open, None),
            (BreakerMode::ForcedClosed, _) | (_, Phase::Closed) => (Standing::Closed, None),
            (_, Phase::Open(until)) => match until.saturating_sub(millis(now)) {
                0 => (Standing::HalfOpen, None),
                left => (Standing::Open, Some(Duration::from_millis(left))),
            },
            (_, Phase::HalfOpen(_)) => (Standing::HalfOpen, None),
        };
        let counts = match state.phase {
            Phase::Closed => self.window.counts(state.generation, now),
            // What opened it: the calls before.
            Phase::Open(_) => self.window.counts(state.generation.wrapping_sub(1), now),
            Phase::HalfOpen(probes) => Counts {
                calls: probes.finished.into(),
                failed: probes.failed.into(),
                slow: probes.slow.into(),
            },
        };
        Told {
            standing,
            retry_after,
            calls: counts.calls,
            failed: counts.failed,
            slow: counts.slow,
            opened: self.opened.load(Ordering::Relaxed),
            closed: self.closed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}
