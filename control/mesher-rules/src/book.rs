//! All documents as they stand, with what was changed since a store was told.
//! It must change nothing half: edits of one call are all made or none is.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesher_model::rule::{Change, Document, RuleKey, RuleRow, Target};
use serde_json::Value;

use crate::edit::{self, Edit, Place};
use crate::history::History;

/// The most documents.
pub const DOCUMENTS_MAX: usize = 50_000;
/// The most documents that change at once: more would not fit into one transaction of a store.
pub const DOCUMENTS_AT_ONCE_MAX: usize = 100;

/// All documents.
#[derive(Debug, Default)]
pub struct Book {
    pub(crate) rows: BTreeMap<RuleKey, Arc<RuleRow>>,
    /// Those that are about one target.
    targets: BTreeMap<Target, Vec<RuleKey>>,
    pub(crate) history: History,
    edits: Vec<Edit>,
    news: Vec<Arc<Change>>,
}

impl Book {
    /// The revision of the last change; 0 before the first.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.history.newest()
    }

    /// Every document, ordered by kind, environment, application and name.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Arc<RuleRow>> {
        self.rows.values()
    }

    /// One document.
    #[must_use]
    pub fn row(&self, key: &RuleKey) -> Option<&Arc<RuleRow>> {
        self.rows.get(key)
    }

    /// The documents that are about exactly this target, in order.
    pub fn of_target<'a>(&'a self, target: &Target) -> impl Iterator<Item = &'a Arc<RuleRow>> {
        let keys = self.targets.get(target).into_iter().flatten();
        keys.filter_map(|key| self.rows.get(key))
    }

    /// What was changed, newest first.
    pub fn changes(&self) -> impl Iterator<Item = &Arc<Change>> {
        self.history.changes()
    }

    /// The change with this revision.
    #[must_use]
    pub fn change(&self, revision: u64) -> Option<&Arc<Change>> {
        self.history.change(revision)
    }

    /// What was changed since the last time, for those who are told.
    pub fn take_news(&mut self) -> Vec<Arc<Change>> {
        std::mem::take(&mut self.news)
    }

    /// What was changed since the last time, for a store.
    pub fn take_edits(&mut self) -> Vec<Edit> {
        std::mem::take(&mut self.edits)
    }

    /// Makes changes that were checked, as one.
    pub(crate) fn make(&mut self, changes: Vec<Change>) {
        let changes = shared(changes);
        for change in &changes {
            let after = RuleRow::after(change).map(Arc::new);
            let before = self.put(&change.key, after.clone());
            self.edits.push(Edit {
                key: edit::document(&change.key),
                before: before.as_deref().map(value),
                after: after.as_deref().map(value),
            });
        }
        self.edits.extend(self.history.add(&changes));
        self.news.extend(changes);
    }

    /// Puts a record where a store has it, or takes it away: at the start, and to take an edit back. Whether the key
    /// is one of ours.
    ///
    /// # Errors
    /// The value is no such record.
    pub fn restore(&mut self, key: &str, value: Option<Value>) -> Result<bool, serde_json::Error> {
        match edit::parse(key) {
            None => return Ok(false),
            Some(Place::Document(key)) => {
                let row = value.map(serde_json::from_value).transpose()?.map(Arc::new);
                self.put(&key, row);
            }
            Some(Place::Changes(revision)) => {
                let changes: Option<Vec<Change>> = value.map(serde_json::from_value).transpose()?;
                self.history.restore(revision, changes.map(shared));
            }
        }
        Ok(true)
    }

    fn put(&mut self, key: &RuleKey, row: Option<Arc<RuleRow>>) -> Option<Arc<RuleRow>> {
        match row {
            Some(row) => {
                let keys = self.targets.entry(row.document.target()).or_default();
                if let Err(place) = keys.binary_search(key) {
                    keys.insert(place, key.clone());
                }
                let target = row.document.target();
                let before = self.rows.insert(key.clone(), row);
                before.inspect(|before| {
                    if before.document.target() != target {
                        self.leave_target(key, &before.document);
                    }
                })
            }
            None => self.rows.remove(key).inspect(|before| self.leave_target(key, &before.document)),
        }
    }

    fn leave_target(&mut self, key: &RuleKey, document: &Document) {
        let target = document.target();
        if let Some(keys) = self.targets.get_mut(&target) {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.targets.remove(&target);
            }
        }
    }
}

fn shared(changes: Vec<Change>) -> Vec<Arc<Change>> {
    changes.into_iter().map(Arc::new).collect()
}

/// Rows are plain data, of which serde can write all.
fn value(row: &RuleRow) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}
