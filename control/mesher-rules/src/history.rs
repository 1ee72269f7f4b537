//! What was changed, by whom, and the way back: changes under their revisions, the oldest forgotten.
//! It must never give a revision twice of which anybody was told.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesher_model::rule::{Change, Document, RuleKey};
use serde_json::Value;

use crate::RuleError;
use crate::edit::{self, Edit};

/// The most changes that are remembered.
pub const CHANGES_MAX: usize = 10_000;
/// Batches that are forgotten with one new one, so that a history that is too long shrinks again.
const FORGOTTEN_AT_ONCE: usize = 2;

/// Changes that were made at once, by the revision of the first.
#[derive(Debug, Default)]
pub(crate) struct History {
    batches: BTreeMap<u64, Vec<Arc<Change>>>,
    count: usize,
}

impl History {
    /// The revision of the last change; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        let last = self.batches.values().next_back().and_then(|batch| batch.last());
        last.map_or(0, |change| change.changed_revision)
    }

    /// The oldest state that it leads back to.
    fn oldest_state(&self) -> u64 {
        self.batches.keys().next().map_or(0, |first| first - 1)
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = &Arc<Change>> {
        self.batches.values().rev().flat_map(|batch| batch.iter().rev())
    }

    pub(crate) fn change(&self, revision: u64) -> Option<&Arc<Change>> {
        let (first, batch) = self.batches.range(..=revision).next_back()?;
        batch.get(usize::try_from(revision - first).ok()?)
    }

    /// Remembers changes that were made at once, and forgets the oldest where there are too many.
    pub(crate) fn add(&mut self, changes: &[Arc<Change>]) -> Vec<Edit> {
        let Some(first) = changes.first() else { return Vec::new() };
        let mut edits = vec![Edit {
            key: edit::changes(first.changed_revision),
            before: None,
            after: Some(value(changes)),
        }];
        self.restore(first.changed_revision, Some(changes.to_vec()));
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.count <= CHANGES_MAX || self.batches.len() <= 1 {
                break;
            }
            let Some((oldest, batch)) = self.batches.pop_first() else { break };
            self.count -= batch.len();
            edits.push(Edit { key: edit::changes(oldest), before: Some(value(&batch)), after: None });
        }
        edits
    }

    pub(crate) fn restore(&mut self, first: u64, changes: Option<Vec<Arc<Change>>>) {
        self.count += changes.as_ref().map_or(0, Vec::len);
        let before = match changes {
            Some(changes) => self.batches.insert(first, changes),
            None => self.batches.remove(&first),
        };
        self.count -= before.map_or(0, |batch| batch.len());
    }

    /// What each document that was changed after `revision` was then.
    pub(crate) fn state_at(&self, revision: u64) -> Result<BTreeMap<&RuleKey, Option<&Document>>, RuleError> {
        let (oldest, newest) = (self.oldest_state(), self.newest());
        if !(oldest..=newest).contains(&revision) {
            return Err(RuleError::NoSuchRevision { revision, oldest, newest });
        }
        let later = self.changes().take_while(|change| change.changed_revision > revision);
        // Newest first: what is inserted last is the oldest change, and tells the state before it.
        Ok(later.map(|change| (&change.key, change.before.as_ref())).collect())
    }
}

/// Changes are plain data, of which serde can write all.
fn value(changes: &[Arc<Change>]) -> Value {
    let changes: Vec<_> = changes.iter().map(AsRef::as_ref).collect();
    serde_json::to_value(changes).unwrap_or_default()
}
