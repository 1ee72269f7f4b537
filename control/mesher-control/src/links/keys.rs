//! The keys that a proxy wants to hear of: those under exactly the labels that it named.
//! It must hold no key: whoever is to be told looks at what stands there by then.

use mesher_config::{Configuration, Labels, Record, Tenant, Topic};
use mesher_model::DEFAULT;
use mesher_model::key::KeyValue;
use mesher_model::rule::link::{KEY_LABELS_MAX, KeyNews, KeyWish};

use super::hub::LinkError;

/// What one proxy wants.
#[derive(Debug)]
pub(crate) struct Interest {
    project: Box<str>,
    /// The labels, each set in its form.
    formats: Box<[Box<str>]>,
}

impl Interest {
    /// # Errors
    /// [`LinkError::TooManyLabels`]
    pub(super) fn read(wish: KeyWish) -> Result<Self, LinkError> {
        if wish.labels.len() > KEY_LABELS_MAX {
            return Err(LinkError::TooManyLabels);
        }
        // A topic takes no labels that no record can have; of those there is nothing to tell.
        let is_possible = |labels: &Labels| Topic::new(labels.clone(), true).is_ok();
        let labels = wish.labels.into_iter().map(Labels::from_iter).filter(is_possible);
        Ok(Self {
            project: wish.project.into(),
            formats: labels.map(|labels| labels.format().into()).collect(),
        })
    }

    /// Nobody's, where the project has a name that none can have.
    fn tenant(&self) -> Option<Tenant<'_>> {
        Tenant::new(DEFAULT, &self.project).ok()
    }

    /// Whether a change under these labels, in their form, is about a key of it.
    pub(super) fn includes(&self, tenant: Tenant<'_>, format: &str) -> bool {
        self.tenant() == Some(tenant) && self.formats.iter().any(|wanted| **wanted == *format)
    }

    /// What stands there, of that which `is_seen` lets the proxy see.
    pub(super) fn look(&self, configuration: &Configuration, is_seen: impl Fn(&Record) -> bool) -> KeyNews {
        let Some(tenant) = self.tenant() else { return KeyNews::default() };
        let keys = configuration.keys();
        let seen =
            keys.under(tenant, self.formats.iter().map(AsRef::as_ref)).filter(|record| is_seen(record));
        KeyNews {
            revision: signed(keys.revision(tenant.domain())),
            keys: seen.map(|record| value(record)).collect(),
        }
    }
}

fn value(record: &Record) -> KeyValue {
    let labels = record.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    KeyValue {
        key: record.key.clone(),
        value: record.value.clone(),
        value_type: record.value_type.as_str().to_owned(),
        status: Some(record.status.as_str().to_owned()),
        labels: Some(labels.collect()),
        update_time: signed(record.update_time),
        update_revision: signed(record.update_revision),
    }
}

/// kie's numbers have a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
