//! What a rule says of a breaker.
//! It must be valid by construction: the engine checks nothing of it.

use std::fmt;
use std::time::Duration;

/// Calls that a window of calls may hold.
const WINDOW_CALLS_MAX: u32 = 10_000;
/// Time that a window of time may hold.
const WINDOW_TIME_MAX: Duration = Duration::from_secs(3600);
/// The shortest window of time: shorter ones would be of buckets below the clock's resolution.
const WINDOW_TIME_MIN: Duration = Duration::from_millis(100);
/// Probes that may be under way at once.
const PROBES_MAX: u16 = 1000;

/// A share of calls, in hundredths of a per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u16);

impl Rate {
    /// All calls.
    pub const WHOLE: Self = Self(10_000);

    /// A rate of so many hundredths of a per cent; more than all are all.
    #[must_use]
    pub const fn of_hundredths(hundredths: u32) -> Self {
        if hundredths > 10_000 { Self::WHOLE } else { Self(hundredths as u16) }
    }

    /// A rate of so many per cent; more than 100 are 100.
    #[must_use]
    pub const fn of_percent(percent: u32) -> Self {
        Self::of_hundredths(percent.saturating_mul(100))
    }

    /// Whether `some` of `all` are this share or more. None at all are never.
    #[must_use]
    pub fn is_reached(self, some: u32, all: u32) -> bool {
        some > 0 && u64::from(some) * 10_000 >= u64::from(self.0) * u64::from(all)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(formatter, "{whole}%"),
            _ => write!(formatter, "{}%", format!("{whole}.{rest:02}").trim_end_matches('0')),
        }
    }
}

/// Who decides whether calls are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// What became of the last calls.
    #[default]
    Automatic,
    /// A person: none is sent.
    ForcedOpen,
    /// A person: all are sent.
    ForcedClosed,
}

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
    pub(super) mode: Mode,
    pub(super) span: Span,
    pub(super) minimum_calls: u32,
    pub(super) failure_rate: Rate,
    pub(super) slow: Option<(Rate, Duration)>,
    pub(super) open_time: Duration,
    pub(super) probes: u16,
}

impl BreakerPolicy {
    /// It opens for `open_time` once `failure_rate` of the calls in `span` failed, and is closed by one good probe.
    #[must_use]
    pub fn new(span: Span, failure_rate: Rate, open_time: Duration) -> Self {
        let (span, minimum_calls) = match span {
            Span::Calls(calls) => {
                let calls = calls.clamp(1, WINDOW_CALLS_MAX);
                (Span::Calls(calls), calls)
            }
            Span::Time(time) => (Span::Time(time.clamp(WINDOW_TIME_MIN, WINDOW_TIME_MAX)), 1),
        };
        Self { mode: Mode::Automatic, span, minimum_calls, failure_rate, slow: None, open_time, probes: 1 }
    }

    /// The same, where a person may decide.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
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
    pub fn with_slow_calls(self, rate: Rate, duration: Duration) -> Self {
        Self { slow: Some((rate, duration)), ..self }
    }

    /// The same, closed by so many probes, of which too few failed.
    #[must_use]
    pub fn with_probes(self, probes: u32) -> Self {
        let probes = u16::try_from(probes).unwrap_or(PROBES_MAX).clamp(1, PROBES_MAX);
        Self { probes, ..self }
    }

    /// Who decides.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// How long it stays open before it is tried.
    #[must_use]
    pub const fn open_time(&self) -> Duration {
        self.open_time
    }
}
