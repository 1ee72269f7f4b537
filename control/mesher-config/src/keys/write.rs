//! Every change of a record, with its revision and its history.
//! It must refuse before it changes anything: a refused call leaves no trace.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::draft::{Checked, Draft, Patch};
use super::labels::Labels;
use super::record::{self, Record, Status};
use super::restore::Place;
use super::store::Keys;
use crate::{ConfigError, Tenant};

impl Keys {
    /// Makes a record at the time `now`, given as time since 1970.
    ///
    /// # Errors
    /// [`ConfigError::Field`], [`ConfigError::Exists`], [`ConfigError::QuotaUsedUp`]
    pub fn create(
        &mut self,
        tenant: Tenant<'_>,
        draft: Draft,
        now: Duration,
    ) -> Result<Arc<Record>, ConfigError> {
        let checked = draft.check()?;
        self.make(tenant, checked, now)
    }

    pub(crate) fn make(
        &mut self,
        tenant: Tenant<'_>,
        checked: Checked,
        now: Duration,
    ) -> Result<Arc<Record>, ConfigError> {
        let id = id_of(tenant, &checked.key, &checked.labels);
        if self.record(tenant, &id).is_some() {
            return Err(ConfigError::Exists);
        }
        self.require_room(tenant, 1, checked.value.len())?;
        let Checked { key, labels, value, value_type, status, priority, check } = checked;
        let (revision, seconds) = (self.count_up(tenant.domain()), now.as_secs());
        let record = Arc::new(Record {
            id,
            label_format: labels.format(),
            key,
            labels,
            value,
            value_type,
            // Clients see nothing of a record whose maker did not say that they should. The original's value.
            status: status.unwrap_or(Status::Disabled),
            priority,
            check,
            create_revision: revision,
            update_revision: revision,
            create_time: seconds,
            update_time: seconds,
        });
        self.put(tenant, Arc::clone(&record), revision);
        Ok(record)
    }

    /// Changes a record; what is empty in `patch` stays.
    ///
    /// # Errors
    /// [`ConfigError::Absent`], [`ConfigError::Field`], [`ConfigError::QuotaUsedUp`]
    pub fn update(
        &mut self,
        tenant: Tenant<'_>,
        id: &str,
        patch: Patch,
        now: Duration,
    ) -> Result<Arc<Record>, ConfigError> {
        let before = Arc::clone(self.record(tenant, id).ok_or(ConfigError::Absent)?);
        let status = patch.check()?.unwrap_or(before.status);
        let value = if patch.value.is_empty() { before.value.clone() } else { patch.value };
        self.require_room(tenant, 0, value.len().saturating_sub(before.value.len()))?;
        let revision = self.count_up(tenant.domain());
        let after = Record {
            value,
            status,
            update_revision: revision,
            update_time: now.as_secs(),
            ..Record::clone(&before)
        };
        let after = Arc::new(after);
        self.put(tenant, Arc::clone(&after), revision);
        Ok(after)
    }

    /// Takes a record away, with its history.
    ///
    /// # Errors
    /// [`ConfigError::Absent`]
    pub fn remove(&mut self, tenant: Tenant<'_>, id: &str) -> Result<(), ConfigError> {
        self.remove_many(tenant, &[id])
    }

    /// Takes those records away that are there: one change.
    ///
    /// # Errors
    /// [`ConfigError::NoIds`]; [`ConfigError::Absent`] where none of them is there.
    pub fn remove_many(&mut self, tenant: Tenant<'_>, ids: &[impl AsRef<str>]) -> Result<(), ConfigError> {
        if ids.is_empty() {
            return Err(ConfigError::NoIds);
        }
        let ids: BTreeSet<&str> = ids.iter().map(AsRef::as_ref).collect();
        let known: Vec<_> = ids.into_iter().filter(|id| self.record(tenant, id).is_some()).collect();
        if known.is_empty() {
            return Err(ConfigError::Absent);
        }
        let revision = self.count_up(tenant.domain());
        for id in known {
            self.take(tenant, id, revision);
        }
        Ok(())
    }

    /// Puts a record in its place, and keeps what was there as an earlier version.
    fn put(&mut self, tenant: Tenant<'_>, after: Arc<Record>, revision: u64) {
        let domain = self.domains.entry(tenant.domain().to_owned()).or_default();
        let before = domain.project_mut(tenant.project()).put(Arc::clone(&after), revision);
        self.sizes.bytes += after.value.len();
        self.sizes.records += 1;
        let place = Place::Record { tenant, id: &after.id };
        self.tell(&place, before.as_ref(), Some(&after));
        if let Some(before) = before {
            self.sizes.bytes -= before.value.len();
            self.sizes.records -= 1;
            self.keep_older(tenant, before);
        }
    }

    fn take(&mut self, tenant: Tenant<'_>, id: &str, revision: u64) {
        let domain = self.domains.entry(tenant.domain().to_owned()).or_default();
        let project = domain.project_mut(tenant.project());
        let Some(before) = project.take(id, revision) else { return };
        let older = project.older.remove(id).unwrap_or_default();
        domain.sweep();
        self.sizes.bytes -= before.value.len();
        self.sizes.records -= 1;
        // A large removal is kept in pieces: what is older goes first, so that none of it is left without its record.
        for (revision, record) in older {
            self.sizes.older_bytes -= record.value.len();
            self.tell(&Place::Older { tenant, id, revision }, Some(&record), None);
        }
        self.tell(&Place::Record { tenant, id }, Some(&before), None);
    }

    /// Adds an earlier version, and forgets the oldest ones that there is no room for.
    fn keep_older(&mut self, tenant: Tenant<'_>, record: Arc<Record>) {
        let (id, revision) = (record.id.clone(), record.update_revision);
        self.tell(&Place::Older { tenant, id: &id, revision }, None, Some(&record));
        self.sizes.older_bytes += record.value.len();
        let domain = self.domains.entry(tenant.domain().to_owned()).or_default();
        let versions = domain.project_mut(tenant.project()).older.entry(id.clone()).or_default();
        versions.insert(revision, record);
        let (limits, mut total) = (self.limits, self.sizes.older_bytes);
        let mut bytes: usize = versions.values().map(|old| old.value.len()).sum();
        let mut forgotten = Vec::new();
        while versions.len() > 1
            && (versions.len() > limits.older_of_record
                || bytes > limits.older_bytes_of_record
                || total > limits.older_bytes)
        {
            let Some((revision, oldest)) = versions.pop_first() else { break };
            bytes -= oldest.value.len();
            total -= oldest.value.len();
            forgotten.push((revision, oldest));
        }
        self.sizes.older_bytes = total;
        for (revision, oldest) in forgotten {
            self.tell(&Place::Older { tenant, id: &id, revision }, Some(&oldest), None);
        }
    }
}

pub(crate) fn id_of(tenant: Tenant<'_>, key: &str, labels: &Labels) -> String {
    record::id(tenant, key, &labels.format())
}
