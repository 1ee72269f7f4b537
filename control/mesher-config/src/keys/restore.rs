//! The way back from a store, and out of what a store did not take.
//! It must not count back: a number that was told stays used, whatever became of its change.

use std::sync::Arc;

use serde_json::Value;

use super::record::{self, Record};
use super::store::Keys;
use crate::Tenant;
use crate::edit::KEYS;

const RECORD: &str = "key";
const OLDER: &str = "history";
const COUNTER: &str = "revision";

/// Where something is kept.
pub(crate) enum Place<'a> {
    /// A record.
    Record { tenant: Tenant<'a>, id: &'a str },
    /// An earlier version of one.
    Older { tenant: Tenant<'a>, id: &'a str, revision: u64 },
    /// The number of a domain's last change.
    Counter { domain: &'a str },
}

/// Whether what is kept under a key follows from another change.
pub(crate) fn is_bookkeeping(key: &str) -> bool {
    let kind = key.strip_prefix(KEYS).and_then(|path| path.split('/').next());
    matches!(kind, Some(OLDER | COUNTER))
}

/// Whose record is kept under a key; `None` for what is no record.
pub(crate) fn tenant_of_record(key: &str) -> Option<Tenant<'_>> {
    match Place::parse(key.strip_prefix(KEYS)?)? {
        Place::Record { tenant, .. } => Some(tenant),
        _ => None,
    }
}

impl Place<'_> {
    pub(crate) fn to_key(&self) -> String {
        match self {
            Self::Record { tenant, id } => {
                format!("{KEYS}{RECORD}/{}/{}/{id}", tenant.domain(), tenant.project())
            }
            // Twenty digits are enough for any number, and keep the keys in their order.
            Self::Older { tenant, id, revision } => {
                format!("{KEYS}{OLDER}/{}/{}/{id}/{revision:020}", tenant.domain(), tenant.project())
            }
            Self::Counter { domain } => format!("{KEYS}{COUNTER}/{domain}"),
        }
    }
}

impl<'a> Place<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let parts: Vec<_> = path.split('/').collect();
        let tenant = |domain: &'a str, project: &'a str| {
            let is_named = !domain.is_empty() && !project.is_empty();
            Tenant::new(domain, project).ok().filter(|_| is_named)
        };
        Some(match parts[..] {
            [RECORD, domain, project, id] => Self::Record { tenant: tenant(domain, project)?, id },
            [OLDER, domain, project, id, revision] => {
                Self::Older { tenant: tenant(domain, project)?, id, revision: revision.parse().ok()? }
            }
            [COUNTER, domain] => Self::Counter { domain: tenant(domain, domain)?.domain() },
            _ => return None,
        })
    }
}

impl Keys {
    /// Takes what was kept under `path`, or takes it away.
    pub(crate) fn restore(&mut self, path: &str, value: Option<Value>) -> Result<(), String> {
        match Place::parse(path).ok_or("no such kind of record")? {
            Place::Counter { domain } => {
                let number = match value {
                    None => 0,
                    Some(value) => value.as_u64().ok_or("it is no number")?,
                };
                let counter = self.domains.entry(domain.to_owned()).or_default();
                counter.revision = counter.revision.max(number);
            }
            Place::Record { tenant, id } => {
                let record = value.map(|value| read(tenant, id, value)).transpose()?;
                self.restore_record(tenant, id, record);
            }
            Place::Older { tenant, id, revision } => {
                let record = value.map(|value| read(tenant, id, value)).transpose()?;
                self.restore_older(tenant, id, revision, record);
            }
        }
        Ok(())
    }

    fn restore_record(&mut self, tenant: Tenant<'_>, id: &str, record: Option<Arc<Record>>) {
        let domain = self.domains.entry(tenant.domain().to_owned()).or_default();
        // Whoever saw what is taken back has to hear that it is gone.
        domain.revision = domain.revision.max(record.as_ref().map_or(0, |record| record.update_revision));
        let number = domain.count_up();
        let project = domain.project_mut(tenant.project());
        let (bytes, count) = record.as_ref().map_or((0, 0), |record| (record.value.len(), 1));
        let before = match record {
            Some(record) => project.put(record, number),
            None => project.take(id, number),
        };
        self.sizes.bytes += bytes;
        self.sizes.records += count;
        if let Some(before) = before {
            self.sizes.bytes -= before.value.len();
            self.sizes.records -= 1;
        }
    }

    fn restore_older(&mut self, tenant: Tenant<'_>, id: &str, revision: u64, record: Option<Arc<Record>>) {
        let domain = self.domains.entry(tenant.domain().to_owned()).or_default();
        let versions = domain.project_mut(tenant.project()).older.entry(id.to_owned()).or_default();
        self.sizes.older_bytes += record.as_ref().map_or(0, |record| record.value.len());
        let before = match record {
            Some(record) => versions.insert(revision, record),
            None => versions.remove(&revision),
        };
        self.sizes.older_bytes -= before.map_or(0, |record| record.value.len());
    }
}

/// Reads a record, which must be the one that its key names.
fn read(tenant: Tenant<'_>, id: &str, value: Value) -> Result<Arc<Record>, String> {
    let mut record: Record = serde_json::from_value(value).map_err(|error| error.to_string())?;
    record.label_format = record.labels.format();
    record.id = record::id(tenant, &record.key, &record.label_format);
    if record.id == id { Ok(Arc::new(record)) } else { Err("its key is that of another record".to_owned()) }
}
