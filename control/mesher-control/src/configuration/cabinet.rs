//! The configuration behind a lock, and the door to it.
//! It must not answer a change before that is kept, and must hold the lock for plain computing only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_config::Configuration;

use super::polls::Polls;
use super::waiters::Waiters;
use crate::Clock;
use crate::audit::{Auditor, Origin};
use crate::keep::{Cause, Edit, Keep, NotKept, Receipt};

/// What the requests share of the configuration.
#[derive(Debug)]
pub(crate) struct Cabinet {
    state: Mutex<Configuration>,
    pub(super) waiters: Waiters,
    pub(super) polls: Polls,
    clock: Clock,
    auditor: Arc<Auditor>,
    /// `None`: all is forgotten with the process.
    keep: Option<Arc<Keep>>,
}

impl Cabinet {
    pub(crate) fn new(
        configuration: Configuration,
        clock: Clock,
        auditor: Arc<Auditor>,
        keep: Option<Arc<Keep>>,
    ) -> Self {
        let (waiters, polls) = (Waiters::default(), Polls::default());
        Self { state: Mutex::new(configuration), waiters, polls, clock, auditor, keep }
    }

    /// Looks at the configuration as it is now.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&Configuration) -> T) -> T {
        act(&self.lock())
    }

    /// Runs `act`, and waits until what it changed is kept.
    pub(crate) async fn change<T>(
        &self,
        act: impl FnOnce(&mut Configuration, Duration) -> T,
    ) -> Result<T, NotKept> {
        let (outcome, receipt) = {
            let mut state = self.lock();
            let outcome = act(&mut state, self.clock.now().unix);
            (outcome, self.hand_over(state))
        };
        Receipt::settle(receipt).await.map(|()| outcome)
    }

    /// Tells those who wait of edits that are kept.
    pub(crate) fn publish(&self, edits: &[Edit]) {
        for edit in edits {
            if let Edit::Config(edit) = edit {
                self.waiters.wake(edit);
            }
        }
    }

    /// Takes back edits, oldest first, that the store does not have. Whoever saw them hears that they are gone.
    pub(crate) fn take_back(&self, edits: Vec<Edit>) {
        let woken = edits.clone();
        restore(&mut self.lock(), edits);
        self.publish(&woken);
    }

    /// How many calls wait for a change.
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.count()
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    fn hand_over(&self, mut state: MutexGuard<'_, Configuration>) -> Option<Receipt> {
        let edits: Vec<_> = state.take_edits().into_iter().map(Edit::Config).collect();
        if edits.is_empty() {
            return None;
        }
        let Some(keep) = &self.keep else {
            drop(state);
            self.publish(&edits);
            self.auditor.tell(&edits, &Origin::current());
            return None;
        };
        let cause = Cause { changes: Vec::new(), origin: Origin::current() };
        Some(keep.submit(edits, cause).unwrap_or_else(|edits| {
            let woken = edits.clone();
            restore(&mut state, edits);
            drop(state);
            self.publish(&woken);
            Receipt::refused()
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Configuration> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes edits back, the newest first.
fn restore(configuration: &mut Configuration, edits: Vec<Edit>) {
    for edit in edits.into_iter().rev() {
        if let Edit::Config(edit) = edit {
            // The record was here before, so it can be read.
            let _ = configuration.restore(&edit.key, edit.before);
        }
    }
}
