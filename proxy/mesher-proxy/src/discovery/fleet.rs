//! The control thread's picture of the fleet: known names, kept fresh, published as snapshots.
//! It must never let an answer empty a set that still works.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashSet;
use mesher_model::query::ServiceKey;
use mesher_model::rule::Target;
use tokio::sync::{mpsc, oneshot};

use crate::discovery::doubt::Doubt;
use crate::discovery::endpoints::EndpointIds;
use crate::discovery::feed::Feed;
use crate::discovery::known::Known;
use crate::discovery::look_up::{self, Found, Lookup, LookupFailure};
use crate::discovery::names::candidates;
use crate::discovery::source::{Answers, Source};
use crate::handover::Question;
use crate::memory::{Burst, Relief};
use crate::rules::{Desk, Order};
use crate::snapshot::{Cluster, ClusterKind, Endpoint, EndpointId, Origin, SharedSnapshot, Snapshot};
use crate::status::Status;

/// How often what is known for a time only is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a stored snapshot waits for the registry's word before it is served with.
pub(crate) const HOLD_TIME_MAX: Duration = Duration::from_millis(200);
/// How long a new rule waits for what it asks of instances and nobody asked before.
const LABELS_TIME_MAX: Duration = Duration::from_millis(500);
/// Service names that are kept.
const NAMES_MAX: usize = 10_000;
/// Outside hosts that are kept.
const OUTSIDE_MAX: usize = 4_096;
/// How long an outside host's address is used before it is looked up again.
const OUTSIDE_TIME_MAX: Duration = Duration::from_secs(60);
/// The same, where the registry could not say that the name is no service's.
const UNCERTAIN_TIME_MAX: Duration = Duration::from_secs(3);
/// How long a miss is remembered.
const MISS_TIME_MAX: Duration = Duration::from_secs(3);
/// Misses that are remembered.
const MISSES_MAX: usize = 4_096;

/// What a look-up or a refresh brought.
#[derive(Debug)]
pub(super) enum News {
    Found { name: (Box<str>, u16), result: Found },
    Refreshed { feed: usize, hosts: Vec<Box<str>>, answers: Answers },
    Probed { host: Box<str>, feed: usize, dead: HashSet<EndpointId> },
}

/// A call that waits for a look-up.
type Waiting = oneshot::Sender<Result<(), LookupFailure>>;

#[derive(Debug)]
pub(super) struct KnownService {
    pub(super) key: ServiceKey,
    pub(super) cluster: Arc<Cluster>,
    /// What each source said last, in the order of the feeds.
    pub(super) held: Vec<Held>,
}

/// What one source said of a service. Its endpoints are those of the cluster with its origin.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    /// Whether it knows the service.
    pub(super) is_known: bool,
    /// Empty: whatever it says next is news.
    pub(super) revision: String,
    /// Why some of its endpoints are kept although it does not name them.
    pub(super) doubt: Option<Doubt>,
}

#[derive(Debug)]
pub(super) struct KnownOutside {
    pub(super) cluster: Arc<Cluster>,
    pub(super) expires_at: Instant,
}

/// Looks names up, keeps them fresh, publishes.
pub(crate) struct Fleet {
    pub(super) feeds: Vec<Feed>,
    pub(super) status: Arc<Status>,
    snapshot: Arc<SharedSnapshot>,
    local: Option<Arc<Cluster>>,
    pub(super) services: BTreeMap<Box<str>, KnownService>,
    pub(super) outside: BTreeMap<(Box<str>, u16), KnownOutside>,
    pub(super) misses: BTreeMap<(Box<str>, u16), (Instant, LookupFailure)>,
    waiting: BTreeMap<(Box<str>, u16), Vec<Waiting>>,
    /// What those who wait will be told, once the snapshot that it rests on is published.
    answers: Vec<(Waiting, Result<(), LookupFailure>)>,
    pub(super) has_changed: bool,
    pub(super) rules: Desk,
    /// Wishes for a snapshot with new rules, and those that the next one fills.
    orders: mpsc::UnboundedReceiver<Order>,
    filled: Vec<Order>,
    /// Until when what is known of services is held back.
    held_until: Option<tokio::time::Instant>,
    /// Until when rules wait for properties of instances; what held before holds meanwhile.
    labels_until: Option<tokio::time::Instant>,
    /// Learning many names leaves much behind that is needed no more.
    learning: Burst,
    pub(super) ids: EndpointIds,
    pub(super) news: (mpsc::UnboundedSender<News>, mpsc::UnboundedReceiver<News>),
    pub(super) app: String,
    environment: String,
}

