//! What all requests share: the registry, the proxies, the metrics, behind one door.
//! It must not hold a lock across an await: everything under it is plain computing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_config::Configuration;
use mesher_registry::{Moment, Registry};
use serde_json::Value;

use crate::access::Gatekeeper;
use crate::audit::{Auditor, Origin};
use crate::configuration::Cabinet;
use crate::hosts::Hosts;
use crate::keep::{Cause, Edit, Keep, NotKept, Receipt};
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::watch::Watchers;
use crate::{Clock, ControlError, Settings, journal, own};

/// How long no lease ends after a change could not be kept: its end could not be, either.
const EXPIRY_REST: Duration = Duration::from_secs(5);

/// The state behind the API.
#[derive(Debug)]
pub(crate) struct Control {
    state: Mutex<State>,
    /// `None`: all is forgotten with the process.
    keep: Option<Arc<Keep>>,
    pub(crate) cabinet: Cabinet,
    proxies: Mutex<Proxies>,
    pub(crate) metrics: Metrics,
    pub(crate) hosts: Hosts,
    pub(crate) watchers: Watchers,
    /// Absent where access control is off.
    pub(crate) gatekeeper: Option<Arc<Gatekeeper>>,
    auditor: Arc<Auditor>,
    clock: Clock,
    started: Duration,
}

#[derive(Debug)]
struct State {
    registry: Registry,
    /// No lease ends before this.
    expiry_rests_until: Duration,
}

/// What a control plane begins with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) registry: Registry,
    /// The records of access control.
    pub(crate) access: Vec<(String, Value)>,
    pub(crate) configuration: Configuration,
    /// `None`: all is forgotten with the process.
    pub(crate) keep: Option<Arc<Keep>>,
}

impl Control {
    pub(crate) fn new(
        settings: &Settings,
        address: SocketAddr,
        beginning: Beginning,
    ) -> Result<Self, ControlError> {
        let Beginning { mut registry, access, configuration, keep } = beginning;
        let clock = settings.clock.clone();
        let now = clock.now();
        registry.register_own(own::describe(settings, address), now)?;
        registry.take_changes();
        let auditor = Arc::new(Auditor::open(settings.data_directory.as_deref(), clock.clone())?);
        let open = |settings| {
            Gatekeeper::open(settings, access, clock.clone(), (Arc::clone(&auditor), keep.clone()))
        };
        let gatekeeper = settings.access.as_ref().map(open).transpose()?.map(Arc::new);
        let cabinet = Cabinet::new(configuration, clock.clone(), Arc::clone(&auditor), keep.clone());
        Ok(Self {
            state: Mutex::new(State { registry, expiry_rests_until: Duration::ZERO }),
            keep,
            cabinet,
            proxies: Mutex::new(Proxies::default()),
            metrics: Metrics::default(),
            hosts: Hosts::new(&settings.extra_hosts),
            watchers: Watchers::default(),
            gatekeeper,
            auditor,
            clock,
            started: now.monotonic,
        })
    }

    /// Runs `act` on the registry as it is now, and waits until what it changed is kept.
    pub(crate) async fn with_registry<T>(
        &self,
        act: impl FnOnce(&mut Registry, Moment) -> T,
    ) -> Result<T, NotKept> {
        let (outcome, receipt) = {
            let (mut state, now) = self.now();
            let outcome = act(&mut state.registry, now);
            let receipt =
                if state.registry.has_news() { self.hand_over(state, now, Origin::current()) } else { None };
            (outcome, receipt)
        };
        Receipt::settle(receipt).await.map(|()| outcome)
    }

    /// Runs `act`, which changes leases and no record.
    pub(crate) fn renew<T>(&self, act: impl FnOnce(&mut Registry, Moment) -> T) -> T {
        let (mut state, now) = self.now();
        act(&mut state.registry, now)
    }

