//! The rules that are kept, by the services that they are about: what proxies may be told.
//! It must hold nothing that a store could still refuse.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesher_model::rule::link::{RemovedResource, Resource};
use mesher_model::rule::{Change, RuleKey, RuleRow, Target};
use mesher_rules::Book;

/// Rules by their target.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Names the history that revisions belong to.
    pub(super) epoch: String,
    /// The last change.
    pub(super) revision: u64,
    rows: BTreeMap<Target, BTreeMap<RuleKey, Arc<RuleRow>>>,
}

impl Shelf {
    pub(super) fn new(epoch: String, book: &Book) -> Self {
        let mut shelf = Self { epoch, revision: book.revision(), rows: BTreeMap::new() };
        book.rows().for_each(|row| shelf.put(Arc::clone(row)));
        shelf
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes a change that is kept.
    pub(super) fn take(&mut self, change: &Change) {
        self.revision = change.changed_revision;
        if let Some(before) = &change.before {
            let target = before.target();
            if let Some(rows) = self.rows.get_mut(&target) {
                rows.remove(&change.key);
                if rows.is_empty() {
                    self.rows.remove(&target);
                }
            }
        }
        if let Some(row) = RuleRow::after(change) {
            self.put(Arc::new(row));
        }
    }

    fn put(&mut self, row: Arc<RuleRow>) {
        self.rows.entry(row.document.target()).or_default().insert(row.key.clone(), row);
    }

    /// Everything about a target.
    pub(super) fn of_target(&self, target: &Target) -> impl Iterator<Item = Resource> {
        self.rows.get(target).into_iter().flat_map(BTreeMap::values).map(|row| resource(row))
    }

    /// A document as it stands, if it is about one of these targets; a proxy that held it under another one is told
    /// that it is gone.
    pub(super) fn delta<'t>(
        &self,
        key: &RuleKey,
        targets: impl IntoIterator<Item = &'t Target>,
    ) -> Result<Resource, RemovedResource> {
        let row = targets.into_iter().find_map(|target| self.rows.get(target)?.get(key));
        row.map(|row| resource(row)).ok_or_else(|| RemovedResource::new(key, self.revision))
    }
}

fn resource(row: &RuleRow) -> Resource {
    Resource {
        kind: row.key.kind.to_string(),
        revision: row.changed_revision,
        // Documents are plain data, of which serde can write all.
        document: serde_json::to_value(&row.document).unwrap_or_default(),
    }
}
