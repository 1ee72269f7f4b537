//! The keys of all tenants, their sizes and limits.
//! It must tell of every lasting change as an edit.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::domain::Domain;
use super::project::Project;
use super::record::Record;
use super::restore::Place;
use crate::edit::Edit;
use crate::{ConfigError, Tenant};

/// How much there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Records of one project. The original's value.
    pub records_of_project: usize,
    /// Records in all.
    pub records: usize,
    /// Bytes of all values.
    pub bytes: usize,
    /// Bytes of the values of earlier versions, beyond which a record that changes keeps one of them.
    pub older_bytes: usize,
    /// Earlier versions of one record; with the present one that makes the original's 100.
    pub older_of_record: usize,
    /// Bytes of the values of earlier versions of one record, unless one is larger.
    pub older_bytes_of_record: usize,
    /// Domains with a counter.
    pub domains: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records_of_project: 10_000,
            records: 100_000,
            bytes: 256 << 20,
            older_bytes: 128 << 20,
            older_of_record: 99,
            older_bytes_of_record: 512 << 10,
            domains: 1_000,
        }
    }
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) older_bytes: usize,
}

/// Keys and values under labels, of all tenants.
#[derive(Debug, Default)]
pub struct Keys {
    pub(crate) limits: Limits,
    pub(crate) domains: HashMap<String, Domain>,
    pub(crate) sizes: Sizes,
    edits: Vec<Edit>,
}

impl Keys {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) fn begin_life(&mut self) {
        self.domains.values_mut().for_each(Domain::begin_life);
        let older = |project: &Project| -> usize {
            project.older.values().flat_map(|versions| versions.values()).map(|old| old.value.len()).sum()
        };
        self.sizes.older_bytes = self.domains.values().flat_map(Domain::projects).map(older).sum();
    }

    pub(crate) fn take_edits(&mut self) -> Vec<Edit> {
        std::mem::take(&mut self.edits)
    }

    pub(crate) fn project(&self, tenant: Tenant<'_>) -> Option<&Project> {
        self.domains.get(tenant.domain())?.project(tenant.project())
    }

    /// Refuses what there is no room for, before anything is changed.
    pub(crate) fn require_room(
        &self,
        tenant: Tenant<'_>,
        records: usize,
        bytes: usize,
    ) -> Result<(), ConfigError> {
        let limits = self.limits;
        let used_up = |kind, limit| Err(ConfigError::QuotaUsedUp { kind, limit });
        let of_project = self.project(tenant).map_or(0, Project::count);
        if records > 0 && of_project + records > limits.records_of_project {
            return used_up("keys in a project", limits.records_of_project);
        }
        if records > 0 && self.sizes.records + records > limits.records {
            return used_up("keys in all", limits.records);
        }
        if bytes > 0 && self.sizes.bytes + bytes > limits.bytes {
            return used_up("bytes of values in all", limits.bytes);
        }
        if !self.domains.contains_key(tenant.domain()) && self.domains.len() >= limits.domains {
            return used_up("domains", limits.domains);
        }
        Ok(())
    }

    /// Counts a change of a domain.
    pub(crate) fn count_up(&mut self, domain: &str) -> u64 {
        let counter = self.domains.entry(domain.to_owned()).or_default();
        let before = (counter.revision > 0).then(|| json!(counter.revision));
        let number = counter.count_up();
        let key = Place::Counter { domain }.to_key();
        self.edits.push(Edit { key, before, after: Some(json!(number)) });
        number
    }

    pub(crate) fn tell(
        &mut self,
        place: &Place<'_>,
        before: Option<&Arc<Record>>,
        after: Option<&Arc<Record>>,
    ) {
        let value = |record: &Arc<Record>| -> Value {
            serde_json::to_value(&**record).expect("records are texts and numbers")
        };
        self.edits.push(Edit { key: place.to_key(), before: before.map(value), after: after.map(value) });
    }
}
