//! Coarse deadlines of a worker's connections: setting one costs a store, and one task looks at them all.
//! They must not be used where less than half a second matters.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often deadlines are looked at, and so how late one may fire.
pub const TICK: Duration = Duration::from_millis(TICK_MILLISECONDS);
const TICK_MILLISECONDS: u64 = 500;

/// The deadlines of one worker.
#[derive(Debug, Default)]
pub struct Deadlines {
    /// Ticks since the worker began.
    now: Cell<u64>,
    entries: RefCell<Vec<Rc<Entry>>>,
}

/// The deadline of one connection. Dropping it takes it off the list.
#[derive(Debug)]
pub struct Deadline {
    entry: Rc<Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The tick at which it fires; 0 when it is not set.
    fires_at: Cell<u64>,
    is_idle: Cell<bool>,
    has_fired: Cell<bool>,
    is_gone: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Deadlines {
    /// A deadline that is not set yet.
    pub fn watch(&self) -> Deadline {
        let entry = Rc::new(Entry::default());
        self.entries.borrow_mut().push(Rc::clone(&entry));
        Deadline { entry }
    }

    /// Lets a tick pass: fires what is due. Called every [`TICK`] by the worker.
    pub fn tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        self.entries.borrow_mut().retain(|entry| !entry.is_gone.get());
        self.fire_where(|entry| entry.fires_at.get() != 0 && entry.fires_at.get() <= now);
    }

    /// Fires every connection that waits for its next message, for a worker that stops.
    pub fn fire_idle(&self) {
        self.fire_where(|entry| entry.is_idle.get());
    }

    /// How many connections are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.borrow().iter().filter(|entry| !entry.is_gone.get()).count()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn fire_where(&self, is_due: impl Fn(&Entry) -> bool) {
        for entry in self.entries.borrow().iter().filter(|entry| is_due(entry)) {
            entry.has_fired.set(true);
            if let Some(waker) = entry.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }
}

impl Deadline {
    /// Sets the deadline to `limit` from now, rounded up to whole ticks.
    pub fn set(&self, deadlines: &Deadlines, limit: Duration) {
        // One more, because the current tick has begun already.
        let milliseconds = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let ticks = milliseconds.div_ceil(TICK_MILLISECONDS).max(1) + 1;
        self.entry.fires_at.set(deadlines.now.get().saturating_add(ticks));
        self.entry.is_idle.set(false);
        self.entry.has_fired.set(false);
    }

    /// As [`Self::set`], for a connection that waits for its next message.
    pub fn set_idle(&self, deadlines: &Deadlines, limit: Duration) {
        self.set(deadlines, limit);
        self.entry.is_idle.set(true);
    }

    /// Takes the deadline back.
    pub fn clear(&self) {
        self.entry.fires_at.set(0);
        self.entry.is_idle.set(false);
    }

    /// Ready once the deadline has passed, and from then on until it is set anew.
    pub fn poll_passed(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.entry.has_fired.get() {
            return Poll::Ready(());
        }
        let mut waker = self.entry.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.entry.is_gone.set(true);
    }
}
