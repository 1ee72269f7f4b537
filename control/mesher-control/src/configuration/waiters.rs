//! Who waits for a change of what.
//! It must not carry what changed: whoever is told looks for himself, and so sees the state at his answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesher_config::{Edit, Labels, Tenant, Topic};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::watch::{Full, Place, Places};

/// The most calls that wait at one time: a part of the connections, so that there are some for other calls.
const WAITING_MAX: usize = 8_000;
/// The most calls of one account that wait at one time.
const WAITING_OF_ACCOUNT_MAX: usize = 4_000;

/// Who waits, by tenant.
type Spaces = HashMap<Box<str>, Groups>;

/// Who waits in one tenant, by topic. Those with exact labels are found by the labels of a change; few topics are of
/// another kind.
#[derive(Debug, Default)]
struct Groups {
    exact: HashMap<Labels, Group>,
    other: HashMap<Topic, Group>,
}

/// Those who wait for one topic.
#[derive(Debug, Default)]
struct Group {
    notify: Arc<Notify>,
    count: usize,
}

/// All who wait.
#[derive(Debug)]
pub(crate) struct Waiters {
    places: Places,
    spaces: Arc<Mutex<Spaces>>,
}

impl Default for Waiters {
    fn default() -> Self {
        Self { places: Places::new(WAITING_MAX, WAITING_OF_ACCOUNT_MAX), spaces: Arc::default() }
    }
}

impl Waiters {
    /// Waits from now on, with a place of its own.
    pub(crate) fn join(
        &self,
        tenant: Tenant<'_>,
        topic: &Topic,
        account: Option<&str>,
    ) -> Result<Waiter, Full> {
        let place = self.places.take(account)?;
        Ok(self.join_in(place, tenant, topic))
    }

    /// As [`Self::join`], in a place that was taken elsewhere.
    pub(crate) fn join_in(&self, place: Place, tenant: Tenant<'_>, topic: &Topic) -> Waiter {
        let space = space(tenant);
        let mut spaces = lock(&self.spaces);
        let group = spaces.entry(space.clone()).or_default().group(topic);
        group.count += 1;
        let notify = Arc::clone(&group.notify);
        Waiter { notify, space, topic: topic.clone(), spaces: Arc::clone(&self.spaces), _place: place }
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.places.count()
    }

    /// Whether nothing is known of anybody.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        lock(&self.spaces).is_empty()
    }

    /// Wakes those who wait for the record of this edit.
    pub(crate) fn wake(&self, edit: &Edit) {
        let Some((tenant, labels)) = edit.subject() else { return };
        let spaces = lock(&self.spaces);
        let Some(groups) = spaces.get(&space(tenant)) else { return };
        if let Some(group) = groups.exact.get(&labels) {
            group.notify.notify_waiters();
        }
        for (topic, group) in &groups.other {
            if topic.admits(&labels) {
                group.notify.notify_waiters();
            }
        }
    }
}

impl Groups {
    fn group(&mut self, topic: &Topic) -> &mut Group {
        match topic {
            Topic::Exactly(labels) => self.exact.entry(labels.clone()).or_default(),
            other => self.other.entry(other.clone()).or_default(),
        }
    }

    fn leave(&mut self, topic: &Topic) {
        let group = self.group(topic);
        group.count -= 1;
        if group.count > 0 {
            return;
        }
        match topic {
            Topic::Exactly(labels) => drop(self.exact.remove(labels)),
            other => drop(self.other.remove(other)),
        }
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.other.is_empty()
    }
}

/// One who waits. Dropped, his place is free.
#[derive(Debug)]
pub(crate) struct Waiter {
    notify: Arc<Notify>,
    space: Box<str>,
    topic: Topic,
    spaces: Arc<Mutex<Spaces>>,
    _place: Place,
}

impl Waiter {
    /// Done at the next change from now on: to be had before the look at what is there, so that none in between is
    /// missed.
    pub(crate) fn told(&self) -> Notified<'_> {
        // It hears of every call of `notify_waiters` after this one, whether it is awaited by then or not.
        self.notify.notified()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut spaces = lock(&self.spaces);
        let Some(groups) = spaces.get_mut(&self.space) else { return };
        groups.leave(&self.topic);
        if groups.is_empty() {
            spaces.remove(&self.space);
        }
    }
}

/// No part of a tenant holds a slash.
fn space(tenant: Tenant<'_>) -> Box<str> {
    format!("{}/{}", tenant.domain(), tenant.project()).into()
}

fn lock(spaces: &Mutex<Spaces>) -> MutexGuard<'_, Spaces> {
    spaces.lock().unwrap_or_else(PoisonError::into_inner)
}
