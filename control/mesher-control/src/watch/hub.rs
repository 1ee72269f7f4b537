//! Who watches, and what each of them is told.
//! It must not write to a socket: an event is put into queues, in the order of the changes, and read from there.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use mesher_registry::{Change, Registry, Tenant};
use tokio::sync::watch;

use super::event;
use super::places::{Full, Place, Places};
use super::queue::{Queue, TooSlow};
use super::socket::Source;

/// The most web sockets at one time.
const MAX_SOCKETS: usize = 10_000;
/// The most watchers of one service: no one service takes all places.
const MAX_OF_ONE_SERVICE: usize = 5_000;

/// The most web sockets of one account: no one token takes all places.
const MAX_OF_ONE_ACCOUNT: usize = 5_000;

/// Watchers by the service that they watch for.
type Groups = HashMap<Box<str>, Vec<Arc<Queue>>>;

/// All web sockets.
#[derive(Debug)]
pub(crate) struct Watchers {
    places: Places,
    groups: Arc<Mutex<Groups>>,
    waiting: Arc<AtomicUsize>,
    closing: watch::Sender<bool>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self {
            places: Places::new(MAX_SOCKETS, MAX_OF_ONE_ACCOUNT),
            groups: Arc::default(),
            waiting: Arc::default(),
            closing: watch::Sender::new(false),
        }
    }
}

impl Watchers {
    /// Puts the events of these changes into the queues of those who may hear of them. Each event is written once,
    /// whoever hears of it.
    pub(crate) fn publish(&self, registry: &Registry, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let groups = lock(&self.groups);
        if groups.is_empty() {
            return;
        }
        let mut key = String::new();
        for change in changes.iter().filter(|change| change.instance.is_some()) {
            let mut text: Option<Utf8Bytes> = None;
            for consumer in registry.audience(change) {
                key.clear();
                // Writing to a String cannot fail.
                let _ = write!(key, "{}/{}/{consumer}", change.place.domain, change.place.project);
                let Some(queues) = groups.get(&*key) else { continue };
                if text.is_none() {
                    text = event::text(change);
                }
                let Some(event) = &text else { break };
                queues.iter().for_each(|queue| queue.push(event.clone()));
            }
        }
    }

    /// How many web sockets there are.
    pub(crate) fn count(&self) -> usize {
        self.places.count()
    }

    /// Tells all sockets that the server ends.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Turns true once the server ends.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// A place for one socket of this account; nobody's where access control is off.
    pub(crate) fn place(&self, account: Option<&str>) -> Result<Place, Full> {
        self.places.take(account)
    }

    /// Queues, from now on, what a service may hear of.
    pub(crate) fn subscribe(
        &self,
        tenant: Tenant<'_>,
        service: &str,
        account: Option<&str>,
    ) -> Result<Subscription, Full> {
        let place = self.place(account)?;
        let key = format!("{}/{}/{service}", tenant.domain(), tenant.project()).into_boxed_str();
        let queue = Arc::new(Queue::new(Arc::clone(&self.waiting)));
        let mut groups = lock(&self.groups);
        let group = groups.entry(key.clone()).or_default();
        if group.len() >= MAX_OF_ONE_SERVICE {
            return Err(Full);
        }
        group.push(Arc::clone(&queue));
        Ok(Subscription { queue, key, groups: Arc::clone(&self.groups), _place: place })
    }

    /// How many events wait to be read.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// What one watcher hears of. Dropped, it hears no more and its place is free.
#[derive(Debug)]
pub(crate) struct Subscription {
    queue: Arc<Queue>,
    key: Box<str>,
    groups: Arc<Mutex<Groups>>,
    _place: Place,
}

impl Subscription {
    /// The next event, once there is one. Cancelled, it has taken none.
    pub(crate) async fn next(&self) -> Result<Utf8Bytes, TooSlow> {
        self.queue.next().await
    }
}

impl Source for Subscription {
    async fn next(&mut self) -> Result<Utf8Bytes, TooSlow> {
        Self::next(self).await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut groups = lock(&self.groups);
        let Some(group) = groups.get_mut(&*self.key) else { return };
        group.retain(|queue| !Arc::ptr_eq(queue, &self.queue));
        if group.is_empty() {
            groups.remove(&*self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
