//! The breaker: closed it counts, open it refuses, half-open it lets a few calls find out.
//! What is heard of a call that was sent in another generation must change nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mesher_model::rule::{BreakerMode, Percent};

use super::policy::{BreakerPolicy, BreakerRule};
use super::state::{Phase, Probes, State};
use super::window::{Counts, Window};
use super::{Permit, Seen};
use crate::statuses::Statuses;

/// How long a caller is told to wait where all probes are under way: nobody knows when they end.
const PROBES_PAUSE: Duration = Duration::from_secs(1);
/// The generation of calls that nobody counts.
const UNCOUNTED: u32 = u32::MAX;

/// One breaker, shared by all workers.
///
/// Everything that has to change together stands in one word, and what the window holds is marked with its generation.
/// Nothing is published beside them, so relaxed operations are enough.
#[derive(Debug)]
pub struct Breaker {
    pub(super) policy: BreakerPolicy,
    /// Statuses that are failures.
    failures: Statuses,
    pub(super) state: AtomicU64,
    /// When a probe was last allowed, in milliseconds.
    probed_at: AtomicU64,
    pub(super) window: Window,
    pub(super) opened: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// A call that is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// When it is worth asking again.
    pub retry_after: Duration,
}

/// What a call is remembered by while it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    generation: u32,
    pub(super) is_probe: bool,
}

impl Breaker {
    /// A closed breaker that has seen nothing.
    #[must_use]
    pub fn new(rule: &BreakerRule) -> Self {
        let policy = rule.policy;
        Self {
            failures: rule.failures.clone(),
            state: AtomicU64::new(State::NEW),
            probed_at: AtomicU64::new(0),
            window: Window::new(policy.span),
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            policy,
        }
    }

    /// What its rule says.
    #[must_use]
    pub const fn policy(&self) -> &BreakerPolicy {
        &self.policy
    }

    /// Whether an answer with this status is a failure.
    #[must_use]
    pub fn is_failure(&self, status: u16) -> bool {
        self.failures.contains(status)
    }

    /// Asks for a call. `now` is a span since one moment, the same for all who ask.
    ///
    /// # Errors
    /// [`Refused`] while it is open, or enough calls find out already.
    pub fn ask(self: &Arc<Self>, now: Duration) -> Result<Permit, Refused> {
        let answer = self.decide(now);
        if answer.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        answer.map(|ticket| Permit::new(Arc::clone(self), ticket))
    }

    /// What [`Self::ask`] would answer. Changes nothing.
    ///
    /// # Errors
    /// [`Refused`] where a call would be.
    pub fn foretell(&self, now: Duration) -> Result<(), Refused> {
        match (self.policy.mode, State::unpacked(self.state.load(Ordering::Relaxed)).phase) {
            (BreakerMode::ForcedOpen, _) => Err(Refused { retry_after: self.policy.open_time }),
            (BreakerMode::ForcedClosed, _) | (_, Phase::Closed) => Ok(()),
            (_, Phase::Open(until)) => match until.saturating_sub(millis(now)) {
                0 => Ok(()),
                left => Err(Refused { retry_after: Duration::from_millis(left) }),
            },
            (_, Phase::HalfOpen(probes)) => {
                let is_room = probes.begun < self.policy.probes || self.is_probe_late(now).is_some();
                if is_room { Ok(()) } else { Err(self.refused_by_probes()) }
            }
        }
    }

    fn decide(&self, now: Duration) -> Result<Ticket, Refused> {
        let mut packed = match self.policy.mode {
            BreakerMode::Automatic => self.state.load(Ordering::Relaxed),
            BreakerMode::ForcedOpen => return Err(Refused { retry_after: self.policy.open_time }),
            BreakerMode::ForcedClosed => return Ok(Ticket { generation: UNCOUNTED, is_probe: false }),
        };
        loop {
            let state = State::unpacked(packed);
            let next = match state.phase {
                Phase::Closed => return Ok(Ticket { generation: state.generation, is_probe: false }),
                Phase::Open(until) if millis(now) < until => {
                    let retry_after = Duration::from_millis(until - millis(now));
                    return Err(Refused { retry_after });
                }
                Phase::Open(_) => {
                    state.followed_by(Phase::HalfOpen(Probes { begun: 1, ..Probes::default() }))
                }
                Phase::HalfOpen(probes) if probes.begun < self.policy.probes => {
                    state.with(Phase::HalfOpen(Probes { begun: probes.begun + 1, ..probes }))
                }
                Phase::HalfOpen(_) => return self.ask_late(state.generation, now),
            };
            match self.swap(packed, next) {
                Ok(()) => {
                    self.probed_at.store(millis(now), Ordering::Relaxed);
                    return Ok(Ticket { generation: next.generation, is_probe: true });
                }
                Err(current) => packed = current,
            }
        }
    }

