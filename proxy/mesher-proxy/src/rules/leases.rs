//! This proxy's parts of limits that the whole mesh shares: what it wants is told, what it gets is set.
//! It must hold up no call: workers count with the part that is set, whether anybody answers or not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::link::{DEMAND_PAUSE, Demand, LIMIT_WHOLE, LIMITS_AT_ONCE_MAX, LimitKey, Slice};
use mesher_traffic::limit::{Counter, Lease, LimitRule, Meter, Pace, Share};
use tokio::sync::Notify;

use crate::snapshot::Snapshot;
use crate::status::Status;
use crate::worker::Shared;

/// How often it is looked whether there is such a limit, while there is none.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Calls of a shorter time say nothing of a demand.
const COUNT_TIME_MIN: Duration = Duration::from_millis(100);
/// A demand below this part of a limit is none: it is what is left of an older one.
const WANTED_MIN: u64 = LIMIT_WHOLE as u64 / 100_000;

/// The parts, for the link and for whoever keeps them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases {
    state: Rc<RefCell<State>>,
    has_news: Rc<Notify>,
    /// Rules changed.
    has_rules: Rc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    limits: BTreeMap<LimitKey, Held>,
    /// The snapshot that they are of.
    snapshot: u64,
    is_linked: bool,
    /// When the calls were counted last.
    counted_at: Duration,
    /// What is to be told next.
    demands: Vec<Demand>,
}

/// A limit.
#[derive(Debug)]
struct Held {
    /// More than one where callers know the service under several names.
    counters: Vec<Arc<Counter>>,
    pace: Pace,
    /// What the limit allows in a second.
    allowed: f64,
    lease: Lease,
    /// In parts of the limit, smoothed.
    wanted: u64,
    /// Whether the control plane knows that nothing is wanted.
    is_known_idle: bool,
    /// Whether it has answered since the link began.
    is_answered: bool,
}

impl Held {
    fn new(rule: &LimitRule, counter: &Arc<Counter>) -> Option<Self> {
        let Meter::Pace(pace) = rule.meter else { return None };
        Some(Self {
            counters: vec![Arc::clone(counter)],
            pace,
            allowed: f64::from(rule.requests) / rule.interval.as_secs_f64(),
            lease: Lease::default(),
            wanted: 0,
            is_known_idle: false,
            is_answered: false,
        })
    }

    fn shares(&self) -> impl Iterator<Item = &Share> {
        self.counters.iter().filter_map(|counter| match &**counter {
            Counter::Shared(share) => Some(share),
            _ => None,
        })
    }

    /// Whether it counts with the same counters as another one.
    fn is_same(&self, other: &Self) -> bool {
        self.pace == other.pace
            && self.counters.len() == other.counters.len()
            && self.counters.iter().zip(&other.counters).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// Takes note of the calls since the last look, which was so long ago.
    fn count(&mut self, elapsed: Duration) {
        let asked: u64 = self.shares().map(Share::take_asked).sum();
        // A limit allows something, and what was asked of it is far below what a float holds exactly.
        let allowed = self.allowed * elapsed.as_secs_f64();
        let latest = (asked as f64 / allowed * f64::from(LIMIT_WHOLE)) as u64;
        let smooth = self.wanted.midpoint(latest);
        self.wanted = if smooth < WANTED_MIN { 0 } else { smooth };
    }

    /// The part of each counter.
    fn each(&self, now: Duration) -> u32 {
        self.lease.parts(now) / u32::try_from(self.counters.len().max(1)).unwrap_or(u32::MAX)
    }

    fn open(&self, now: Duration) {
        let each = self.each(now);
        self.shares().for_each(|share| share.open(each));
    }

    fn set(&self, now: Duration) {
        let each = self.each(now);
        self.shares().for_each(|share| share.set(&self.pace, now, each));
    }
}

impl State {
    /// Finds the limits of a snapshot. Those that were there before keep what they have.
    fn find(&mut self, snapshot: &Snapshot, now: Duration) {
        if self.snapshot == snapshot.number {
            return;
        }
        self.snapshot = snapshot.number;
        let mut found = BTreeMap::<LimitKey, Held>::new();
        for cluster in snapshot.clusters() {
            let limits = cluster.governance.as_ref().and_then(|governance| governance.guards.limits.as_ref());
            for (entry, counter) in limits.into_iter().flat_map(|limits| limits.all()) {
                let Some(mut key) = entry.item.mesh.clone() else { continue };
                if key.target.is_every() {
                    // Each service has the limit for itself.
                    key.limit = format!("{}/{}", key.limit, cluster.name);
                }
                if let Some(held) = found.get_mut(&key) {
                    held.counters.push(Arc::clone(counter));
                } else if let Some(held) = Held::new(&entry.item, counter) {
                    found.insert(key, held);
                }
            }
        }
        let mut before = std::mem::replace(&mut self.limits, found);
        for (key, held) in &mut self.limits {
            let Some(known) = before.remove(key) else { continue };
            if known.is_same(held) {
                *held = known;
            } else {
                // It allows another number now, of which the same part is this proxy's.
                (held.lease, held.wanted) = (known.lease, known.wanted);
                held.open(now);
            }
        }
    }

