//! What is kept of the registry beyond its own life: records under keys, and how each call changed them.
//! It must not write anything anywhere, and heartbeats must not pass here: they change no record.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use mesher_model::{Instance, Microservice};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize, Serializer};

use crate::{ProviderName, Tenant};

/// What a part of a path is written with as it is. Ids of services are free text: a slash in one must not end its part.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b':');

/// Where a service stands: its tenant and its id. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Domain of the tenant.
    pub domain: Arc<str>,
    /// Project of the tenant.
    pub project: Arc<str>,
    /// Id of the service.
    pub service: Arc<str>,
}

impl Place {
    pub(crate) fn new(tenant: Tenant<'_>, service: &str) -> Self {
        Self { domain: tenant.domain().into(), project: tenant.project().into(), service: service.into() }
    }

    pub(crate) fn tenant(&self) -> Tenant<'_> {
        Tenant::of_record(&self.domain, &self.project)
    }
}

/// Names one record. Ordered so that services come before all that hangs on one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A version of a service, with its properties.
    Service(Place),
    /// The tags of a service.
    Tags(Place),
    /// The services that a service calls.
    Dependencies(Place),
    /// The text of one contract of a service, by its id.
    Schema(Place, Arc<str>),
    /// An instance of a service, by its id.
    Instance(Place, Arc<str>),
}

impl Key {
    /// The service that the record belongs to.
    #[must_use]
    pub const fn place(&self) -> &Place {
        match self {
            Self::Service(place)
            | Self::Tags(place)
            | Self::Dependencies(place)
            | Self::Schema(place, _)
            | Self::Instance(place, _) => place,
        }
    }

    /// The key as text: `KIND/DOMAIN/PROJECT/SERVICE`, and for some kinds one more part. Everything in a part but
    /// letters, digits and `-_.:` is percent-encoded, so that a prefix up to a slash holds whole parts.
    #[must_use]
    pub fn to_path(&self) -> String {
        let (kind, last) = match self {
            Self::Service(_) => ("services", None),
            Self::Tags(_) => ("tags", None),
            Self::Dependencies(_) => ("dependencies", None),
            Self::Schema(_, id) => ("schemas", Some(id)),
            Self::Instance(_, id) => ("instances", Some(id)),
        };
        let Place { domain, project, service } = self.place();
        let mut path = String::from(kind);
        for part in [domain, project, service].into_iter().chain(last) {
            path.push('/');
            path.extend(utf8_percent_encode(part, ESCAPED));
        }
        path
    }

    /// Reads what [`Self::to_path`] wrote; `None` for any other text.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let kind = parts.next()?;
        let mut part = || {
            let text: Cow<'_, str> = percent_decode_str(parts.next()?).decode_utf8().ok()?;
            (!text.is_empty()).then(|| Arc::from(&*text))
        };
        let place = Place { domain: part()?, project: part()?, service: part()? };
        let key = match kind {
            "services" => Self::Service(place),
            "tags" => Self::Tags(place),
            "dependencies" => Self::Dependencies(place),
            "schemas" => Self::Schema(place, part()?),
            "instances" => Self::Instance(place, part()?),
            _ => return None,
        };
        parts.next().is_none().then_some(key)
    }
}

/// The text of a contract and what its client calls its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaContent {
    /// The contract.
    pub schema: Box<str>,
    /// Chosen by the client, never checked; empty for none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub summary: Box<str>,
}

/// What stands under a [`Key`]. Cheap to clone: the record itself is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Of [`Key::Service`].
    Service(Arc<Microservice>),
    /// Of [`Key::Tags`].
    Tags(Arc<BTreeMap<String, String>>),
    /// Of [`Key::Dependencies`], ordered.
    Dependencies(Arc<Vec<ProviderName>>),
    /// Of [`Key::Schema`].
    Schema(Arc<SchemaContent>),
    /// Of [`Key::Instance`].
    Instance(Arc<Instance>),
}

impl Stored {
    /// The record as JSON, for a store.
    ///
    /// # Errors
    /// None of the records can fail to serialize; the type says so only because serde's does.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads what [`Self::to_json`] wrote of the record under `key`.
    ///
    /// # Errors
    /// It is no JSON, or JSON of another kind of record.
    pub fn parse(key: &Key, json: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(match key {
            Key::Service(_) => Self::Service(serde_json::from_slice(json).map(Arc::new)?),
            Key::Tags(_) => Self::Tags(serde_json::from_slice(json).map(Arc::new)?),
            Key::Dependencies(_) => Self::Dependencies(serde_json::from_slice(json).map(Arc::new)?),
            Key::Schema(..) => Self::Schema(serde_json::from_slice(json).map(Arc::new)?),
            Key::Instance(..) => Self::Instance(serde_json::from_slice(json).map(Arc::new)?),
        })
    }
}

impl Serialize for Stored {
    /// As the record itself: what it is, its key says.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Service(record) => record.as_ref().serialize(serializer),
            Self::Tags(record) => record.as_ref().serialize(serializer),
            Self::Dependencies(record) => record.as_ref().serialize(serializer),
            Self::Schema(record) => record.as_ref().serialize(serializer),
            Self::Instance(record) => record.as_ref().serialize(serializer),
        }
    }
}

/// One record that changed. Applying all `after`s in order to a copy of the registry keeps the copy equal; restoring
/// the `before`s in reverse order takes the changes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Which record.
    pub key: Key,
    /// What stood there; `None` for nothing.
    pub before: Option<Stored>,
    /// What stands there now; `None` for nothing.
    pub after: Option<Stored>,
}
