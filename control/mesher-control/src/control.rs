//! What all requests share: the registry, the proxies, the metrics, behind one door.
//! It must not hold a lock across an await: everything under it is plain computing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_registry::{Moment, Registry};

use crate::access::Gatekeeper;
use crate::audit::Auditor;
use crate::hosts::Hosts;
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::{Clock, ControlError, Settings, journal, own};

/// The state behind the API.
#[derive(Debug)]
pub(crate) struct Control {
    registry: Mutex<Registry>,
    proxies: Mutex<Proxies>,
    pub(crate) metrics: Metrics,
    pub(crate) hosts: Hosts,
    /// Absent where access control is off.
    pub(crate) gatekeeper: Option<Arc<Gatekeeper>>,
    auditor: Arc<Auditor>,
    clock: Clock,
    started: Duration,
}

impl Control {
    pub(crate) fn new(settings: &Settings, address: SocketAddr) -> Result<Self, ControlError> {
        let clock = settings.clock.clone();
        let now = clock.now();
        let mut registry = Registry::new(uuid::Uuid::new_v4().as_u64_pair().0, settings.limits);
        registry.register_own(own::describe(settings, address), now)?;
        registry.take_changes();
        let auditor = Arc::new(Auditor::open(settings.audit_folder.as_deref(), clock.clone())?);
        let open = |access| Gatekeeper::open(access, Vec::new(), clock.clone(), Arc::clone(&auditor));
        let gatekeeper = settings.access.as_ref().map(open).transpose()?.map(Arc::new);
        Ok(Self {
            registry: Mutex::new(registry),
            proxies: Mutex::new(Proxies::default()),
            metrics: Metrics::default(),
            hosts: Hosts::new(&settings.extra_hosts),
            gatekeeper,
            auditor,
            clock,
            started: now.monotonic,
        })
    }

    /// Runs `act` on the registry as it is now: what has run out is gone before, what changed is told after.
    pub(crate) fn with_registry<T>(&self, act: impl FnOnce(&mut Registry, Moment) -> T) -> T {
        let now = self.clock.now();
        let (outcome, changes) = {
            let mut registry = lock(&self.registry);
            registry.expire(now);
            (act(&mut registry, now), registry.take_changes())
        };
        journal::write(&changes, &self.metrics, &self.auditor);
        outcome
    }

    /// Runs `act` on the proxies that were heard of lately.
    pub(crate) fn with_proxies<T>(&self, act: impl FnOnce(&mut Proxies, Moment) -> T) -> T {
        act(&mut lock(&self.proxies), self.clock.now())
    }

    /// How long this control plane has been up.
    pub(crate) fn uptime(&self) -> Duration {
        self.clock.now().monotonic.saturating_sub(self.started)
    }
}

/// A panic costs its connection, not the control plane: the next caller takes the state as it was left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