    /// Looks at the registry as it is now.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&Registry, Moment) -> T) -> T {
        let (state, now) = self.now();
        act(&state.registry, now)
    }

    /// Runs `act` on the configuration at this time, which is given as time since the Unix epoch, and waits until what it
    /// changed is kept.
    pub(crate) async fn with_config<T>(
        &self,
        act: impl FnOnce(&mut Configuration, Duration) -> T,
    ) -> Result<T, NotKept> {
        self.cabinet.change(act).await
    }

    /// Looks at the configuration as it is now.
    pub(crate) fn look_at_config<T>(&self, act: impl FnOnce(&Configuration) -> T) -> T {
        self.cabinet.look(act)
    }

    /// Takes out what has run out.
    pub(crate) fn tick(&self) {
        drop(self.now());
    }

    /// The registry without what has run out. Nobody waits until that is kept: where it cannot be, it is taken back and
    /// runs out again.
    fn now(&self) -> (MutexGuard<'_, State>, Moment) {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        if now.monotonic < state.expiry_rests_until {
            return (state, now);
        }
        state.registry.expire(now);
        self.metrics.expiry_paused(state.registry.is_expiry_paused(now));
        if !state.registry.has_news() {
            return (state, now);
        }
        drop(self.hand_over(state, now, Origin::own()));
        (lock(&self.state), now)
    }

    /// Hands over what has changed since the last time. Without a store it is told at once, with one once it is kept.
    fn hand_over(&self, mut state: MutexGuard<'_, State>, now: Moment, origin: Origin) -> Option<Receipt> {
        let (changes, edits) = (state.registry.take_changes(), state.registry.take_edits());
        let edits: Vec<_> = edits.into_iter().map(Edit::Registry).collect();
        let cause = Cause { changes, origin };
        let Some(keep) = &self.keep else {
            self.tell(state, &edits, &cause);
            return None;
        };
        Some(keep.submit(edits, cause).unwrap_or_else(|edits| {
            restore(&mut state.registry, edits, now);
            Receipt::refused()
        }))
    }

    /// Tells of edits that are kept.
    pub(crate) fn publish(&self, edits: &[Edit], cause: &Cause) {
        self.cabinet.publish(edits);
        self.tell(lock(&self.state), edits, cause);
    }

    /// Watchers hear of changes in their order, so under the lock; log and audit need not hold it.
    fn tell(&self, state: MutexGuard<'_, State>, edits: &[Edit], cause: &Cause) {
        let Cause { changes, origin } = cause;
        self.watchers.publish(&state.registry, changes);
        drop(state);
        journal::write(changes, &self.metrics);
        self.auditor.tell(edits, origin);
    }

    /// Takes back edits, oldest first, that the store does not have. Nothing may be handed over meanwhile.
    pub(crate) fn take_back(&self, edits: Vec<Edit>) {
        let now = self.clock.now();
        let (registry, others): (Vec<_>, Vec<_>) =
            edits.into_iter().partition(|edit| matches!(edit, Edit::Registry(_)));
        let (access, config): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|edit| matches!(edit, Edit::Access(_)));
        {
            let mut state = lock(&self.state);
            restore(&mut state.registry, registry, now);
            state.expiry_rests_until = now.monotonic.saturating_add(EXPIRY_REST);
        }
        if let Some(gatekeeper) = &self.gatekeeper {
            gatekeeper.take_back(access);
        }
        self.cabinet.take_back(config);
        self.metrics.not_kept();
    }

    /// The way into the store, where there is one.
    pub(crate) fn keep(&self) -> Option<&Keep> {
        self.keep.as_deref()
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

/// Takes edits back, the newest first.
fn restore(registry: &mut Registry, edits: Vec<Edit>, now: Moment) {
    for edit in edits.into_iter().rev() {
        if let Edit::Registry(edit) = edit {
            registry.restore(&edit.key, edit.before, now);
        }
    }
}

/// A panic costs its connection, not the control plane: the next caller takes the state as it was left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
