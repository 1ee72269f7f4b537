//! What the registry holds of one service version and of one instance.
//! It must not be changed from outside this crate: indexes and leases hang on it.

use std::collections::BTreeMap;
use std::time::Duration;

use mesher_model::{Instance, Microservice};

use crate::Version;

/// One version of a service, with its instances.
#[derive(Debug)]
pub struct ServiceRecord {
    pub(crate) service: Microservice,
    pub(crate) version: Version,
    /// Unique in the life of the registry, so that a service made anew is another one to a result's revision.
    pub(crate) number: u64,
    /// Revision of the last change to what a look-up sees: the instances, and who may see them.
    pub(crate) changed: u64,
    /// By instance id: a look-up answers in one order each time.
    pub(crate) instances: BTreeMap<Box<str>, InstanceRecord>,
}

impl ServiceRecord {
    /// The service as a client reads it.
    #[must_use]
    pub const fn service(&self) -> &Microservice {
        &self.service
    }

    /// Its version, read once.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its instances, by id.
    pub fn instances(&self) -> impl ExactSizeIterator<Item = &InstanceRecord> {
        self.instances.values()
    }

    /// Whether services of other applications may see it.
    pub(crate) fn may_cross_apps(&self) -> bool {
        self.service.properties.get("allowCrossApp").is_some_and(|value| value == "true")
    }
}

/// One instance under its lease.
#[derive(Debug)]
pub struct InstanceRecord {
    pub(crate) instance: Instance,
    pub(crate) changed: u64,
    /// `None`: the registry's own, which lives as long as the registry does.
    pub(crate) lease: Option<Lease>,
}

/// How long an instance lives without a heartbeat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    /// Unique in the life of the registry; tells two leases apart that end at one time.
    pub(crate) number: u64,
    /// What a heartbeat buys.
    pub(crate) term: Duration,
    /// When it ends, on the monotonic clock.
    pub(crate) ends: Duration,
    /// Under which time it waits in the queue: at or before `ends`, since heartbeats leave the queue alone.
    pub(crate) queued: Duration,
}

impl InstanceRecord {
    /// The instance as a client reads it.
    #[must_use]
    pub const fn instance(&self) -> &Instance {
        &self.instance
    }

    /// When its lease ends on the monotonic clock; `None` for the registry's own.
    #[must_use]
    pub fn lease_ends(&self) -> Option<Duration> {
        self.lease.map(|lease| lease.ends)
    }

    /// Whether it takes calls.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.instance.status == mesher_model::InstanceStatus::Up.as_str()
    }
}
