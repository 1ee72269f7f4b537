//! The control thread's picture of the fleet: names asked for, looked up, kept fresh, and published as snapshots.
//! No answer may empty a set that still works, and no outage of the registry may change what callers see.
//!
//! | file | holds |
//! |---|---|
//! | `names` | which records a host can mean |
//! | `endpoints` | an instance's endpoints as the proxy can use them |
//! | `outside` | hosts that the registry does not know |
//! | `registration` | the local application's own record: create, heartbeat, remove |

pub(crate) mod endpoints;
pub(crate) mod names;
pub(crate) mod outside;
pub(crate) mod registration;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesher_client::{ClientError, ControlClient};
use mesher_model::Instance;
use mesher_model::query::{BatchFindResult, FindService, ServiceKey};
use tokio::sync::{mpsc, oneshot};

use crate::snapshot::{Cluster, ClusterId, ClusterKind, Endpoint, SharedSnapshot, Snapshot};
use crate::status::Status;
use endpoints::EndpointIds;
use names::candidates;
use outside::Resolved;

/// How often known services are looked at again.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause between two looks while the registry is away.
const REFRESH_INTERVAL_MAX: Duration = Duration::from_secs(15);
/// Services asked for in one request.
const BATCH_MAX: usize = 200;
/// Service names that are kept.
const NAMES_MAX: usize = 10_000;
/// Outside hosts that are kept.
const OUTSIDE_MAX: usize = 4_096;
/// How long an outside host's address is used before it is looked up again.
const OUTSIDE_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a miss is remembered.
const MISS_TIME_MAX: Duration = Duration::from_secs(3);
/// Misses that are remembered.
const MISSES_MAX: usize = 4_096;
/// How long an emptied service keeps endpoints that still accept connections.
const EMPTIED_TIME_MAX: Duration = Duration::from_secs(600);

/// A name that a worker's snapshot does not hold.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// In lower case.
    pub(crate) host: Box<str>,
    /// As the caller wrote it.
    pub(crate) as_written: Box<str>,
    pub(crate) port: u16,
    /// Answered once the snapshot holds the name, or it is known not to be there.
    pub(crate) answer: oneshot::Sender<Result<(), LookupFailure>>,
}

/// Why a name leads nowhere.
#[derive(Debug, Clone)]
pub(crate) enum LookupFailure {
    /// The registry knows no such service, and the name cannot be an outside host's.
    UnknownService { registry: String },
    /// The registry could not be asked.
    RegistryAway { reason: String },
    /// The outside host's address is not known.
    Dns { reason: String },
    /// The outside host's address was not found in time.
    DnsTimeout,
    /// As many names as allowed are known.
    TooMany { limit: usize },
}

/// What a look-up or a refresh brought.
#[derive(Debug)]
enum News {
    Found { name: (Box<str>, u16), result: Found },
    Refreshed { hosts: Vec<Box<str>>, answer: Result<BatchFindResult, ClientError> },
    RefreshDone,
    Probed { host: Box<str>, alive: Vec<Endpoint> },
}

/// What a single look-up brought.
#[derive(Debug)]
enum Found {
    Service { key: ServiceKey, revision: String, instances: Vec<Instance> },
    Outside(Resolved),
    Missing(LookupFailure),
}

#[derive(Debug)]
struct KnownService {
    key: ServiceKey,
    revision: String,
    cluster: Arc<Cluster>,
    /// Since when the registry says that nobody is there although we hold endpoints.
    emptied_at: Option<Instant>,
}

#[derive(Debug)]
struct KnownOutside {
    cluster: Arc<Cluster>,
    expires_at: Instant,
}

/// Looks names up, keeps them fresh, publishes.
pub(crate) struct Discovery {
    client: ControlClient,
    status: Arc<Status>,
    snapshot: Arc<SharedSnapshot>,
    local: Option<Arc<Cluster>>,
    services: BTreeMap<Box<str>, KnownService>,
    outside: BTreeMap<(Box<str>, u16), KnownOutside>,
    misses: BTreeMap<(Box<str>, u16), (Instant, LookupFailure)>,
    waiting: BTreeMap<(Box<str>, u16), Vec<oneshot::Sender<Result<(), LookupFailure>>>>,
    ids: EndpointIds,
    news: (mpsc::UnboundedSender<News>, mpsc::UnboundedReceiver<News>),
    is_refreshing: bool,
    pause: Duration,
    app: String,
    environment: String,
    registry: String,
}

impl Discovery {
    pub(crate) fn new(client: ControlClient, status: Arc<Status>, snapshot: Arc<SharedSnapshot>) -> Self {
        let bootstrap = &status.bootstrap;
        let registry: Vec<_> = bootstrap.registry.iter().map(ToString::to_string).collect();
        Self {
            app: bootstrap.identity.app.clone(),
            environment: bootstrap.identity.environment.clone(),
            registry: registry.join(", "),
            client,
            status,
            snapshot,
            local: None,
            services: BTreeMap::new(),
            outside: BTreeMap::new(),
            misses: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ids: EndpointIds::default(),
            news: mpsc::unbounded_channel(),
            is_refreshing: false,
            pause: REFRESH_INTERVAL,
        }
    }

