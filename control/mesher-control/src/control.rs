//! What all requests share: the registry, the proxies, the metrics, behind one door.
//! It must not hold a lock across an await: everything under it is plain computing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderValue;
use mesher_access::{AccessError, Caller};
use mesher_config::Configuration;
use mesher_registry::{Moment, Registry};
use mesher_rules::Book;
use serde_json::Value;

use crate::access::Gatekeeper;
use crate::audit::{Auditor, Origin};
use crate::cabinet::Cabinet;
use crate::configuration::{Polls, Waiters};
use crate::hosts::Hosts;
use crate::keep::{Cause, Edit, Keep, NotKept, Receipt};
use crate::links::Links;
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
    config: Cabinet<Configuration>,
    rules: Cabinet<Book>,
    told: Told,
    /// Polls of those who name a session.
    pub(crate) polls: Polls,
    proxies: Mutex<Proxies>,
    pub(crate) metrics: Metrics,
    pub(crate) hosts: Hosts,
    pub(crate) watchers: Watchers,
    /// Absent where access control is off.
    pub(crate) gatekeeper: Option<Arc<Gatekeeper>>,
    /// Names this control plane's data to its clients.
    pub(crate) cluster: HeaderValue,
    clock: Clock,
    started: Duration,
}

/// Who is told of every change that is kept, whatever it is of.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    auditor: Arc<Auditor>,
    links: Arc<Links>,
    waiters: Arc<Waiters>,
}

impl Told {
    /// Wakes those who wait for a change of keys, also where one is taken back: whoever saw it hears that it is gone.
    pub(crate) fn wake(&self, edits: &[Edit]) {
        for edit in edits {
            if let Edit::Config(edit) = edit {
                self.waiters.wake(edit);
                self.links.keys_changed(edit);
            }
        }
    }

    pub(crate) fn tell(&self, edits: &[Edit], cause: &Cause) {
        self.links.publish(&cause.rules);
        self.wake(edits);
        self.auditor.tell(edits, &cause.origin);
    }
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
    pub(crate) rules: Book,
    /// Names the history that revisions of rules belong to.
    pub(crate) epoch: String,
    /// `None`: all is forgotten with the process.
    pub(crate) keep: Option<Arc<Keep>>,
}

impl Control {
    pub(crate) fn new(
        settings: &Settings,
        address: SocketAddr,
        beginning: Beginning,
    ) -> Result<Self, ControlError> {
        let Beginning { mut registry, access, configuration, rules, epoch, keep } = beginning;
        let clock = settings.clock.clone();
        let now = clock.now();
        registry.register_own(own::describe(settings, address), now)?;
        registry.take_changes();
        let auditor = Arc::new(Auditor::open(settings.data_directory.as_deref(), clock.clone())?);
        let open = |settings| {
            Gatekeeper::open(settings, access, clock.clone(), (Arc::clone(&auditor), keep.clone()))
        };
        let gatekeeper = settings.access.as_ref().map(open).transpose()?.map(Arc::new);
        let cluster = HeaderValue::from_str(&epoch).expect("an epoch is written in letters and digits");
        let links = Arc::new(Links::new(epoch, &rules, clock.clone()));
        let told = Told { auditor, links, waiters: Arc::default() };
        Ok(Self {
            state: Mutex::new(State { registry, expiry_rests_until: Duration::ZERO }),
            config: Cabinet::new(configuration, clock.clone(), told.clone(), keep.clone()),
            rules: Cabinet::new(rules, clock.clone(), told.clone(), keep.clone()),
            told,
            polls: Polls::default(),
            proxies: Mutex::new(Proxies::default()),
            metrics: Metrics::default(),
            hosts: Hosts::new(&settings.extra_hosts),
            watchers: Watchers::default(),
            gatekeeper,
            keep,
            cluster,
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
        self.config.change(act).await
    }

    /// Looks at the configuration as it is now.
    pub(crate) fn look_at_config<T>(&self, act: impl FnOnce(&Configuration) -> T) -> T {
        self.config.look(act)
    }

    /// Runs `act` on the rules at this time, which is given as time since the Unix epoch, and waits until what it changed
    /// is kept.
    pub(crate) async fn with_rules<T>(
        &self,
        act: impl FnOnce(&mut Book, Duration) -> T,
    ) -> Result<T, NotKept> {
        self.rules.change(act).await
    }

    /// Looks at the rules as they are now.
    pub(crate) fn look_at_rules<T>(&self, act: impl FnOnce(&Book) -> T) -> T {
        self.rules.look(act)
    }

    /// Those who wait for a change of keys.
    pub(crate) fn waiters(&self) -> &Waiters {
        &self.told.waiters
    }

    /// The links to proxies.
    pub(crate) fn links(&self) -> &Arc<Links> {
        &self.told.links
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
        let cause = Cause { changes, rules: Vec::new(), origin };
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
        self.tell(lock(&self.state), edits, cause);
    }

    /// Watchers hear of changes in their order, so under the lock; log and audit need not hold it.
    fn tell(&self, state: MutexGuard<'_, State>, edits: &[Edit], cause: &Cause) {
        let Cause { changes, .. } = cause;
        self.watchers.publish(&state.registry, changes);
        drop(state);
        self.links().instances_changed(changes);
        journal::write(changes, &self.metrics);
        self.told.tell(edits, cause);
    }

    /// Takes back edits, oldest first, that the store does not have. Nothing may be handed over meanwhile.
    pub(crate) fn take_back(&self, edits: Vec<Edit>) {
        let now = self.clock.now();
        let [mut registry, mut access, mut config, mut rules] = [const { Vec::new() }; 4];
        for edit in edits {
            let of_part = match &edit {
                Edit::Registry(_) => &mut registry,
                Edit::Access(_) => &mut access,
                Edit::Config(_) => &mut config,
                Edit::Rules(_) => &mut rules,
            };
            of_part.push(edit);
        }
        {
            let mut state = lock(&self.state);
            restore(&mut state.registry, registry, now);
            state.expiry_rests_until = now.monotonic.saturating_add(EXPIRY_REST);
        }
        if let Some(gatekeeper) = &self.gatekeeper {
            gatekeeper.take_back(access);
        }
        self.config.take_back(config);
        self.rules.take_back(rules);
        self.metrics.not_kept();
    }

    /// Whether a caller's token still counts: for what lasts longer than a request.
    pub(crate) fn is_admitted(&self, caller: Option<&Caller>) -> bool {
        self.check(caller).is_ok()
    }

    /// As [`Self::is_admitted`], with the reason.
    pub(crate) fn check(&self, caller: Option<&Caller>) -> Result<(), AccessError> {
        let guarded = self.gatekeeper.as_ref().zip(caller);
        guarded
            .map_or(Ok(()), |(gatekeeper, caller)| gatekeeper.with(|access, now| access.check(caller, now)))
    }

    /// The time now.
    pub(crate) fn now_moment(&self) -> Moment {
        self.clock.now()
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
