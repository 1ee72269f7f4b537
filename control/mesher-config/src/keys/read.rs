//! Look-ups.
//! It must answer by what stands there now, and must change nothing.

use std::sync::Arc;

use super::domain::Domain;
use super::query::{self, Found, Page, Query};
use super::record::Record;
use super::store::Keys;
use super::topic::Topic;
use crate::Tenant;

impl Keys {
    /// A record by its id.
    #[must_use]
    pub fn record(&self, tenant: Tenant<'_>, id: &str) -> Option<&Arc<Record>> {
        self.project(tenant)?.record(id)
    }

    /// The records of a query among those that `is_seen` lets the caller see.
    #[must_use]
    pub fn find(&self, tenant: Tenant<'_>, query: &Query, is_seen: impl Fn(&Record) -> bool) -> Found {
        let revision = self.revision(tenant.domain());
        let Some(project) = self.project(tenant) else { return Found { revision, ..Found::default() } };
        let wanted = |record: &&Arc<Record>| query.admits(record) && is_seen(record);
        let mut records: Vec<_> = project.of_topic(&query.topic).filter(wanted).cloned().collect();
        query::sort(&mut records);
        Found { revision, total: records.len(), records: query.page.cut(records) }
    }

    /// The records under exactly the labels of these forms, in no order.
    pub fn under<'k, 'f: 'k>(
        &'k self,
        tenant: Tenant<'_>,
        formats: impl IntoIterator<Item = &'f str> + 'k,
    ) -> impl Iterator<Item = &'k Arc<Record>> {
        let project = self.project(tenant);
        formats
            .into_iter()
            .flat_map(move |format| project.into_iter().flat_map(move |project| project.of_format(format)))
    }

    /// A record and its earlier versions, the youngest first.
    #[must_use]
    pub fn history(&self, tenant: Tenant<'_>, id: &str, page: Page) -> Option<Found> {
        let project = self.project(tenant)?;
        let present = project.record(id)?;
        let older = project.older.get(id).into_iter().flat_map(|versions| versions.values().rev());
        let all: Vec<_> = std::iter::once(present).chain(older).cloned().collect();
        let revision = self.revision(tenant.domain());
        Some(Found { revision, total: all.len(), records: page.cut(all) })
    }

    /// Number of a domain's last change; 0 before the first.
    #[must_use]
    pub fn revision(&self, domain: &str) -> u64 {
        self.domains.get(domain).map_or(0, |domain| domain.revision)
    }

    /// How many records a domain has.
    #[must_use]
    pub fn count(&self, domain: &str) -> usize {
        self.domains.get(domain).map_or(0, Domain::count)
    }

    /// How many sets of labels a domain remembers.
    #[cfg(test)]
    pub(crate) fn label_sets(&self, domain: &str) -> usize {
        self.domains.get(domain).map_or(0, Domain::set_count)
    }

    /// How many records there are in all.
    #[must_use]
    pub const fn count_of_all(&self) -> usize {
        self.sizes.records
    }

    /// Whether something of a topic may have changed for a caller who last was told the number `known`. Numbers that
    /// no caller of this server can have been told count as changed.
    #[must_use]
    pub fn has_news(&self, tenant: Tenant<'_>, topic: &Topic, known: i64) -> bool {
        let Ok(known) = u64::try_from(known) else { return true };
        match self.domains.get(tenant.domain()) {
            None => known != 0,
            Some(domain) => known > domain.revision || known < domain.changed(tenant.project(), topic),
        }
    }
}
