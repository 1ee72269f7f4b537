//! Look-ups of instances by the name of their service, and the revision of what they find.
//! It must not scan: names and aliases are indexed, and a result borrows the records it names.

use std::fmt;

use mesher_model::{Instance, Microservice};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::identity::{describe, index_key};
use crate::own::{self, is_shared};
use crate::record::{InstanceRecord, ServiceRecord, may_cross_apps};
use crate::{ProviderName, Registry, RegistryError, Tenant, validate};

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
    unrecorded: Option<ProviderName>,
}

impl<'a> Found<'a> {
    pub(crate) fn new(epoch: u64, services: Vec<&'a ServiceRecord>) -> Self {
        // A fold keeps the order of the versions in the number; two services cannot cancel each other out.
        let mixed = services
            .iter()
            .fold(mix(epoch), |so_far, record| mix(mix(so_far ^ record.number).wrapping_add(record.changed)));
        Self { revision: ResultRevision(mixed), services, unrecorded: None }
    }

    /// Its revision.
    #[must_use]
    pub const fn revision(&self) -> ResultRevision {
        self.revision
    }

    /// Whom the caller calls by this look-up, where that is not recorded yet: pass it to [`Registry::depend`]. Once a
    /// caller is known, a look-up only reads.
    pub fn take_unrecorded(&mut self) -> Option<ProviderName> {
        self.unrecorded.take()
    }

    /// How many bytes of JSON to make room for: more than an instance usually has.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        const USUAL_INSTANCE: usize = 512;
        32 + USUAL_INSTANCE * self.services.iter().map(|record| record.instances.len()).sum::<usize>()
    }

    pub(crate) const fn list(&self) -> impl Serialize {
        Instances(self)
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
        let records = self.0.services.iter().flat_map(|record| record.instances());
        serializer.collect_seq(records.map(InstanceRecord::json))
    }
}

/// One instance with the revision of a set that holds only it. It serializes as the instance.
#[derive(Debug)]
pub struct FoundInstance<'a> {
    /// Its revision.
    pub revision: ResultRevision,
    record: &'a InstanceRecord,
}

impl<'a> FoundInstance<'a> {
    pub(crate) fn new(epoch: u64, service: &ServiceRecord, record: &'a InstanceRecord) -> Self {
        let mixed = mix(mix(mix(epoch) ^ service.number).wrapping_add(record.changed));
        Self { revision: ResultRevision(mixed), record }
    }

    /// What a heartbeat buys it; `None` for the registry's own.
    #[must_use]
    pub fn lease_term(&self) -> Option<std::time::Duration> {
        self.record.lease.map(|lease| lease.term)
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> &'a Instance {
        self.record.instance()
    }
}

impl Serialize for FoundInstance<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.record.json().serialize(serializer)
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
        versions.retain(|record| may_see(tenant, consumer, record));
        let unrecorded = consumer.and_then(|consumer| unrecorded(tenant, consumer, versions.first()?));
        versions.retain(|record| record.carries(request.tags));
        Ok(Found { unrecorded, ..Found::new(self.epoch, versions) })
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

/// The name that a look-up adds to those that its caller calls. None for shared services (recorded from the original).
fn unrecorded(
    tenant: Tenant<'_>,
    consumer: &ServiceRecord,
    provider: &ServiceRecord,
) -> Option<ProviderName> {
    let service = &*provider.service;
    let is_known = consumer.calls(service) || is_shared(tenant, &service.app_id, &service.service_name);
    (!is_known).then(|| ProviderName::of(service))
}

/// Whether `consumer` may see a service. Nobody in particular sees all.
pub(crate) fn may_see(
    tenant: Tenant<'_>,
    consumer: Option<&ServiceRecord>,
    provider: &ServiceRecord,
) -> bool {
    consumer.is_none_or(|consumer| is_visible(tenant, &consumer.service, &provider.service))
}

/// Whether one service may see another.
pub(crate) fn is_visible(tenant: Tenant<'_>, consumer: &Microservice, provider: &Microservice) -> bool {
    if is_shared(tenant, &provider.app_id, &provider.service_name) {
        return true;
    }
    let is_same_app = consumer.app_id == provider.app_id;
    consumer.environment == provider.environment && (is_same_app || may_cross_apps(provider))
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