    /// Runs for the life of the proxy.
    pub(crate) async fn run(
        mut self,
        mut lookups: mpsc::Receiver<Lookup>,
        mut local: mpsc::Receiver<Vec<Endpoint>>,
    ) {
        let mut next_refresh = tokio::time::Instant::now() + REFRESH_INTERVAL;
        loop {
            tokio::select! {
                Some(endpoints) = local.recv() => self.set_local(endpoints),
                Some(lookup) = lookups.recv() => self.look_up(lookup),
                Some(news) = self.news.1.recv() => self.take(news),
                () = tokio::time::sleep_until(next_refresh) => {
                    self.expire();
                    self.refresh();
                    // Proxies that started together must not ask together.
                    let jitter = Duration::from_millis(fastrand::u64(0..200));
                    next_refresh = tokio::time::Instant::now() + self.pause + jitter;
                }
                else => return,
            }
        }
    }

    fn set_local(&mut self, mut endpoints: Vec<Endpoint>) {
        let name: Arc<str> = self.status.bootstrap.identity.service.as_str().into();
        for endpoint in &mut endpoints {
            endpoint.id = self.ids.next_endpoint();
        }
        let id = self.local.as_ref().map_or_else(|| self.ids.next_cluster(), |cluster| cluster.id);
        self.local = Some(Arc::new(Cluster { id, name, kind: ClusterKind::Local, endpoints }));
        self.publish();
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
        } else if self.services.len() >= NAMES_MAX || self.outside.len() >= OUTSIDE_MAX {
            let _ = lookup.answer.send(Err(LookupFailure::TooMany { limit: NAMES_MAX }));
        } else {
            self.waiting.insert(name.clone(), vec![lookup.answer]);
            self.start_look_up(name, &lookup.as_written);
        }
    }

    fn start_look_up(&self, name: (Box<str>, u16), as_written: &str) {
        let keys = candidates(&name.0, as_written, &self.app, &self.environment);
        let (client, news) = (self.client.clone(), self.news.0.clone());
        let (status, registry) = (Arc::clone(&self.status), self.registry.clone());
        tokio::task::spawn_local(async move {
            let result = look_up(&client, &status, keys, &name, registry).await;
            // Nobody listens any more only when the proxy ends.
            let _ = news.send(News::Found { name, result });
        });
    }

    fn take(&mut self, news: News) {
        match news {
            News::Found { name, result } => self.take_found(name, result),
            News::Refreshed { hosts, answer } => self.take_refreshed(&hosts, answer),
            News::RefreshDone => self.is_refreshing = false,
            News::Probed { host, alive } => self.take_probed(&host, alive),
        }
    }

    fn take_found(&mut self, name: (Box<str>, u16), result: Found) {
        let answer = match result {
            Found::Service { key, revision, instances } => {
                let id = self.ids.next_cluster();
                let cluster = self.cluster(id, &key, &[], &instances);
                self.services
                    .insert(name.0.clone(), KnownService { key, revision, cluster, emptied_at: None });
                Ok(())
            }
            Found::Outside(resolved) => {
                let id = self.ids.next_cluster();
                let endpoints = resolved.endpoints(&mut self.ids);
                let cluster =
                    Cluster { id, name: name.0.as_ref().into(), kind: ClusterKind::Outside, endpoints };
                let expires_at = Instant::now() + OUTSIDE_TIME_MAX;
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
        if answer.is_ok() {
            self.publish();
        }
        for waiting in self.waiting.remove(&name).unwrap_or_default() {
            let _ = waiting.send(answer.clone());
        }
    }

    fn cluster(
        &mut self,
        id: ClusterId,
        key: &ServiceKey,
        old: &[Endpoint],
        instances: &[Instance],
    ) -> Arc<Cluster> {
        let endpoints = endpoints::usable(&mut self.ids, &key.service_name, old, instances);
        let name = if key.app_id == self.app {
            key.service_name.clone()
        } else {
            format!("{}:{}", key.app_id, key.service_name)
        };
        Arc::new(Cluster { id, name: name.as_str().into(), kind: ClusterKind::Service, endpoints })
    }

    /// Asks for all known services, each with the revision that is known.
    fn refresh(&mut self) {
        if self.is_refreshing || self.services.is_empty() {
            return;
        }
        self.is_refreshing = true;
        let known: Vec<_> = self
            .services
            .iter()
            .map(|(host, known)| {
                (host.clone(), FindService { service: known.key.clone(), rev: known.revision.clone() })
            })
            .collect();
        let (client, news, status) = (self.client.clone(), self.news.0.clone(), Arc::clone(&self.status));
        tokio::task::spawn_local(async move {
            for batch in known.chunks(BATCH_MAX) {
                let (hosts, services) = batch.iter().cloned().unzip();
                let answer = client.find_instances(&status.service_id(), services).await;
                status.count_registry_request(answer.as_ref().map_or_else(|error| error.result(), |_| "ok"));
                let is_away = answer.is_err();
                let _ = news.send(News::Refreshed { hosts, answer });
                if is_away {
                    break;
                }
            }
            let _ = news.send(News::RefreshDone);
        });
    }

    fn take_refreshed(&mut self, hosts: &[Box<str>], answer: Result<BatchFindResult, ClientError>) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.pause = (self.pause * 2).min(REFRESH_INTERVAL_MAX);
                self.status.registry_is_away(&error.to_string());
                return;
            }
        };
        self.pause = REFRESH_INTERVAL;
        self.status.registry_is_there();
        let host_at = |index: i64| usize::try_from(index).ok().and_then(|index| hosts.get(index));
        let mut has_changed = false;
        for found in answer.updated {
            if let Some(host) = host_at(found.index) {
                has_changed |= self.update(host, found.rev, &found.instances);
            }
        }
        for host in answer.not_modified.iter().filter_map(|index| host_at(*index)) {
            if let Some(known) = self.services.get_mut(host) {
                known.emptied_at = None;
            }
        }
        for index in answer.failed.iter().flat_map(|failed| &failed.indexes) {
            if let Some(host) = host_at(*index) {
                has_changed |= self.update(host, String::new(), &[]);
            }
        }
        if has_changed {
            self.publish();
        }
    }

    /// Takes a new set of instances. An empty one is no reason to forget endpoints that still accept connections:
    /// a registry that restarted knows nobody yet.
    fn update(&mut self, host: &str, revision: String, instances: &[Instance]) -> bool {
        let Some(known) = self.services.get(host) else { return false };
        if instances.is_empty() && !known.cluster.endpoints.is_empty() {
            self.probe(host);
            return false;
        }
        let (id, key, old) = (known.cluster.id, known.key.clone(), known.cluster.endpoints.clone());
        let cluster = self.cluster(id, &key, &old, instances);
        let Some(known) = self.services.get_mut(host) else { return false };
        known.revision = revision;
        known.emptied_at = None;
        let has_changed = known.cluster.endpoints != cluster.endpoints;
        known.cluster = cluster;
        has_changed
    }

    /// Asks the endpoints of an emptied service themselves.
    fn probe(&mut self, host: &str) {
        let Some(known) = self.services.get_mut(host) else { return };
        let since = *known.emptied_at.get_or_insert_with(Instant::now);
        let endpoints = known.cluster.endpoints.clone();
        let (news, host) = (self.news.0.clone(), host.into());
        tokio::task::spawn_local(async move {
            let alive = if since.elapsed() < EMPTIED_TIME_MAX {
                endpoints::accepting(endpoints).await
            } else {
                Vec::new()
            };
            let _ = news.send(News::Probed { host, alive });
        });
    }

    fn take_probed(&mut self, host: &str, alive: Vec<Endpoint>) {
        let Some(known) = self.services.get_mut(host).filter(|known| known.emptied_at.is_some()) else {
            return;
        };
        if known.cluster.endpoints == alive {
            return;
        }
        tracing::info!(
            service = host,
            left = alive.len(),
            "the registry names no instance any more; keeping those that answer"
        );
        known.cluster = Arc::new(Cluster { endpoints: alive, ..Cluster::clone(&known.cluster) });
        self.publish();
    }

    fn expire(&mut self) {
        let now = Instant::now();
        self.misses.retain(|_, (since, _)| since.elapsed() < MISS_TIME_MAX);
        let before = self.outside.len();
        self.outside.retain(|_, known| known.expires_at > now);
        if self.outside.len() != before {
            self.publish();
        }
    }

    fn publish(&self) {
        let mut next = Snapshot::numbered(self.snapshot.load().number + 1);
        if let Some(local) = &self.local {
            next.add_local(Arc::clone(local));
        }
        for (host, known) in &self.services {
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

/// One look-up: the registry first, then, where the name can be one, an outside host.
async fn look_up(
    client: &ControlClient,
    status: &Status,
    keys: Vec<ServiceKey>,
    (host, port): &(Box<str>, u16),
    registry: String,
) -> Found {
    let asked = keys.iter().map(|key| FindService { service: key.clone(), rev: String::new() }).collect();
    let answer = client.find_instances(&status.service_id(), asked).await;
    status.count_registry_request(answer.as_ref().map_or_else(|error| error.result(), |_| "ok"));
    let away = match answer {
        Ok(mut answer) => {
            answer.updated.sort_by_key(|found| found.index);
            for found in answer.updated {
                if let Some(key) = usize::try_from(found.index).ok().and_then(|index| keys.get(index)) {
                    return Found::Service {
                        key: key.clone(),
                        revision: found.rev,
                        instances: found.instances,
                    };
                }
            }
            None
        }
        Err(error) => Some(error.to_string()),
    };
    if names::may_be_outside(host) {
        return match outside::resolve(host, *port).await {
            Ok(resolved) => Found::Outside(resolved),
            Err(failure) => Found::Missing(failure),
        };
    }
    Found::Missing(match away {
        Some(reason) => LookupFailure::RegistryAway { reason },
        None => LookupFailure::UnknownService { registry },
    })
}
