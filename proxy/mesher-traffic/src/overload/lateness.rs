//! Whether work is late: each look within a while found it so, the least late one, too (as CoDel has it, RFC 8289 §4.2).
//! It must take one late look for nothing: a machine may halt for a moment.

use std::time::Duration;

/// How long each look has to find work late.
const WINDOW: Duration = Duration::from_secs(1);

/// What looks at the work of one thread found.
#[derive(Debug, Clone, Copy)]
pub struct Lateness {
    target: Duration,
    /// Since when each look found more than the target.
    since: Option<Duration>,
    is_late: bool,
}

impl Lateness {
    /// Nothing is late yet. More than `target` is too late.
    #[must_use]
    pub const fn new(target: Duration) -> Self {
        Self { target, since: None, is_late: false }
    }

    /// Whether work is late.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.is_late
    }

    /// A look found work `late` by this. Answers whether it is late from now on, where that has changed: it is no longer once a
    /// look finds half of the target.
    pub fn seen(&mut self, now: Duration, late: Duration) -> Option<bool> {
        let was_late = self.is_late;
        if late > self.target {
            let since = *self.since.get_or_insert(now);
            self.is_late |= now.saturating_sub(since) >= WINDOW;
        } else {
            self.since = None;
            self.is_late &= late > self.target / 2;
        }
        (self.is_late != was_late).then_some(self.is_late)
    }
}
