//! The same records through the scopes of config-center: plain keys and values.
//! It must show enabled records only, and each key once in each scope.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::dimension::{Dimension, Step};
use super::draft::{Checked, Patch, check_key, check_value};
use super::query;
use super::record::{Record, Status, ValueType};
use super::store::Keys;
use super::write::id_of;
use crate::{ConfigError, Tenant};

/// The word that has a record used.
const ENABLED: &str = "enabled";

/// What a client sees of one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items {
    /// The scope, as config-center writes it.
    pub name: String,
    /// Keys and values.
    pub values: BTreeMap<String, String>,
    /// Differs after each change of any of them, and never decreases.
    pub revision: u64,
}

impl Keys {
    /// What a client of a scope sees of it, and of all wider ones, the widest first.
    #[must_use]
    pub fn items(
        &self,
        tenant: Tenant<'_>,
        dimension: &Dimension,
        is_seen: impl Fn(&Record) -> bool,
    ) -> Vec<Items> {
        dimension.ladder().iter().map(|step| self.items_of(tenant, step, &is_seen)).collect()
    }

    fn items_of(&self, tenant: Tenant<'_>, step: &Step, is_seen: &impl Fn(&Record) -> bool) -> Items {
        let mut records = Vec::new();
        let mut changed = 0;
        if let Some(project) = self.project(tenant) {
            let under = project.under(|labels| step.holds(labels));
            records = under.filter(|record| record.status == Status::Enabled && is_seen(record)).collect();
            changed = project.changed_under(|labels| step.holds(labels));
        }
        let mut records: Vec<_> = records.into_iter().cloned().collect();
        query::sort(&mut records);
        let mut values = BTreeMap::new();
        for record in records {
            // Of several spellings of the labels, the first of the list counts.
            values.entry(record.key.clone()).or_insert_with(|| record.value.clone());
        }
        let revision = self.domains.get(tenant.domain()).map_or(0, |domain| domain.at_least(changed));
        Items { name: step.name.clone(), values, revision }
    }

    /// Sets keys of a scope, all of them or none.
    ///
    /// # Errors
    /// [`ConfigError::Field`], [`ConfigError::QuotaUsedUp`]
    pub fn put_items(
        &mut self,
        tenant: Tenant<'_>,
        dimension: &Dimension,
        items: BTreeMap<String, String>,
        now: Duration,
    ) -> Result<(), ConfigError> {
        let labels = dimension.labels();
        let (mut records, mut bytes) = (0, 0);
        for (key, value) in &items {
            check_key(key)?;
            check_value(value)?;
            match self.record(tenant, &id_of(tenant, key, &labels)) {
                Some(known) => bytes += value.len().saturating_sub(known.value.len()),
                None => (records, bytes) = (records + 1, bytes + value.len()),
            }
        }
        self.require_room(tenant, records, bytes)?;
        for (key, value) in items {
            let id = id_of(tenant, &key, &labels);
            match self.record(tenant, &id).map(Arc::clone) {
                // A client that says again what stands there changes nothing.
                Some(known) if known.value == value && known.status == Status::Enabled => {}
                Some(known) if value.is_empty() && !known.value.is_empty() => {
                    // A patch cannot empty a value.
                    self.remove(tenant, &id)?;
                    self.make(tenant, item(key, &labels, value), now)?;
                }
                Some(_) => {
                    let patch = Patch { value, status: ENABLED.to_owned() };
                    self.update(tenant, &id, patch, now)?;
                }
                None => {
                    self.make(tenant, item(key, &labels, value), now)?;
                }
            }
        }
        Ok(())
    }

    /// Takes keys of a scope away, whichever spelling of the labels they stand under. Those that are not there are none
    /// of its business.
    pub fn remove_items(&mut self, tenant: Tenant<'_>, dimension: &Dimension, keys: &[String]) {
        let Some(project) = self.project(tenant) else { return };
        let under = project.under(|labels| dimension.own().holds(labels));
        let ids: Vec<_> =
            under.filter(|record| keys.contains(&record.key)).map(|record| record.id.clone()).collect();
        // None at all is as good as all of them.
        let _ = self.remove_many(tenant, &ids);
    }
}

fn item(key: String, labels: &super::labels::Labels, value: String) -> Checked {
    Checked {
        key,
        labels: labels.clone(),
        value,
        value_type: ValueType::Text,
        status: Some(Status::Enabled),
        priority: 0,
        check: String::new(),
    }
}
