//! A part of the configuration behind a lock, and the door to it.
//! It must not answer a change before that is kept, and must hold the lock for plain computing only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_config::Configuration;
use mesher_model::rule::Change;
use mesher_rules::Book;

use crate::Clock;
use crate::audit::Origin;
use crate::control::Told;
use crate::keep::{Cause, Edit, Keep, NotKept, Receipt};

/// What a cabinet can hold.
pub(crate) trait Content {
    /// What was changed since the last time, for the store.
    fn take_edits(&mut self) -> Vec<Edit>;

    /// What was changed since the last time, for proxies.
    fn take_news(&mut self) -> Vec<Arc<Change>> {
        Vec::new()
    }

    /// Takes an edit back, if it is one of its own. The record was here before, so it can be read.
    fn put_back(&mut self, edit: Edit);
}

impl Content for Configuration {
    fn take_edits(&mut self) -> Vec<Edit> {
        Self::take_edits(self).into_iter().map(Edit::Config).collect()
    }

    fn put_back(&mut self, edit: Edit) {
        if let Edit::Config(edit) = edit {
            let _ = self.restore(&edit.key, edit.before);
        }
    }
}

impl Content for Book {
    fn take_edits(&mut self) -> Vec<Edit> {
        Self::take_edits(self).into_iter().map(Edit::Rules).collect()
    }

    fn take_news(&mut self) -> Vec<Arc<Change>> {
        Self::take_news(self)
    }

    fn put_back(&mut self, edit: Edit) {
        if let Edit::Rules(edit) = edit {
            let _ = self.restore(&edit.key, edit.before);
        }
    }
}

/// What the requests share of it.
#[derive(Debug)]
pub(crate) struct Cabinet<C> {
    state: Mutex<C>,
    clock: Clock,
    told: Told,
    /// `None`: all is forgotten with the process.
    keep: Option<Arc<Keep>>,
}

impl<C: Content> Cabinet<C> {
    pub(crate) fn new(content: C, clock: Clock, told: Told, keep: Option<Arc<Keep>>) -> Self {
        Self { state: Mutex::new(content), clock, told, keep }
    }

    /// Looks at the content as it is now.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&C) -> T) -> T {
        act(&self.lock())
    }

    /// Runs `act`, and waits until what it changed is kept.
    pub(crate) async fn change<T>(&self, act: impl FnOnce(&mut C, Duration) -> T) -> Result<T, NotKept> {
        let (outcome, receipt) = {
            let mut state = self.lock();
            let outcome = act(&mut state, self.clock.now().unix);
            (outcome, self.hand_over(state))
        };
        Receipt::settle(receipt).await.map(|()| outcome)
    }

    /// Takes back edits, oldest first, that the store does not have. Whoever saw them hears that they are gone.
    pub(crate) fn take_back(&self, edits: Vec<Edit>) {
        let woken = edits.clone();
        restore(&mut *self.lock(), edits);
        self.told.wake(&woken);
    }

    fn hand_over(&self, mut state: MutexGuard<'_, C>) -> Option<Receipt> {
        let (edits, rules) = (state.take_edits(), state.take_news());
        if edits.is_empty() {
            return None;
        }
        let cause = Cause { changes: Vec::new(), rules, origin: Origin::current() };
        let Some(keep) = &self.keep else {
            // Under the lock: proxies hear of changes in their order.
            self.told.tell(&edits, &cause);
            return None;
        };
        Some(keep.submit(edits, cause).unwrap_or_else(|edits| {
            let woken = edits.clone();
            restore(&mut *state, edits);
            self.told.wake(&woken);
            Receipt::refused()
        }))
    }

    fn lock(&self) -> MutexGuard<'_, C> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes edits back, the newest first.
fn restore(content: &mut impl Content, edits: Vec<Edit>) {
    edits.into_iter().rev().for_each(|edit| content.put_back(edit));
}
