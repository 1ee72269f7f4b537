//! Keeps what changed beyond the life of the process: edits go to the store, and answers wait for it.
//! It must not decide what is kept: registry and access control name their edits, and all of them are.
//!
//! | file | holds |
//! |---|---|
//! | `edit` | one record that changed |
//! | `chain` | transactions, each of which wants the one before it |
//! | `steps` | what one call changed, in pieces that a store takes |
//! | `worker` | waits for the store, and tells or takes back |
//! | `load` | the way back from the store at start |

mod chain;
mod edit;
mod load;
mod steps;
mod worker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_registry::Change;
use mesher_store::Store;
use tokio::sync::{mpsc, oneshot};

pub(crate) use edit::Edit;
pub(crate) use load::{Loaded, load};
pub(crate) use worker::run;

use crate::audit::Origin;
use chain::Chain;
use steps::{Part, Step};

#[cfg(test)]
mod tests;

/// How long an answer waits for the store. What becomes of the change then is not known yet.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Why a change was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotKept {
    /// The change was taken back: it is as if nobody had asked for it.
    #[error("nothing was changed: {0}")]
    TakenBack(String),
    /// The store has not answered.
    #[error("the store did not answer within {} s; the change may still be kept", WAIT_MAX.as_secs())]
    Unknown,
}

/// What a call did, for those who are told.
#[derive(Debug)]
pub(crate) struct Cause {
    /// Of the registry.
    pub(crate) changes: Vec<Change>,
    /// Of rules.
    pub(crate) rules: Vec<Arc<mesher_model::rule::Change>>,
    pub(crate) origin: Origin,
}

/// The way into the store.
#[derive(Debug)]
pub(crate) struct Keep {
    store: Store,
    chain: Mutex<Chain>,
    steps: mpsc::UnboundedSender<Step>,
}

/// What [`run`] takes from.
pub(crate) type Steps = mpsc::UnboundedReceiver<Step>;

impl Keep {
    /// The way into a store whose chain is that long, and the steps that [`run`] has to take.
    pub(crate) fn new(store: Store, last_link: u64) -> (Self, Steps) {
        // Bounded by the requests that wait for their answers, and those by the number of connections.
        let (steps, receiver) = mpsc::unbounded_channel();
        (Self { store, chain: Mutex::new(Chain::after(last_link)), steps }, receiver)
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Hands over what one call changed. To be called under the lock of what changed: the order of the calls is the
    /// order of the records. While failed edits are being taken back, these come back and have to be, too.
    pub(crate) fn submit(&self, edits: Vec<Edit>, cause: Cause) -> Result<Receipt, Vec<Edit>> {
        let mut chain = self.chain();
        if chain.is_broken {
            return Err(edits);
        }
        let parts = steps::cut(edits).into_iter().map(|edits| {
            let pending = self.store.commit(chain.link(&edits));
            Part { edits, pending }
        });
        let (told, receipt) = oneshot::channel();
        // Without a worker the server has ended, and nobody reads the answer.
        let _ = self.steps.send(Step { parts: parts.collect(), cause, told });
        Ok(Receipt(Some(receipt)))
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The promise that a change is kept.
#[derive(Debug)]
pub(crate) struct Receipt(Option<oneshot::Receiver<Result<(), NotKept>>>);

impl Receipt {
    /// For a change that was taken back at once.
    pub(crate) const fn refused() -> Self {
        Self(None)
    }

    /// Waits until the change is kept, or is not. Without a receipt there is nothing to wait for.
    pub(crate) async fn settle(receipt: Option<Self>) -> Result<(), NotKept> {
        match receipt {
            None => Ok(()),
            Some(receipt) => receipt.wait().await,
        }
    }

    async fn wait(self) -> Result<(), NotKept> {
        let taken_back = |reason: &str| Err(NotKept::TakenBack(reason.to_owned()));
        let Some(receipt) = self.0 else { return taken_back("the store has just failed") };
        match tokio::time::timeout(WAIT_MAX, receipt).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => taken_back("the control plane is ending"),
            Err(_) => Err(NotKept::Unknown),
        }
    }
}