impl Fleet {
    pub(crate) fn new(
        sources: Vec<Rc<dyn Source>>,
        status: Arc<Status>,
        (snapshot, relief): (Arc<SharedSnapshot>, Relief),
        (rules, orders): (Desk, mpsc::UnboundedReceiver<Order>),
    ) -> Self {
        let bootstrap = &status.bootstrap;
        Self {
            app: bootstrap.identity.app.clone(),
            environment: bootstrap.identity.environment.clone(),
            feeds: sources.into_iter().map(Feed::new).collect(),
            status,
            snapshot,
            local: None,
            services: BTreeMap::new(),
            outside: BTreeMap::new(),
            misses: BTreeMap::new(),
            waiting: BTreeMap::new(),
            answers: Vec::new(),
            has_changed: false,
            rules,
            orders,
            filled: Vec::new(),
            held_until: None,
            labels_until: None,
            learning: Burst::new(relief),
            ids: EndpointIds::default(),
            news: mpsc::unbounded_channel(),
        }
    }

    /// Runs for the life of the proxy.
    pub(crate) async fn run(
        mut self,
        mut lookups: mpsc::Receiver<Lookup>,
        mut local: mpsc::Receiver<Vec<Endpoint>>,
        mut questions: mpsc::Receiver<Question>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        let status = Arc::clone(&self.status);
        loop {
            let next_look = self.next_look();
            tokio::select! {
                Some(endpoints) = local.recv() => self.set_local(endpoints),
                // Whoever asks meanwhile waits for what is held back.
                Some(lookup) = lookups.recv(), if self.held_until.is_none() => self.look_up(lookup),
                () = passed(self.held_until) => self.release(),
                () = passed(self.labels_until) => self.has_changed = true,
                () = status.bell.rung() => self.hurry(),
                Some(news) = self.news.1.recv() => self.take_all(news),
                Some(question) = questions.recv() => {
                    // Whoever asked may have gone away.
                    let _ = question.send(Known::of(&self));
                }
                Some(order) = self.orders.recv() => {
                    self.filled.push(order);
                    self.has_changed = true;
                }
                _ = tick.tick() => self.expire(),
                () = tokio::time::sleep_until(next_look) => self.look(),
                else => return,
            }
            self.settle();
        }
    }

    /// Something changed in the registry, which is asked within a moment.
    fn hurry(&mut self) {
        let of_registry = |feed: &&mut Feed| feed.source.origin() == Origin::Registry;
        self.feeds.iter_mut().filter(of_registry).for_each(Feed::hurry);
    }

    /// Holds back what is known of services, for a moment at most.
    pub(super) fn hold(&mut self) {
        let now = tokio::time::Instant::now();
        self.held_until = Some(now + HOLD_TIME_MAX);
        for feed in &mut self.feeds {
            feed.next_at = now;
        }
    }

    /// Lets callers see what was held back.
    fn release(&mut self) {
        self.has_changed |= self.held_until.take().is_some();
    }

    /// Takes all news that wait, so that many names that are learned at once cost one snapshot.
    fn take_all(&mut self, first: News) {
        self.take(first);
        while let Ok(news) = self.news.1.try_recv() {
            self.take(news);
        }
    }

