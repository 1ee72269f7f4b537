//! What a burst leaves behind: free memory that the allocator keeps until it is told to give it back.
//! It must be told off the request path, and only after something large has ended.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the control thread looks whether a burst is over.
const INTERVAL: Duration = Duration::from_secs(1);
/// After so many looks the work of the start is done: the service is registered, the fleet is known.
const LOOKS_UNTIL_SETTLED: u32 = 3;
/// What counts as a burst: connections of one worker, or names learned.
const BURST_MIN: usize = 100;

/// Says that a burst is over. Shared by all threads of a proxy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relief(Arc<AtomicBool>);

impl Relief {
    /// Asks for free memory to be given back.
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for since the last time.
    fn was_asked(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Gives memory back whenever it was asked for, on the thread that calls this.
    pub(crate) async fn serve(self) {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looks = 0_u32;
        loop {
            interval.tick().await;
            looks = looks.saturating_add(1);
            if looks == LOOKS_UNTIL_SETTLED {
                mesher_net::memory::forget_code();
                self.ask();
            }
            if self.was_asked() {
                mesher_net::memory::give_back();
            }
        }
    }
}

/// Counts what happens, and asks for relief once much has happened and nothing more does.
#[derive(Debug)]
pub(crate) struct Burst {
    relief: Relief,
    /// Since the last look.
    fresh: usize,
    /// Since relief was asked for.
    total: usize,
}

impl Burst {
    pub(crate) fn new(relief: Relief) -> Self {
        Self { relief, fresh: 0, total: 0 }
    }

    pub(crate) fn add(&mut self, count: usize) {
        self.fresh += count;
        self.total += count;
    }

    /// Looks, now and then, whether it is over.
    pub(crate) fn look(&mut self) {
        if std::mem::take(&mut self.fresh) == 0 && self.total >= BURST_MIN {
            self.total = 0;
            self.relief.ask();
        }
    }
}

/// Follows a count, and tells when it has fallen far from its peak.
#[derive(Debug, Default)]
pub(crate) struct Tide {
    peak: Cell<usize>,
}

impl Tide {
    /// Whether a burst is over, now that the count is `now`.
    pub(crate) fn has_ebbed(&self, now: usize) -> bool {
        let peak = self.peak.get().max(now);
        let has_ebbed = peak >= BURST_MIN && now <= peak / 2;
        self.peak.set(if has_ebbed { now } else { peak });
        has_ebbed
    }
}

#[cfg(test)]
mod tests;
