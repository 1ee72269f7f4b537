//! Waits for the store, call by call, and says what became of each.
//! It must not let a change be told before it is kept, nor stay in memory when it could not be kept.

use std::sync::Weak;

use mesher_store::Store;
use tokio::sync::oneshot;
use tracing::{error, info};

use super::chain::Chain;
use super::steps::{Part, Step};
use super::{Edit, NotKept, Steps};
use crate::control::Control;

/// Takes steps until nobody can hand over any more, then closes the store. `last_link` is the last one that it has.
pub(crate) async fn run(control: Weak<Control>, store: Store, mut steps: Steps, mut last_link: u64) {
    while let Some(step) = steps.recv().await {
        let Step { parts, cause, told } = step;
        let outcome = wait(parts, &mut last_link).await;
        // It is gone once the server has ended: then memory is of no interest any more.
        let control = control.upgrade();
        match outcome {
            Ok(edits) => {
                if let Some(control) = control {
                    control.publish(&edits, &cause);
                }
                // The caller may have gone; the change stays.
                let _ = told.send(Ok(()));
            }
            Err(Failure { reason, edits }) => {
                error!(reason, "a change was not kept");
                let mut failed = Failed { edits, waiting: vec![told] };
                if let Some(control) = control {
                    recover(&control, &mut steps, &mut failed, &mut last_link).await;
                }
                for told in failed.waiting {
                    let _ = told.send(Err(NotKept::TakenBack(reason.clone())));
                }
            }
        }
    }
    store.close().await;
}

/// Takes back what failed and all that was built on it, and lets new changes in after that.
async fn recover(control: &Control, steps: &mut Steps, failed: &mut Failed, last_link: &mut u64) {
    let Some(keep) = control.keep() else { return };
    keep.chain().is_broken = true;
    // The chain lets none of these be written.
    while let Ok(step) = steps.try_recv() {
        if let Err(Failure { edits, .. }) = wait(step.parts, last_link).await {
            failed.edits.extend(edits);
        }
        failed.waiting.push(step.told);
    }
    control.take_back(std::mem::take(&mut failed.edits));
    *keep.chain() = Chain::after(*last_link);
    info!(calls = failed.waiting.len(), "what was not kept is taken back");
}

/// Steps that are taken back.
struct Failed {
    /// Oldest first.
    edits: Vec<Edit>,
    waiting: Vec<oneshot::Sender<Result<(), NotKept>>>,
}

/// Why a step was not kept, and which edits of it.
struct Failure {
    reason: String,
    edits: Vec<Edit>,
}

/// Waits for each part. Answers all edits, once they are kept.
async fn wait(parts: Vec<Part>, last_link: &mut u64) -> Result<Vec<Edit>, Failure> {
    let (mut kept, mut failure) = (Vec::new(), None);
    for Part { edits, pending } in parts {
        let reason = match pending.await {
            Ok(committed) if committed.succeeded => None,
            Ok(_) => Some("a change before it was not kept".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        match (&mut failure, reason) {
            (None, None) => {
                *last_link += 1;
                kept.extend(edits);
            }
            (None, Some(reason)) => failure = Some(Failure { reason, edits }),
            (Some(failure), _) => failure.edits.extend(edits),
        }
    }
    failure.map_or(Ok(kept), Err)
}