    /// Publishes what has changed, and only then answers those who wait for it.
    fn settle(&mut self) {
        if std::mem::take(&mut self.has_changed) {
            self.publish();
        }
        if self.labels_until.is_none() {
            for order in self.filled.drain(..) {
                let _ = order.send(self.snapshot.load().number);
            }
        }
        for (waiting, answer) in self.answers.drain(..) {
            // Whoever asked may have given up.
            let _ = waiting.send(answer);
        }
    }

    fn set_local(&mut self, mut endpoints: Vec<Endpoint>) {
        let name: Arc<str> = self.status.bootstrap.identity.service.as_str().into();
        for endpoint in &mut endpoints {
            endpoint.id = self.ids.next_endpoint();
        }
        let id = self.local.as_ref().map_or_else(|| self.ids.next_cluster(), |cluster| cluster.id);
        let cluster = match &self.local {
            Some(local) => local.with(endpoints),
            None => Cluster::new(id, &name, ClusterKind::Local, endpoints),
        };
        self.local = Some(Arc::new(cluster));
        self.has_changed = true;
    }

    /// Answers from what is known, or starts one look-up for all who ask.
    fn look_up(&mut self, lookup: Lookup) {
        let name = (lookup.host.clone(), lookup.port);
        if self.services.contains_key(&lookup.host) || self.outside.contains_key(&name) {
            let _ = lookup.answer.send(Ok(()));
        } else if let Some((_, failure)) =
            self.misses.get(&name).filter(|(since, _)| since.elapsed() < MISS_TIME_MAX)
        {
            let _ = lookup.answer.send(Err(failure.clone()));
        } else if let Some(waiting) = self.waiting.get_mut(&name) {
            waiting.push(lookup.answer);
        } else if self.services.len() + self.waiting.len() >= NAMES_MAX {
            let _ = lookup.answer.send(Err(LookupFailure::TooMany { limit: NAMES_MAX }));
        } else {
            self.waiting.insert(name.clone(), vec![lookup.answer]);
            self.start_look_up(name, &lookup.as_written);
        }
    }

    fn start_look_up(&self, name: (Box<str>, u16), as_written: &str) {
        let keys = candidates(&name.0, as_written, &self.app, &self.environment);
        let sources: Vec<_> = self.feeds.iter().map(|feed| Rc::clone(&feed.source)).collect();
        let (status, news) = (Arc::clone(&self.status), self.news.0.clone());
        let rules = self.rules.clone();
        tokio::task::spawn_local(async move {
            let result = look_up::look_up(&sources, &status, (&keys, &rules), &name).await;
            if let Found::Service { key, .. } = &result {
                rules.know(target(key)).await;
            }
            // Nobody listens any more only when the proxy ends.
            let _ = news.send(News::Found { name, result });
        });
    }

    fn take(&mut self, news: News) {
        match news {
            News::Found { name, result } => self.take_found(name, result),
            News::Refreshed { feed, hosts, answers } => {
                self.take_batch(feed, &hosts, answers);
                if self.feeds.get(feed).is_some_and(Feed::is_registry_heard) {
                    self.release();
                }
            }
            News::Probed { host, feed, dead } => self.take_probed(&host, feed, &dead),
        }
    }

    fn take_found(&mut self, name: (Box<str>, u16), result: Found) {
        let answer = match result {
            Found::Service { key, sets } => {
                self.learn(&name.0, key);
                for (feed, revision, instances) in sets {
                    self.has_changed |= self.update(&name.0, feed, revision, &instances);
                }
                Ok(())
            }
            Found::Outside { resolved, is_certain } => {
                let id = self.ids.next_cluster();
                let endpoints = resolved.endpoints(&mut self.ids);
                let cluster = Cluster::new(id, &name.0, ClusterKind::Outside, endpoints);
                let time = if is_certain { OUTSIDE_TIME_MAX } else { UNCERTAIN_TIME_MAX };
                let expires_at = Instant::now() + time;
                self.make_room_outside();
                self.outside.insert(name.clone(), KnownOutside { cluster: Arc::new(cluster), expires_at });
                Ok(())
            }
            Found::Missing(failure) => {
                // While the registry is away a name is asked for again at the next call.
                if !matches!(failure, LookupFailure::RegistryAway { .. }) && self.misses.len() < MISSES_MAX {
                    self.misses.insert(name.clone(), (Instant::now(), failure.clone()));
                }
                Err(failure)
            }
        };
        self.has_changed |= answer.is_ok();
        self.learning.add(1);
        let waiting = self.waiting.remove(&name).unwrap_or_default();
        self.answers.extend(waiting.into_iter().map(|waiting| (waiting, answer.clone())));
    }

