//! The last changes, in memory: what watchers read, whatever engine keeps the rows.
//! It must not grow beyond its bounds for anybody who reads slowly.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::meta::State;
use crate::{Changes, Event, Revision};

/// How many transactions are kept before the oldest go.
const CHANGES_LIMIT: usize = 10_000;
/// How many bytes of them are kept before the oldest go. One transaction may be larger: the last one always stays.
const BYTES_LIMIT: usize = 8 << 20;
/// What is left when the oldest go, in hundredths of the bounds, so that they do not go one by one.
const LEFT_PERCENT: usize = 90;

/// The last changes. Cloned, it is the same.
#[derive(Debug, Clone)]
pub(crate) struct History {
    shared: Arc<Mutex<Kept>>,
    /// Tells watchers that there is something new; closed with the store.
    news: Arc<watch::Sender<Revision>>,
}

#[derive(Debug)]
struct Kept {
    state: State,
    /// Oldest first. Not every revision has to be there: what came before a restore is not.
    changes: VecDeque<(Arc<Changes>, usize)>,
    bytes: usize,
    is_closed: bool,
}

/// What a reader of the history finds.
pub(crate) enum Found {
    /// The first changes at or after the revision asked for.
    Changes(Arc<Changes>),
    /// Nothing so new has come.
    NotYet,
    /// They are gone.
    Compacted(Revision),
    /// The store was closed, and all was read.
    Closed,
}

impl History {
    pub(crate) fn new(state: State, changes: Vec<Changes>) -> Self {
        let changes: VecDeque<_> = changes
            .into_iter()
            .map(|changes| {
                let bytes = weigh(&changes);
                (Arc::new(changes), bytes)
            })
            .collect();
        let bytes = changes.iter().map(|(_, bytes)| bytes).sum();
        let kept = Kept { state, changes, bytes, is_closed: false };
        let news = Arc::new(watch::Sender::new(state.revision));
        Self { shared: Arc::new(Mutex::new(kept)), news }
    }

    pub(crate) fn state(&self) -> State {
        self.kept().state
    }

    pub(crate) fn news(&self) -> watch::Receiver<Revision> {
        self.news.subscribe()
    }

    /// From which revision on history would be left, if `new` came to it: the compacted one, or a later one where a bound
    /// is passed.
    pub(crate) fn plan(&self, compacted: Revision, new: &[Arc<Changes>]) -> Revision {
        let kept = self.kept();
        let added: usize = new.iter().map(|changes| weigh(changes)).sum();
        let (mut count, mut bytes) = (kept.changes.len() + new.len(), kept.bytes + added);
        if count <= CHANGES_LIMIT && bytes <= BYTES_LIMIT {
            return compacted;
        }
        let (count_left, bytes_left) = (CHANGES_LIMIT * LEFT_PERCENT / 100, BYTES_LIMIT * LEFT_PERCENT / 100);
        let old = kept.changes.iter().map(|(changes, bytes)| (changes.revision, *bytes));
        let new = new.iter().map(|changes| (changes.revision, weigh(changes)));
        for (revision, weight) in old.chain(new) {
            if count <= 1 || (count <= count_left && bytes <= bytes_left) {
                return compacted.max(revision);
            }
            count -= 1;
            bytes -= weight;
        }
        compacted
    }

    /// Shows what has become durable.
    pub(crate) fn publish(&self, state: State, new: Vec<Arc<Changes>>) {
        {
            let mut kept = self.kept();
            for changes in new {
                let bytes = weigh(&changes);
                kept.bytes += bytes;
                kept.changes.push_back((changes, bytes));
            }
            while kept.changes.front().is_some_and(|(changes, _)| changes.revision < state.compacted) {
                let bytes = kept.changes.pop_front().map_or(0, |(_, bytes)| bytes);
                kept.bytes -= bytes;
            }
            kept.state = state;
        }
        self.news.send_replace(state.revision);
    }

    /// The first changes at or after a revision.
    pub(crate) fn find(&self, from: Revision) -> Found {
        let kept = self.kept();
        if from < kept.state.compacted {
            return Found::Compacted(kept.state.compacted);
        }
        let place = kept.changes.partition_point(|(changes, _)| changes.revision < from);
        match kept.changes.get(place) {
            Some((changes, _)) => Found::Changes(changes.clone()),
            None if kept.is_closed => Found::Closed,
            None => Found::NotYet,
        }
    }

    pub(crate) fn close(&self) {
        let revision = {
            let mut kept = self.kept();
            kept.is_closed = true;
            kept.state.revision
        };
        self.news.send_replace(revision);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weigh(changes: &Changes) -> usize {
    let event_bytes = |event: &Event| match event {
        Event::Put(record) => record.key.len() + record.value.len(),
        Event::Delete { key } => key.len(),
    };
    changes.events.iter().map(event_bytes).sum()
}
