//! What a rule says of a breaker.
//! It must be valid by construction: the engine checks nothing of it.

use std::time::Duration;

use mesher_model::rule::{Breaker, BreakerMode, Percent};

use crate::stand_in::StandIn;
use crate::statuses::Statuses;

/// Calls that a window of calls may hold.
const WINDOW_CALLS_MAX: u32 = 10_000;
/// Time that a window of time may hold.
const WINDOW_TIME_MAX: Duration = Duration::from_secs(3600);
/// The shortest window of time: shorter ones would be of buckets below the clock's resolution.
const WINDOW_TIME_MIN: Duration = Duration::from_millis(100);
/// Probes that may be under way at once.
const PROBES_MAX: u16 = 1000;

/// Which calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The last so many.
    Calls(u32),
    /// Those of so much time, to a tenth of it.
    Time(Duration),
}

/// What a rule says of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    pub(super) mode: BreakerMode,
    pub(super) span: Span,
    pub(super) minimum_calls: u32,
    pub(super) failure_rate: Percent,
    pub(super) slow: Option<(Percent, Duration)>,
    pub(super) open_time: Duration,
    pub(super) probes: u16,
}

impl BreakerPolicy {
    /// It opens for `open_time` once `failure_rate` of the calls in `span` failed, and is closed by one good probe.
    #[must_use]
    pub fn new(span: Span, failure_rate: Percent, open_time: Duration) -> Self {
        let (span, minimum_calls) = match span {
            Span::Calls(calls) => {
                let calls = calls.clamp(1, WINDOW_CALLS_MAX);
                (Span::Calls(calls), calls)
            }
            Span::Time(time) => (Span::Time(time.clamp(WINDOW_TIME_MIN, WINDOW_TIME_MAX)), 1),
        };
        Self {
            mode: BreakerMode::Automatic,
            span,
            minimum_calls,
            failure_rate,
            slow: None,
            open_time,
            probes: 1,
        }
    }

    /// The same, where a person may decide.
    #[must_use]
    pub fn with_mode(self, mode: BreakerMode) -> Self {
        Self { mode, ..self }
    }

    /// The same, opened by no fewer calls than these; a window of calls is never waited for longer than until it is
    /// full.
    #[must_use]
    pub fn with_minimum_calls(self, calls: u32) -> Self {
        let most = match self.span {
            Span::Calls(window) => window,
            Span::Time(_) => u32::MAX,
        };
        Self { minimum_calls: calls.clamp(1, most), ..self }
    }

    /// The same, also opened once `rate` of the calls took `duration` or longer.
    #[must_use]
    pub fn with_slow_calls(self, rate: Percent, duration: Duration) -> Self {
        Self { slow: Some((rate, duration)), ..self }
    }

    /// The same, closed by so many probes, of which too few failed.
    #[must_use]
    pub fn with_probes(self, probes: u32) -> Self {
        let probes = u16::try_from(probes).unwrap_or(PROBES_MAX).clamp(1, PROBES_MAX);
        Self { probes, ..self }
    }

    /// Whether it matters how long calls take.
    #[must_use]
    pub const fn weighs_time(&self) -> bool {
        self.slow.is_some()
    }

    /// Who decides.
    #[must_use]
    pub const fn mode(&self) -> BreakerMode {
        self.mode
    }

    /// How long it stays open before it is tried.
    #[must_use]
    pub const fn open_time(&self) -> Duration {
        self.open_time
    }
}

/// What a rule says of a breaker, and which answers it takes for failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerRule {
    /// When it opens and closes.
    pub policy: BreakerPolicy,
    /// Statuses that are failures. A connection that fails, and an answer that does not come, always are.
    pub failures: Statuses,
    /// What callers get in place of a refusal of the proxy's own.
    pub stand_in: Option<StandIn>,
}

impl BreakerRule {
    /// What a document of this kind says.
    pub(crate) fn of_document(breaker: &Breaker) -> Self {
        let least = breaker.minimum_requests.unwrap_or(breaker.window_requests);
        let span = match &breaker.window_time {
            Some(time) => Span::Time(time.duration()),
            None => Span::Calls(breaker.window_requests),
        };
        let policy = BreakerPolicy::new(span, breaker.failure_rate, breaker.open_time.duration())
            .with_mode(breaker.mode)
            .with_minimum_calls(least)
            .with_probes(breaker.half_open_requests);
        let slow = breaker.slow_call_rate;
        Self {
            policy: slow
                .map_or(policy, |rate| policy.with_slow_calls(rate, breaker.slow_call_duration.duration())),
            failures: Statuses::of_patterns(&breaker.failure_statuses),
            stand_in: None,
        }
    }
}
