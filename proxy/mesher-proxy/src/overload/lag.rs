//! Whether the work of one worker is late: the worker looks at each tick of its clock how late that comes.
//! It must want no clock of its own: whoever is idle is not to be woken for it.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use mesher_traffic::overload::Lateness;

use crate::overload::Pressure;

/// Ticks that are made up for after a halt.
const TICKS_MAX: u32 = 20;

/// What a worker knows of its own lateness.
#[derive(Debug)]
pub(crate) struct Lag {
    lateness: RefCell<Option<Lateness>>,
    is_late: Cell<bool>,
    last_tick: Cell<Option<Instant>>,
}

impl Lag {
    /// Later than `most` is too late; nothing is where absent.
    pub(crate) fn new(most: Option<Duration>) -> Self {
        Self {
            lateness: RefCell::new(most.map(Lateness::new)),
            is_late: Cell::new(false),
            last_tick: Cell::new(None),
        }
    }

    /// Whether the worker's work is late.
    pub(crate) fn is_late(&self) -> bool {
        self.is_late.get()
    }

    /// A tick that was due at a moment has come now. Answers how many have passed: those between that never came, too.
    pub(crate) fn ticked(&self, due: Instant, now: Instant, period: Duration, pressure: &Pressure) -> u32 {
        let before = self.last_tick.replace(Some(due));
        let late = now.saturating_duration_since(due);
        let seen = self.lateness.borrow_mut().as_mut().and_then(|lateness| {
            lateness.seen(now.saturating_duration_since(crate::clock::beginning()), late)
        });
        if let Some(is_late) = seen {
            self.is_late.set(is_late);
            pressure.worker_is_late(is_late);
            let milliseconds = late.as_millis() as u64;
            match is_late {
                true => tracing::warn!(
                    milliseconds,
                    "work is late by more than MESHER_LAG_MAX; new calls are refused"
                ),
                false => tracing::info!(milliseconds, "work is done in time again; new calls are taken"),
            }
        }
        let passed = before.map_or(period, |before| due.saturating_duration_since(before)) + period / 2;
        let ticks = passed.as_millis() / period.as_millis().max(1);
        u32::try_from(ticks).unwrap_or(TICKS_MAX).clamp(1, TICKS_MAX)
    }
}