    /// All probes are under way. A callee that never answers them must not keep it half-open for ever: after each open
    /// time without a verdict, one more call finds out.
    fn ask_late(&self, generation: u32, now: Duration) -> Result<Ticket, Refused> {
        let is_mine = self.is_probe_late(now).is_some_and(|last| {
            let swapped =
                self.probed_at.compare_exchange(last, millis(now), Ordering::Relaxed, Ordering::Relaxed);
            swapped.is_ok()
        });
        if is_mine { Ok(Ticket { generation, is_probe: true }) } else { Err(self.refused_by_probes()) }
    }

    /// When the last probe was allowed, where that is long ago.
    fn is_probe_late(&self, now: Duration) -> Option<u64> {
        let last = self.probed_at.load(Ordering::Relaxed);
        (millis(now) >= last + millis_up(self.policy.open_time).max(1)).then_some(last)
    }

    fn refused_by_probes(&self) -> Refused {
        Refused { retry_after: self.policy.open_time.min(PROBES_PAUSE) }
    }

    /// Takes note of how a call ended.
    pub(super) fn record(&self, ticket: Ticket, now: Duration, seen: Seen) {
        let is_slow = self.policy.slow.is_some_and(|(_, duration)| seen.elapsed >= duration);
        let mut packed = self.state.load(Ordering::Relaxed);
        loop {
            let state = State::unpacked(packed);
            if state.generation != ticket.generation {
                return;
            }
            let next = match state.phase {
                Phase::Closed => {
                    let counts = self.window.record(state.generation, now, seen.is_failure, is_slow);
                    if counts.calls >= self.policy.minimum_calls && self.is_too_bad(counts) {
                        // A closed state changes only by being opened: where another call was first, it is open.
                        let _ = self.turn(packed, state, self.open(now));
                    }
                    return;
                }
                Phase::Open(_) => return,
                Phase::HalfOpen(probes) => self.judge(state, counted(probes, seen.is_failure, is_slow), now),
            };
            let turned = match next.generation == state.generation {
                true => self.swap(packed, next),
                false => self.turn(packed, state, next.phase),
            };
            match turned {
                Ok(()) => return,
                Err(current) => packed = current,
            }
        }
    }

    /// What follows once a probe has ended: a verdict as soon as those that are still under way cannot change it.
    fn judge(&self, state: State, probes: Probes, now: Duration) -> State {
        let left = u32::from(self.policy.probes.saturating_sub(probes.finished));
        let of_all = |failed: u32, slow: u32| Counts { calls: u32::from(self.policy.probes), failed, slow };
        let (failed, slow) = (u32::from(probes.failed), u32::from(probes.slow));
        if self.is_too_bad(of_all(failed, slow)) {
            state.followed_by(self.open(now))
        } else if !self.is_too_bad(of_all(failed + left, slow + left)) || left == 0 {
            state.followed_by(Phase::Closed)
        } else {
            state.with(Phase::HalfOpen(probes))
        }
    }

    fn is_too_bad(&self, counts: Counts) -> bool {
        // Without one call that failed nothing opens, even where a rule says 0 %.
        let reaches =
            |rate: Percent, some: u32| some > 0 && rate.is_reached(some.into(), counts.calls.into());
        let is_slow = |(rate, _): (Percent, Duration)| reaches(rate, counts.slow);
        reaches(self.policy.failure_rate, counts.failed) || self.policy.slow.is_some_and(is_slow)
    }

    fn open(&self, now: Duration) -> Phase {
        Phase::Open(millis(now) + millis_up(self.policy.open_time))
    }

    /// A call ended that says nothing of the callee.
    pub(super) fn give_back(&self, ticket: Ticket) {
        if !ticket.is_probe {
            return;
        }
        let returned = |packed: u64| {
            let state = State::unpacked(packed);
            match state.phase {
                Phase::HalfOpen(probes) if state.generation == ticket.generation => {
                    let begun = probes.begun.saturating_sub(1).max(probes.finished);
                    Some(state.with(Phase::HalfOpen(Probes { begun, ..probes })).packed())
                }
                _ => None,
            }
        };
        // Where it is in another generation by now, there is nothing to give back.
        let _ = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, returned);
    }

    fn swap(&self, from: u64, to: State) -> Result<(), u64> {
        let swapped = self.state.compare_exchange(from, to.packed(), Ordering::Relaxed, Ordering::Relaxed);
        swapped.map(|_| ())
    }

    /// Opens or closes it, and counts that.
    fn turn(&self, from: u64, state: State, phase: Phase) -> Result<(), u64> {
        self.swap(from, state.followed_by(phase))?;
        let count = if phase == Phase::Closed { &self.closed } else { &self.opened };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn counted(probes: Probes, is_failure: bool, is_slow: bool) -> Probes {
    Probes {
        finished: probes.finished + 1,
        // One that was given up and one in its place may both be heard of.
        begun: probes.begun.max(probes.finished + 1),
        failed: probes.failed + u16::from(is_failure),
        slow: probes.slow + u16::from(is_slow),
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Never less than was asked for.
fn millis_up(span: Duration) -> u64 {
    millis(span + Duration::from_nanos(999_999))
}
