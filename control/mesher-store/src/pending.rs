//! The promise of an answer to what was already handed to the writer.
//! It must not undo anything when it is dropped: what was submitted is written.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::{Committed, StoreError};

/// Where the writer answers.
pub(crate) type Reply = oneshot::Sender<Result<Committed, StoreError>>;

/// Resolves when what was submitted is durable, or has failed. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "what was submitted is durable only once this has resolved"]
pub struct Pending(oneshot::Receiver<Result<Committed, StoreError>>);

impl Pending {
    pub(crate) fn new() -> (Reply, Self) {
        let (reply, receiver) = oneshot::channel();
        (reply, Self(receiver))
    }

    pub(crate) fn failed(error: StoreError) -> Self {
        let (reply, pending) = Self::new();
        // The receiver is in hand, so it is there.
        let _ = reply.send(Err(error));
        pending
    }

    /// Waits on a thread that runs no runtime.
    ///
    /// # Errors
    /// As the call that made it.
    ///
    /// # Panics
    /// Within a runtime's task.
    pub fn wait(self) -> Result<Committed, StoreError> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl Future for Pending {
    type Output = Result<Committed, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // The writer answers all that it took; without an answer it ended before it took this.
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}
