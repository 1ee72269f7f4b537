//! The records of one project, indexed by their labels, and when each set of labels last changed.
//! It must remember a change after the record is gone: whoever polls has to hear of a removal, too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::labels::Labels;
use super::record::Record;
use super::topic::Topic;

/// The records of one project.
#[derive(Debug, Default)]
pub(crate) struct Project {
    records: HashMap<String, Arc<Record>>,
    /// Earlier versions of records, by id and by the number of the change that made each.
    pub(crate) older: HashMap<String, BTreeMap<u64, Arc<Record>>>,
    sets: HashMap<String, LabelSet>,
}

/// Records with the same labels.
#[derive(Debug)]
struct LabelSet {
    labels: Labels,
    ids: BTreeSet<String>,
    /// Number of the last change of any of them.
    changed: u64,
}

impl Project {
    pub(crate) fn count(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn set_count(&self) -> usize {
        self.sets.len()
    }

    pub(crate) fn record(&self, id: &str) -> Option<&Arc<Record>> {
        self.records.get(id)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.values()
    }

    /// Puts a record in its place, as of change `number`. Answers what was there.
    pub(crate) fn put(&mut self, record: Arc<Record>, number: u64) -> Option<Arc<Record>> {
        let set = self.sets.entry(record.label_format.clone()).or_insert_with(|| LabelSet {
            labels: record.labels.clone(),
            ids: BTreeSet::new(),
            changed: 0,
        });
        set.changed = number;
        set.ids.insert(record.id.clone());
        self.records.insert(record.id.clone(), record)
    }

    /// Takes a record away, as of change `number`.
    pub(crate) fn take(&mut self, id: &str, number: u64) -> Option<Arc<Record>> {
        let record = self.records.remove(id)?;
        if let Some(set) = self.sets.get_mut(&record.label_format) {
            set.ids.remove(id);
            set.changed = number;
        }
        Some(record)
    }

    /// The records of a topic, in no order.
    pub(crate) fn of_topic(&self, topic: &Topic) -> impl Iterator<Item = &Arc<Record>> {
        let sets = self.sets_of(topic).into_iter();
        sets.flat_map(|set| &set.ids).filter_map(|id| self.records.get(id))
    }

    /// The records whose labels have this form, in no order.
    pub(crate) fn of_format(&self, format: &str) -> impl Iterator<Item = &Arc<Record>> {
        self.sets.get(format).into_iter().flat_map(|set| &set.ids).filter_map(|id| self.records.get(id))
    }

    /// The records whose labels `is_wanted` takes, in no order.
    pub(crate) fn under(&self, is_wanted: impl Fn(&Labels) -> bool) -> impl Iterator<Item = &Arc<Record>> {
        let sets = self.sets.values().filter(move |set| is_wanted(&set.labels));
        sets.flat_map(|set| &set.ids).filter_map(|id| self.records.get(id))
    }

    /// Number of the last change of a topic that is remembered.
    pub(crate) fn changed(&self, topic: &Topic) -> u64 {
        self.sets_of(topic).into_iter().map(|set| set.changed).max().unwrap_or_default()
    }

    /// Number of the last change, that is remembered, under labels that `is_wanted` takes.
    pub(crate) fn changed_under(&self, is_wanted: impl Fn(&Labels) -> bool) -> u64 {
        let sets = self.sets.values().filter(|set| is_wanted(&set.labels));
        sets.map(|set| set.changed).max().unwrap_or_default()
    }

    /// Forgets labels under which nothing stands any more.
    pub(crate) fn sweep(&mut self) {
        self.sets.retain(|_, set| !set.ids.is_empty());
    }

    fn sets_of(&self, topic: &Topic) -> Vec<&LabelSet> {
        match topic {
            Topic::Exactly(labels) => self.sets.get(&labels.format()).into_iter().collect(),
            _ => self.sets.values().filter(|set| topic.admits(&set.labels)).collect(),
        }
    }
}