    fn tick(&mut self, now: Duration) {
        self.demands.clear();
        let elapsed = now.saturating_sub(std::mem::replace(&mut self.counted_at, now));
        for (key, held) in &mut self.limits {
            held.count(elapsed.max(COUNT_TIME_MIN));
            if !self.is_linked {
                held.lease.lose(now);
            }
            held.set(now);
            let is_news = held.wanted > 0 || !held.is_known_idle || !held.is_answered;
            if self.is_linked && is_news {
                let proxies = held.lease.proxies().unwrap_or(0);
                self.demands.push(Demand { key: key.clone(), wanted: held.wanted, proxies });
            }
        }
    }
}

impl Leases {
    /// Counts and sets, for the life of the proxy.
    pub(crate) async fn keep(self, shared: Arc<Shared>, status: Arc<Status>) {
        loop {
            let has_any = self.look_at(&status.snapshot(), shared.now());
            let pause = if has_any { DEMAND_PAUSE } else { LOOK_PAUSE };
            // What is new is told at once: until then a proxy has little of it.
            let _ = tokio::time::timeout(pause, self.has_rules.notified()).await;
        }
    }

    /// Counts and sets the limits of a snapshot. Answers whether it has any.
    pub(super) fn look_at(&self, snapshot: &Snapshot, now: Duration) -> bool {
        let mut state = self.state.borrow_mut();
        state.find(snapshot, now);
        state.tick(now);
        if !state.demands.is_empty() {
            self.has_news.notify_one();
        }
        !state.limits.is_empty()
    }

    /// Rules changed: there may be other limits.
    pub(super) fn look(&self) {
        self.has_rules.notify_one();
    }

    /// The link has begun, or is gone.
    pub(super) fn link_is(&self, is_linked: bool) {
        let mut state = self.state.borrow_mut();
        state.is_linked = is_linked;
        state.demands.clear();
        state.limits.values_mut().for_each(|held| held.is_answered = false);
    }

    /// What the control plane has to hear, once there is anything.
    pub(super) async fn demands(&self) -> Vec<Demand> {
        loop {
            {
                let mut state = self.state.borrow_mut();
                let rest = state.demands.len().saturating_sub(LIMITS_AT_ONCE_MAX);
                let demands = state.demands.split_off(rest);
                for demand in &demands {
                    if let Some(held) = state.limits.get_mut(&demand.key) {
                        held.is_known_idle = demand.wanted == 0;
                    }
                }
                if !demands.is_empty() {
                    return demands;
                }
            }
            self.has_news.notified().await;
        }
    }

    /// Takes the parts that the control plane gives.
    pub(super) fn take(&self, slices: Vec<Slice>, now: Duration) {
        let mut state = self.state.borrow_mut();
        for slice in slices {
            if let Some(held) = state.limits.get_mut(&slice.key) {
                let is_first = held.lease.proxies().is_none();
                held.lease.tell(slice.parts, slice.proxies);
                held.is_answered = true;
                if is_first {
                    held.open(now);
                }
                held.set(now);
            }
        }
    }
}
