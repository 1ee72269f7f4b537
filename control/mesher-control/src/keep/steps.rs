//! What one call changed, in pieces that a store takes.
//! It must not reorder anything: each piece builds on the one before.

use mesher_registry::Stored;
use mesher_store::Pending;
use tokio::sync::oneshot;

use super::{Cause, Edit, NotKept};

/// The most edits of one transaction: stores take 128 operations, and one is the chain's.
const EDITS_MAX: usize = 120;
/// About the most bytes of one transaction, unless one edit is larger.
const BYTES_MAX: usize = 1 << 20;

/// One transaction.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) edits: Vec<Edit>,
    pub(super) pending: Pending,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Step {
    pub(super) parts: Vec<Part>,
    /// What is told once all of it is kept.
    pub(super) cause: Cause,
    pub(super) told: oneshot::Sender<Result<(), NotKept>>,
}

/// Cuts edits into as few pieces as can be. A call that needs more than one is not kept as a whole where the process
/// ends in between; such are the removal of a service with hundreds of instances, and hundreds of expired leases.
pub(super) fn cut(edits: Vec<Edit>) -> Vec<Vec<Edit>> {
    let mut pieces: Vec<Vec<Edit>> = Vec::new();
    let mut bytes = 0;
    for edit in edits {
        let size = weight(&edit);
        match pieces.last_mut() {
            Some(piece) if piece.len() < EDITS_MAX && bytes + size <= BYTES_MAX => {
                piece.push(edit);
                bytes += size;
            }
            _ => {
                pieces.push(vec![edit]);
                bytes = size;
            }
        }
    }
    pieces
}

/// Contracts and values are what can be large; everything else is a few hundred bytes.
fn weight(edit: &Edit) -> usize {
    match edit {
        Edit::Registry(mesher_registry::Edit { after: Some(Stored::Schema(content)), .. }) => {
            content.schema.len()
        }
        Edit::Config(edit) => edit.weight(),
        _ => 0,
    }
}
