//! A limit as it counts: a token bucket, permits of a period, or nothing at all that passes.
//! It must say of every refusal when to come again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::pace::Pace;
use super::window::Window;

/// When somebody comes again whom nothing will let pass until a rule changes.
const NEVER: Duration = Duration::from_secs(60);

/// How a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meter {
    /// Tokens that come steadily.
    Pace(Pace),
    /// Permits of fixed periods.
    Window(Window),
    /// Nothing passes.
    Closed,
}

/// A call that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// How long it has to wait before.
    pub wait: Duration,
    pub(super) before: u64,
    pub(super) after: u64,
}

/// A call that does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// When a call like it may pass, if nobody else comes before.
    pub retry_after: Duration,
}

/// How a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Calls that may pass at once.
    pub remaining: u64,
    /// The time until the next one may; zero where one may now.
    pub next: Duration,
    /// The time until it is as if nobody had called, if nobody does.
    pub full: Duration,
    /// How long a call may wait for its turn.
    pub patience: Duration,
}

impl Standing {
    /// Whether the next call is refused.
    #[must_use]
    pub fn is_spent(self) -> bool {
        self.remaining == 0 && self.next > self.patience
    }
}

impl Meter {
    /// Whether a call passes.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take(&self, word: &AtomicU64, now: Duration) -> Result<Granted, Refused> {
        match self {
            Self::Pace(pace) => pace.take(word, now),
            Self::Window(window) => window.take(word, now),
            Self::Closed => Err(Refused { retry_after: NEVER }),
        }
    }

    /// Whether a word is as good as a new one.
    #[must_use]
    pub fn is_fresh(&self, word: u64, now: Duration) -> bool {
        match self {
            Self::Pace(pace) => pace.is_fresh(word, now),
            Self::Window(window) => window.is_fresh(word, now),
            Self::Closed => true,
        }
    }

    /// How a word stands. Changes nothing.
    #[must_use]
    pub fn standing(&self, word: &AtomicU64, now: Duration) -> Standing {
        let word = word.load(Ordering::Relaxed);
        match self {
            Self::Pace(pace) => pace.standing(word, now, pace.cost()),
            Self::Window(window) => window.standing(word, now),
            Self::Closed => Standing { remaining: 0, next: NEVER, full: NEVER, patience: Duration::ZERO },
        }
    }
}

impl Granted {
    /// Gives back what was taken, for a call that another limit refused. Where somebody else has taken since, it is lost:
    /// giving it back might let one more pass than may.
    pub fn give_back(self, word: &AtomicU64) {
        let _ = word.compare_exchange(self.after, self.before, Ordering::Relaxed, Ordering::Relaxed);
    }
}
