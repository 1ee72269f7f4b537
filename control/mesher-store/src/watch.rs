//! A reader of changes, from a revision on, in their order.
//! It must not pass over anything: where it cannot go on, it says so and ends.

use std::sync::Arc;

use tokio::sync::watch;

use crate::history::{Found, History};
use crate::{Changes, Event, KeyRange, Revision};

/// Why a watch has ended. The reader reads the range anew and watches from the revision after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The history that it was to begin with was gone already.
    #[error("the history before revision {compacted} was compacted")]
    Compacted {
        /// The first revision whose history is left.
        compacted: Revision,
    },
    /// It read more slowly than changes came, and the history that was next is gone.
    #[error("the reader fell behind: the history before revision {compacted} is gone")]
    Lagged {
        /// The first revision whose history is left.
        compacted: Revision,
    },
    /// The store was closed; all changes before that were read.
    #[error("the store was closed")]
    Closed,
}

/// Changes of a range of keys, from a revision on: each transaction once, whole as far as it touches the range, in their
/// order. It holds a place in the history, not a copy, so it costs nothing however slowly it is read.
#[derive(Debug)]
pub struct Watch {
    history: History,
    news: watch::Receiver<Revision>,
    range: KeyRange,
    next: Revision,
    has_begun: bool,
}

impl Watch {
    pub(crate) fn new(history: History, range: KeyRange, from: Revision) -> Self {
        let news = history.news();
        Self { history, news, range, next: from, has_begun: false }
    }

    /// The revision from which it goes on: all before it were read, or touch nothing of the range.
    #[must_use]
    pub const fn position(&self) -> Revision {
        self.next
    }

    /// Waits for the next changes. It may be cancelled; nothing is lost by that.
    ///
    /// # Errors
    /// Where it cannot go on, and at the end of the store. It says the same again when asked again.
    pub async fn next(&mut self) -> Result<Arc<Changes>, WatchError> {
        loop {
            // Before the look, so that what comes in between wakes this again.
            self.news.borrow_and_update();
            if let Some(changes) = self.take()? {
                return Ok(changes);
            }
            // The history holds the other end.
            self.news.changed().await.map_err(|_| WatchError::Closed)?;
        }
    }

    /// The next changes, if they have come.
    ///
    /// # Errors
    /// As `next`.
    pub fn take(&mut self) -> Result<Option<Arc<Changes>>, WatchError> {
        loop {
            match self.history.find(self.next) {
                Found::Changes(changes) => {
                    self.next = changes.revision.next();
                    self.has_begun = true;
                    if let Some(changes) = within(&changes, &self.range) {
                        return Ok(Some(changes));
                    }
                }
                Found::NotYet => {
                    self.has_begun = true;
                    return Ok(None);
                }
                Found::Compacted(compacted) if self.has_begun => {
                    return Err(WatchError::Lagged { compacted });
                }
                Found::Compacted(compacted) => return Err(WatchError::Compacted { compacted }),
                Found::Closed => return Err(WatchError::Closed),
            }
        }
    }
}

fn within(changes: &Arc<Changes>, range: &KeyRange) -> Option<Arc<Changes>> {
    let belongs = |event: &&Event| range.contains(event.key());
    if changes.events.iter().all(|event| belongs(&event)) {
        return Some(changes.clone());
    }
    let events: Vec<_> = changes.events.iter().filter(belongs).cloned().collect();
    (!events.is_empty()).then(|| Arc::new(Changes { revision: changes.revision, events }))
}
