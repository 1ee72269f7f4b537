//! Calls that stand for many: look-ups, heartbeats and removals in one request.
//! It must not stop at the first failure: each item has its own outcome, and the call itself succeeds.

use std::collections::HashSet;

use mesher_model::instance::{HeartbeatAnswer, HeartbeatResult};
use mesher_model::microservice::{RemoveServices, RemoveServicesAnswer, RemovedService};
use mesher_model::query::{BatchFind, FindFailed, FindInstance, FindService, InstanceKey};
use serde::ser::{Serialize, Serializer};

use crate::{
    FindRequest, Found, FoundInstance, Moment, ProviderName, Registry, RegistryError, ResultRevision, Tenant,
};

/// The most look-ups in one batch. Each answers with whole result sets, so the request's size alone is no bound.
const MAX_LOOK_UPS: usize = 1_000;

/// Answer to a [`BatchFind`]; it serializes as `mesher_model::query::BatchFindAnswer`, straight from the records.
#[derive(Debug, serde::Serialize)]
pub struct BatchFound<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<Part<'a>>,
    #[serde(skip)]
    unrecorded: Vec<ProviderName>,
}

impl BatchFound<'_> {
    /// As `Found::unrecorded`, of all look-ups of a caller that its header names.
    pub fn take_unrecorded(&mut self) -> Vec<ProviderName> {
        std::mem::take(&mut self.unrecorded)
    }
}

/// What became of one list of look-ups. Indexes are places in that list.
#[derive(Debug, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    updated: Vec<Updated<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_modified: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<FindFailed>,
}

#[derive(Debug, serde::Serialize)]
struct Updated<'a> {
    index: usize,
    rev: ResultRevision,
    instances: Set<'a>,
}

#[derive(Debug)]
enum Set<'a> {
    Found(Found<'a>),
    One(FoundInstance<'a>),
}

impl Serialize for Set<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Found(found) => found.list().serialize(serializer),
            Self::One(instance) => serializer.collect_seq([instance]),
        }
    }
}

impl<'a> Part<'a> {
    fn add(&mut self, index: usize, known: &str, outcome: Result<(ResultRevision, Set<'a>), RegistryError>) {
        match outcome {
            Ok((rev, _)) if rev.is(known) => self.not_modified.push(index),
            Ok((rev, instances)) => self.updated.push(Updated { index, rev, instances }),
            Err(error) => self.fail(index, &error),
        }
    }

    /// Failures of one code stand together, with the detail of the first.
    fn fail(&mut self, index: usize, error: &RegistryError) {
        // The count of look-ups is bounded far below either number's end.
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        match self.failed.iter_mut().find(|group| group.error.is(error.code())) {
            Some(group) => group.indexes.push(index),
            None => self.failed.push(FindFailed { indexes: vec![index], error: error.body() }),
        }
    }
}

impl Registry {
    /// Finds many at once. `header` is the consumer that the request's header names; it wins over the body's.
    ///
    /// Source: Service Center v4, `POST /instances/action?type=query`.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`]: nothing is asked for, or more than a thousand things.
    pub fn batch_find(
        &self,
        tenant: Tenant<'_>,
        header: &str,
        request: &BatchFind,
    ) -> Result<BatchFound<'_>, RegistryError> {
        let count = request.services.len() + request.instances.len();
        if count == 0 {
            return Err(RegistryError::InvalidRequest("Required services or instances"));
        }
        if count > MAX_LOOK_UPS {
            return Err(RegistryError::InvalidRequest(
                "no more than 1000 services and instances in one request",
            ));
        }
        let consumer = if header.is_empty() { &request.consumer_service_id } else { header };
        let mut unrecorded = Vec::new();
        let services = fold(&request.services, |part, index, FindService { service, rev }| {
            let request = FindRequest {
                consumer,
                environment: &service.environment,
                app: &service.app_id,
                service: &service.service_name,
                tags: "",
            };
            let found = self.find(tenant, request).map(|mut found| {
                unrecorded.extend(found.take_unrecorded());
                (found.revision(), Set::Found(found))
            });
            part.add(index, rev, found);
        });
        let instances = fold(&request.instances, |part, index, FindInstance { instance, rev }| {
            let found = self.instance(tenant, &instance.service_id, &instance.instance_id, consumer);
            let found = found.map(|instance| (instance.revision, Set::One(instance)));
            part.add(index, rev, found);
        });
        // The original records no dependency of a caller that only the body names (recorded).
        if header.is_empty() {
            unrecorded.clear();
        }
        Ok(BatchFound { services, instances, unrecorded })
    }

    /// Renews many leases at once; duplicates count once.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`]: the list is empty.
    pub fn heartbeats(
        &mut self,
        tenant: Tenant<'_>,
        keys: Vec<InstanceKey>,
        now: Moment,
    ) -> Result<HeartbeatAnswer, RegistryError> {
        if keys.is_empty() {
            return Err(RegistryError::InvalidRequest("Request format invalid."));
        }
        let mut seen = HashSet::with_capacity(keys.len());
        let first = |key: &InstanceKey| seen.insert((key.service_id.clone(), key.instance_id.clone()));
        let keys: Vec<_> = keys.into_iter().filter(first).collect();
        let beat = |InstanceKey { service_id, instance_id }| {
            let outcome = self.heartbeat(tenant, &service_id, &instance_id, now);
            HeartbeatResult { service_id, instance_id, err_message: message(outcome) }
        };
        Ok(HeartbeatAnswer { instances: keys.into_iter().map(beat).collect() })
    }

    /// Removes many services at once.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`]: the list is empty.
    pub fn remove_services(
        &mut self,
        tenant: Tenant<'_>,
        request: RemoveServices,
        now: Moment,
    ) -> Result<RemoveServicesAnswer, RegistryError> {
        if request.service_ids.is_empty() {
            return Err(RegistryError::InvalidRequest("Required serviceIds"));
        }
        let remove = |service_id: String| {
            let outcome = self.remove_service(tenant, &service_id, request.force, now);
            RemovedService { service_id, err_message: message(outcome) }
        };
        Ok(RemoveServicesAnswer { services: request.service_ids.into_iter().map(remove).collect() })
    }
}

fn fold<'a, T>(items: &[T], mut look_up: impl FnMut(&mut Part<'a>, usize, &T)) -> Option<Part<'a>> {
    let mut part = Part::default();
    for (index, item) in items.iter().enumerate() {
        look_up(&mut part, index, item);
    }
    (!items.is_empty()).then_some(part)
}

/// The line for one outcome of a batch; empty for a good one.
fn message(outcome: Result<(), RegistryError>) -> String {
    match outcome {
        Ok(()) => String::new(),
        Err(error) => format!("{}({error})", error.code().message()),
    }
}
