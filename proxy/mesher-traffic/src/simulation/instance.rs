//! An instance of a service: how long it takes for a call, and what it answers, as its fate at the moment has it.
//! It must know nothing of who calls.

use std::time::Duration;

use crate::chance::Chance;
use crate::retry::Safety;

/// How it is with an instance for a while.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Well,
    /// Nobody takes the connection.
    Dead,
    /// It takes calls, and never answers.
    Silent,
    /// The connection breaks before an answer.
    Breaking,
    /// Part of its answers are 503, at once.
    Failing {
        share: f64,
    },
    Slow {
        factor: f64,
    },
    /// Dead and well by turns.
    Flapping {
        every: Duration,
    },
}

/// What becomes of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Answered(u16),
    Failed(Safety),
    /// The try is given up when its time is over.
    Never,
}

#[derive(Debug)]
pub(super) struct Instance {
    /// Seconds for a call, on average, while it is well.
    pub(super) usual: f64,
    /// What begins when, in order.
    pub(super) fates: Vec<(Duration, Fate)>,
}

/// How many seconds well instances take for a call on average.
pub(super) const USUAL: f64 = 0.01;
/// How long a refused connection takes.
const AT_ONCE: Duration = Duration::from_micros(200);

impl Instance {
    /// One that never has trouble.
    pub(super) fn well() -> Self {
        Self { usual: USUAL, fates: vec![(Duration::ZERO, Fate::Well)] }
    }

    pub(super) fn fate(&self, now: Duration) -> Fate {
        let begun = self.fates.iter().take_while(|(at, _)| *at <= now);
        match begun.last() {
            Some((at, Fate::Flapping { every })) => {
                let turns = (now - *at).as_nanos() / every.as_nanos();
                if turns.is_multiple_of(2) { Fate::Dead } else { Fate::Well }
            }
            Some((_, fate)) => *fate,
            None => Fate::Well,
        }
    }

    pub(super) fn has_trouble(&self) -> bool {
        self.fates.iter().any(|(_, fate)| !matches!(fate, Fate::Well))
    }

    /// Takes a call.
    pub(super) fn take(&self, now: Duration, chance: &mut Chance) -> (Duration, End) {
        let work = self.usual / 2.0 + chance.exponential(self.usual / 2.0);
        let usual = Duration::from_secs_f64(work);
        match self.fate(now) {
            Fate::Well | Fate::Flapping { .. } => (usual, End::Answered(200)),
            Fate::Dead => (AT_ONCE, End::Failed(Safety::NothingSent)),
            Fate::Silent => (Duration::MAX, End::Never),
            Fate::Breaking => (usual / 2, End::Failed(Safety::MayHaveActed)),
            Fate::Failing { share } if chance.happens(share) => (usual / 10, End::Answered(503)),
            Fate::Failing { .. } => (usual, End::Answered(200)),
            Fate::Slow { factor } => (usual.mul_f64(factor), End::Answered(200)),
        }
    }
}