    /// Forgets the outside host that was looked up first, where as many as allowed are known.
    fn make_room_outside(&mut self) {
        if self.outside.len() >= OUTSIDE_MAX {
            let oldest =
                self.outside.iter().min_by_key(|(_, known)| known.expires_at).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.outside.remove(&name));
        }
    }

    fn expire(&mut self) {
        self.learning.look();
        let now = Instant::now();
        self.misses.retain(|_, (since, _)| since.elapsed() < MISS_TIME_MAX);
        let before = self.outside.len();
        self.outside.retain(|_, known| known.expires_at > now);
        self.has_changed |= self.outside.len() != before;
    }

    /// Puts each service under the rules that hold for it now. Where they ask for properties of its instances that nobody
    /// asked for before, the sources are asked first, for a moment: until then nobody would belong to the parts.
    fn govern(&mut self) {
        let now = tokio::time::Instant::now();
        let status = Arc::clone(&self.status);
        let own = status.bootstrap.locality();
        if let Some(local) = &mut self.local {
            *local =
                local.governed(if self.rules.is_empty() { None } else { self.rules.policy_of_own() }, own);
        }
        let is_patient = self.labels_until.is_none_or(|until| until > now);
        let mut is_waiting = false;
        let rules = &self.rules;
        let has_rules = !rules.is_empty();
        for known in self.services.values_mut() {
            let policy = if has_rules { rules.policy(&target(&known.key)) } else { None };
            if is_patient && policy.as_ref().is_some_and(|policy| known.cluster.lacks_labels(policy)) {
                is_waiting = true;
                known.held.iter_mut().for_each(|held| held.revision.clear());
            } else {
                known.cluster = known.cluster.governed(policy, own);
            }
        }
        match self.labels_until {
            None if is_waiting => {
                self.labels_until = Some(now + LABELS_TIME_MAX);
                self.feeds.iter_mut().for_each(Feed::hurry);
            }
            Some(_) if !is_waiting => self.labels_until = None,
            _ => {}
        }
    }

    pub(super) fn publish(&mut self) {
        self.govern();
        let mut next = Snapshot::numbered(self.snapshot.load().number + 1);
        next.revision = self.rules.revision();
        if let Some((egress, said)) = self.rules.egress() {
            (next.egress, next.egress_said) = (Some(egress), said);
        }
        if self.snapshot.load().egress != next.egress {
            // What was refused may be allowed now.
            self.misses.retain(|_, (_, failure)| !matches!(failure, LookupFailure::EgressRefused { .. }));
        }
        if let Some(local) = &self.local {
            next.add_local(Arc::clone(local));
        }
        let is_held = self.held_until.is_some();
        for (host, known) in self.services.iter().filter(|_| !is_held) {
            next.add_service(host, Arc::clone(&known.cluster));
        }
        for ((host, port), known) in &self.outside {
            next.add_outside(host, *port, Arc::clone(&known.cluster));
        }
        tracing::debug!(number = next.number, "snapshot published");
        self.snapshot.store(Arc::new(next));
        self.status.snapshot_changed();
    }
}

/// What rules call a service.
pub(super) fn target(key: &ServiceKey) -> Target {
    Target {
        environment: key.environment.clone(),
        application: key.app_id.clone(),
        service: key.service_name.clone(),
    }
}

/// Ends at `moment`; never where there is none.
async fn passed(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
