//! What one watcher has not read yet: bounded, and free of memory while nothing waits.
//! It must not make a change wait for a reader: where there is no room the reader is cut off.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

/// The most events that wait for one watcher.
const MAX_WAITING: usize = 4_096;
/// The most events that wait for all watchers. An event's text is shared; what waits is a pointer to it.
const MAX_WAITING_IN_ALL: usize = 1_000_000;
/// The largest room that a drained queue keeps, in events.
const KEPT_ROOM: usize = 64;

/// The reader did not keep up, and events were lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooSlow;

/// Events for one watcher, written by whoever changes the registry.
#[derive(Debug)]
pub(super) struct Queue {
    events: Mutex<Result<VecDeque<Utf8Bytes>, TooSlow>>,
    wake: Notify,
    /// How many events wait for all watchers.
    in_all: Arc<AtomicUsize>,
}

impl Queue {
    pub(super) fn new(in_all: Arc<AtomicUsize>) -> Self {
        Self { events: Mutex::new(Ok(VecDeque::new())), wake: Notify::new(), in_all }
    }

    pub(super) fn push(&self, event: Utf8Bytes) {
        let mut state = self.lock();
        if let Ok(events) = &mut *state {
            let has_room =
                events.len() < MAX_WAITING && self.in_all.load(Ordering::Relaxed) < MAX_WAITING_IN_ALL;
            if has_room {
                events.push_back(event);
                self.in_all.fetch_add(1, Ordering::Relaxed);
            } else {
                self.in_all.fetch_sub(events.len(), Ordering::Relaxed);
                *state = Err(TooSlow);
            }
            self.wake.notify_one();
        }
    }

    /// The next event, once there is one. Cancelled, it has taken none.
    pub(super) async fn next(&self) -> Result<Utf8Bytes, TooSlow> {
        loop {
            // Told before the look into the queue: a push in between is not missed.
            let told = self.wake.notified();
            if let Some(event) = self.take()? {
                return Ok(event);
            }
            told.await;
        }
    }

    fn take(&self) -> Result<Option<Utf8Bytes>, TooSlow> {
        let mut state = self.lock();
        let events = state.as_mut().map_err(|slow| *slow)?;
        let event = events.pop_front();
        if event.is_some() {
            self.in_all.fetch_sub(1, Ordering::Relaxed);
        }
        if events.is_empty() && events.capacity() > KEPT_ROOM {
            *events = VecDeque::new();
        }
        Ok(event)
    }

    fn lock(&self) -> MutexGuard<'_, Result<VecDeque<Utf8Bytes>, TooSlow>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let left = self.lock().as_ref().map_or(0, VecDeque::len);
        self.in_all.fetch_sub(left, Ordering::Relaxed);
    }
}
