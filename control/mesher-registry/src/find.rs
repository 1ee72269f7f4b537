//! Look-ups of instances by the name of their service, and the revision of what they find.
//! It must not scan: names and aliases are indexed, and a result borrows the records it names.

use std::fmt;

use mesher_model::Instance;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::identity::{describe, index_key};
use crate::own::{self, is_shared};
use crate::record::{InstanceRecord, ServiceRecord};
use crate::{Registry, RegistryError, Tenant, validate};

/// Asks for the instances of a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct FindRequest<'a> {
    /// Id of the asking service; empty for nobody. Its environment replaces `environment`.
    pub consumer: &'a str,
    /// Environment of the provider.
    pub environment: &'a str,
    /// Application of the provider; required.
    pub app: &'a str,
    /// Name, alias, or `application:name`.
    pub service: &'a str,
    /// Tags that the provider must carry, with commas between; empty for none.
    pub tags: &'a str,
}

/// Names one result set. It changes with every instance that is added, removed or changed, never with a heartbeat,
/// and is the same for all who see the same set. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultRevision(u64);

impl ResultRevision {
    /// Whether `text` is what a client was given with the same set.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        text.len() == 16 && u64::from_str_radix(text, 16) == Ok(self.0)
    }
}

impl fmt::Display for ResultRevision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl Serialize for ResultRevision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A result set. It serializes as `{"instances":[…]}`, straight from the records.
#[derive(Debug)]
pub struct Found<'a> {
    revision: ResultRevision,
    services: Vec<&'a ServiceRecord>,
}

impl<'a> Found<'a> {
    pub(crate) fn new(epoch: u64, services: Vec<&'a ServiceRecord>) -> Self {
        // A fold keeps the order of the versions in the number; two services cannot cancel each other out.
        let mixed = services
            .iter()
            .fold(mix(epoch), |so_far, record| mix(mix(so_far ^ record.number).wrapping_add(record.changed)));
        Self { revision: ResultRevision(mixed), services }
    }

    /// Its revision.
    #[must_use]
    pub const fn revision(&self) -> ResultRevision {
        self.revision
    }

    /// The instances, of every status.
    pub fn instances(&self) -> impl Iterator<Item = &'a Instance> {
        self.services.iter().flat_map(|record| record.instances().map(InstanceRecord::instance))
    }
}

impl Serialize for Found<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("InstanceList", 1)?;
        answer.serialize_field("instances", &Instances(self))?;
        answer.end()
    }
}

struct Instances<'a>(&'a Found<'a>);

impl Serialize for Instances<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.instances())
    }
}

/// One instance with the revision of a set that holds only it.
#[derive(Debug)]
pub struct FoundInstance<'a> {
    /// Its revision.
    pub revision: ResultRevision,
    /// The instance.
    pub instance: &'a Instance,
}

impl<'a> FoundInstance<'a> {
    pub(crate) fn new(epoch: u64, service: &ServiceRecord, record: &'a InstanceRecord) -> Self {
        let mixed = mix(mix(mix(epoch) ^ service.number).wrapping_add(record.changed));
        Self { revision: ResultRevision(mixed), instance: &record.instance }
    }
}

/// The finalizer of SplitMix64: each bit of the input reaches each bit of the output.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Registry {
    /// Finds the instances of every version of a service.
    ///
    /// Source: Service Center v4, `GET /instances`.
    ///
    /// # Errors
    /// [`RegistryError::ConsumerAbsent`], [`RegistryError::ProviderAbsent`], a field that breaks its rule. A
    /// provider that the consumer may not see is no error: the set is empty.
    pub fn find(&self, tenant: Tenant<'_>, request: FindRequest<'_>) -> Result<Found<'_>, RegistryError> {
        let consumer = self.consumer(tenant, request.consumer)?;
        let environment = consumer.map_or(request.environment, |consumer| &consumer.service.environment);
        let request = FindRequest { environment, ..request };
        validate::find(&request)?;
        let mut versions = self.resolve(tenant, request.environment, request.app, request.service);
        if versions.is_empty() {
            return Err(absent(consumer, &request));
        }
        // A service carries no tags yet, so whoever asks for one finds nothing.
        versions.retain(|record| request.tags.is_empty() && may_see(tenant, consumer, record));
        Ok(Found::new(self.epoch, versions))
    }

    /// The caller, where it names itself.
    pub(crate) fn consumer(
        &self,
        tenant: Tenant<'_>,
        id: &str,
    ) -> Result<Option<&ServiceRecord>, RegistryError> {
        if id.is_empty() {
            return Ok(None);
        }
        let absent = || RegistryError::ConsumerAbsent(id.chars().take(crate::grammar::MAX_SHORT).collect());
        self.record(tenant, id).map(Some).map_err(|_| absent())
    }

    /// Every version of the service that a name stands for: a name, an alias, `application:name`, a shared name.
    pub(crate) fn resolve(
        &self,
        tenant: Tenant<'_>,
        environment: &str,
        app: &str,
        name: &str,
    ) -> Vec<&ServiceRecord> {
        let Some(space) = self.space(tenant) else { return Vec::new() };
        let mut versions = space.named(environment, app, name);
        if versions.is_empty() {
            versions = space.aliased(environment, app, name);
        }
        if versions.is_empty()
            && let Some((app, name)) = name.split_once(':')
        {
            versions = space.named(environment, app, name);
        }
        if versions.is_empty() && is_shared(tenant, app, name) {
            versions = space.named(own::ENVIRONMENT, app, name);
        }
        versions
    }
}

/// Whether `consumer` may see a service. Nobody in particular sees all.
pub(crate) fn may_see(
    tenant: Tenant<'_>,
    consumer: Option<&ServiceRecord>,
    provider: &ServiceRecord,
) -> bool {
    let Some(consumer) = consumer else { return true };
    if is_shared(tenant, &provider.service.app_id, &provider.service.service_name) {
        return true;
    }
    let is_same_app = consumer.service.app_id == provider.service.app_id;
    let is_same_environment = consumer.service.environment == provider.service.environment;
    is_same_environment && (is_same_app || provider.may_cross_apps())
}

/// The refusal in the original's words: `Consumer[id][identity] find provider[key] failed, …`.
fn absent(consumer: Option<&ServiceRecord>, request: &FindRequest<'_>) -> RegistryError {
    let consumer = match consumer {
        Some(record) => format!("{}][{}", record.service.service_id, describe(&record.service)),
        None => "][///".to_owned(),
    };
    let provider = index_key(request.environment, request.app, request.service);
    RegistryError::ProviderAbsent { consumer, provider }
}
