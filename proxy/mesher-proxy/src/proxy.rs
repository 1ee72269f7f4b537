//! Puts a proxy together, runs it, and takes it down in the right order.
//! It must listen before it announces anything, and must not stop serving before the registry knows.

use std::cell::Cell;
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use mesher_client::{Address, ControlClient, Credentials, Tenancy};
use mesher_codec::field::MESHER_VIA;
use mesher_model::explain::proxy_tag;
use mesher_model::mesh::ProxyRow;
use mesher_model::rule::Target;
use mesher_net::{Doorway, worker};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::bootstrap::{Bootstrap, ConfigType};
use crate::clock;
use crate::discovery::{self, DnsSource, FileSource, Fleet, Lookup, Registration, RegistrySource, Source};
use crate::error::ProxyError;
use crate::handover::{self, Giver, HandoverError, Offered, Question, Stock, Successor, Taken};
use crate::health::instances;
use crate::listening::Listening;
use crate::memory::Relief;
use crate::overload::Pressure;
use crate::request::invocation::Direction;
use crate::rules::{Desk, Ears, KeySource, Leases, LinkedKeys};
use crate::snapshot::{IDLE_AT_PROXY_MAX, SharedSnapshot, Snapshot};
use crate::status::{Addresses, State, Status};
use crate::stored::{Folder, Keeper, Owner};
use crate::telemetry::context;
use crate::worker::Shared;
use crate::{admin, application, overload, rules, threads};

/// Look-ups that may wait for the control thread.
const LOOKUPS_WAITING_MAX: usize = 4096;
/// How long calls in flight may take to finish.
pub(crate) const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);
/// The longest grace of a kept connection when a proxy ends, whatever notice callers get.
const IDLE_GRACE_MAX: Duration = Duration::from_secs(5);
/// The grace of a kept connection after a hand-over: our peers give an idle one up before.
const HANDED_IDLE_MAX: Duration = IDLE_AT_PROXY_MAX.saturating_add(Duration::from_secs(5));
/// How long the control plane may take to hear that this proxy ends.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(1);
/// How often the calls in flight are counted while they finish.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// A proxy that listens already and serves once it runs.
#[derive(Debug)]
pub struct Proxy {
    bootstrap: Bootstrap,
    listening: Listening,
    taken: Option<Taken>,
    folder: Option<Folder>,
    services_file: Option<Rc<FileSource>>,
}

/// Why a proxy stops serving.
enum Ending {
    /// Inbound work is to end; the application may still call others.
    Drain,
    /// All is to end.
    Shutdown,
    /// Another process serves in its place.
    HandedOver(Successor),
}

/// What is started before the proxy serves.
struct Parts {
    shared: Arc<Shared>,
    status: Arc<Status>,
    registration: Registration,
    client: ControlClient,
    questions: mpsc::Sender<Question>,
    workers: threads::Workers,
    /// The link to the control plane.
    linking: Option<tokio::task::JoinHandle<()>>,
    /// Stores the snapshot, once this process serves.
    keeper: Option<Keeper>,
}

/// The tasks that end before the proxy does.
struct Tasks {
    announcing: tokio::task::JoinHandle<()>,
    linking: Option<tokio::task::JoinHandle<()>>,
    keeping: Option<tokio::task::JoinHandle<()>>,
    /// Dropped, the admin closes.
    admin: oneshot::Sender<()>,
}

impl Proxy {
    /// Takes all addresses that the settings name: from the running proxy whose place this one takes, from a service
    /// manager, or by binding them. Nothing is announced yet, and a running proxy serves on.
    ///
    /// # Errors
    /// [`ProxyError`] names the setting and what to do.
    pub fn bind(bootstrap: Bootstrap) -> Result<Self, ProxyError> {
        mesher_net::memory::bound_free();
        let app = &bootstrap.identity.app;
        let services_file =
            bootstrap.services_file.as_ref().map(|path| FileSource::open(path, app).map(Rc::new));
        let services_file = services_file.transpose()?;
        let mut stock = Stock::default();
        if let Some(activation) = &bootstrap.activation {
            stock.add_passed(activation).map_err(|reason| ProxyError::Activation { reason })?;
        }
        let taken = match &bootstrap.handover {
            Some(path) => {
                let own = handover::Identity::of(&bootstrap.identity);
                worker::block_on(handover::ask(path, &own, &mut stock)).map_err(ProxyError::Worker)??
            }
            None => None,
        };
        let listening = Listening::take(&bootstrap, &mut stock)?;
        stock.close();
        // Without a registry all that is known stands in a file already.
        let has_registry = !bootstrap.registry.is_empty();
        let folder = if has_registry { Folder::open(&bootstrap, &listening.addresses)? } else { None };
        Ok(Self { bootstrap, listening, taken, folder, services_file })
    }

    /// Where the proxy listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.listening.addresses
    }

    /// Serves until `shutdown` ends, then drains; or until another process has taken its place. Runs the control
    /// plane's side of the proxy on this thread.
    ///
    /// # Errors
    /// [`ProxyError::Worker`] where the system gives no thread, [`ProxyError::Handover`] where the place of a running
    /// proxy could not be taken: that one serves on.
    pub fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ProxyError> {
        worker::block_on(self.serve(shutdown)).map_err(ProxyError::Worker)?
    }

    async fn serve(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ProxyError> {
        let mut taken = self.taken.take();
        let mut parts = self.start(taken.as_ref())?;
        tokio::pin!(shutdown);
        let begun = tokio::select! {
            begun = self.begin(taken.as_mut(), &mut parts) => begun.map(Some),
            () = &mut shutdown => Ok(None),
        };
        let Ok(Some((admin, giver))) = begun else {
            parts.status.stop_workers(Duration::ZERO);
            threads::join(parts.workers).await;
            return begun.map(drop);
        };
        let Parts { shared, status, mut registration, client, workers, linking, keeper, .. } = parts;
        let announcing = Registration::announce(client, Arc::clone(&status), self.row(&status.instance_id));
        let keeping = keeper.map(|keeper| tokio::task::spawn_local(keeper.keep()));
        let mut tasks = Tasks { announcing: tokio::task::spawn_local(announcing), linking, keeping, admin };
        // Settings, addresses and threads are there; the code that made them is not needed again.
        mesher_net::memory::forget_code();
        // The main process is another after a hand-over.
        self.tell_manager(&format!("READY=1\nMAINPID={}", std::process::id()));
        let ending = tokio::select! {
            () = registration.keep() => Ending::Drain,
            () = status.drain_requested() => Ending::Drain,
            () = &mut shutdown => Ending::Shutdown,
            successor = succeeded(giver.as_ref()) => Ending::HandedOver(successor),
        };
        // Nobody can take over what ends; and a new process puts its own socket where this one's was.
        drop(giver);
        let (is_over, idle) = match ending {
            Ending::HandedOver(successor) => {
                leave_to(successor, &shared, &status, tasks).await;
                (false, HANDED_IDLE_MAX)
            }
            Ending::Drain | Ending::Shutdown => {
                self.tell_manager("STOPPING=1");
                drain(&shared, &status, &registration).await;
                if matches!(ending, Ending::Drain) {
                    // Inbound work is over; the application may still call others until it has ended too.
                    (&mut shutdown).await;
                }
                say_goodbye(&status, &mut tasks).await;
                (true, shared.bootstrap.drain_notice.min(IDLE_GRACE_MAX))
            }
        };
        // With the owner's hold gone, a listener closes as its workers stop: nobody waits in its queue for nothing.
        drop(self.listening);
        status.stop_workers(idle);
        let ended = threads::join(workers);
        tokio::pin!(ended);
        tokio::select! {
            () = &mut ended => {}
            () = &mut shutdown, if !is_over => {
                status.stop_workers(Duration::ZERO);
                ended.await;
            }
        }
        tracing::info!("ended");
        Ok(())
    }

    /// Starts everything that takes no connection and tells nobody of this proxy.
    fn start(&self, taken: Option<&Taken>) -> Result<Parts, ProxyError> {
        // What can fail comes before the threads.
        let client = self.client(&self.bootstrap.registry)?;
        let (lookups, asked) = mpsc::channel(LOOKUPS_WAITING_MAX);
        let fresh = || uuid::Uuid::new_v4().simple().to_string();
        let instance_id = taken.map_or_else(fresh, |taken| taken.heritage.instance_id.clone());
        let shared = Arc::new(self.shared(&instance_id, lookups));
        let (orders, workers) = threads::start(&shared)?;
        let status = Arc::new(Status::new(&shared, instance_id, self.addresses().clone(), orders));
        let (is_up, application) = watch::channel(self.bootstrap.ports.is_empty());
        let (healthy, is_healthy) = watch::channel(true);
        let (local, local_endpoints) = mpsc::channel(4);
        let (questions, questioned) = mpsc::channel(1);

        tokio::task::spawn_local(shared.relief.clone().serve());
        tokio::task::spawn_local(overload::watch(Arc::clone(&shared)));
        let known = (Arc::clone(&shared.snapshot), shared.relief.clone());
        let own = &self.bootstrap.identity;
        let target = Target {
            environment: own.environment.clone(),
            application: own.app.clone(),
            service: own.service.clone(),
        };
        let (desk, orders) = Desk::new(target, &own.version);
        desk.want_own();
        let sources = self.sources(&client, &status);
        let mut fleet = Fleet::new(sources, Arc::clone(&status), known, (desk.clone(), orders));
        let mut digest = None;
        match taken {
            Some(taken) => {
                fleet.adopt(&taken.heritage.known);
                status.known_since(taken.heritage.confirmed_at);
            }
            None => digest = self.adopt_stored(&mut fleet, &status),
        }
        let keeper = self
            .folder
            .clone()
            .map(|folder| Keeper::new(folder, Arc::clone(&status), questions.clone(), digest));
        tokio::task::spawn_local(fleet.run(asked, local_endpoints, questioned));
        tokio::task::spawn_local(instances::check(Arc::clone(&status)));
        tokio::task::spawn_local(application::watch(
            (self.bootstrap.ports.clone(), self.bootstrap.health_check.clone()),
            local,
            (is_up, healthy),
        ));
        let registration = Registration {
            client: client.clone(),
            status: Arc::clone(&status),
            endpoints: self.listening.endpoints(&self.bootstrap),
            host_name: mesher_net::process::host_name(),
            is_up: application,
            is_healthy,
            told_healthy: true,
            is_outdated: false,
        };
        let linking = self.follow_rules(&client, &status, &shared, desk)?;
        Ok(Parts { shared, status, registration, client, questions, workers, linking, keeper })
    }

    /// Begins to hear of rules: from the link to the control plane, and from keys of a configuration server. Answers what
    /// keeps the link.
    fn follow_rules(
        &self,
        client: &ControlClient,
        status: &Arc<Status>,
        shared: &Arc<Shared>,
        desk: Desk,
    ) -> Result<Option<tokio::task::JoinHandle<()>>, ProxyError> {
        let named = self.bootstrap.config_center.as_ref();
        let has_registry = !self.bootstrap.registry.is_empty();
        // A registry that is no control plane of ours has no keys: it has its own server for that.
        let is_linked = named.is_none() && self.bootstrap.config_type == ConfigType::Auto;
        let mut linking = None;
        if has_registry {
            let row = self.row(&status.instance_id);
            let keys = is_linked.then(|| LinkedKeys::new(self.bootstrap.identity.clone()));
            let leases = Leases::default();
            tokio::task::spawn_local(leases.clone().keep(Arc::clone(shared), Arc::clone(status)));
            let ears = Ears { desk: desk.clone(), keys, leases, shared: Arc::clone(shared) };
            let keep = rules::keep(client.clone(), Arc::clone(status), row, ears);
            linking = Some(tokio::task::spawn_local(keep));
            tokio::task::spawn_local(discovery::watch(client.clone(), Arc::clone(status)));
        }
        if !is_linked && (has_registry || named.is_some()) {
            let keys = KeySource {
                client: named.map_or_else(|| Ok(client.clone()), |addresses| self.client(addresses))?,
                speaks: self.bootstrap.config_type,
            };
            tokio::task::spawn_local(rules::read_keys(keys, Arc::clone(status), desk));
        }
        Ok(linking)
    }

    /// Begins with the snapshot on the disk, where there is a good one. Answers what tells it from others.
    fn adopt_stored(&self, fleet: &mut Fleet, status: &Status) -> Option<[u8; 20]> {
        let (stored, is_current) = self.folder.as_ref()?.read(&Owner::of(&self.bootstrap.identity))?;
        let confirmed_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(stored.confirmed_at))?;
        status.stored_is_known(confirmed_at);
        let seconds = status.knowledge_age().unwrap_or_default().as_secs();
        tracing::info!(
            services = stored.known.len(),
            seconds,
            "beginning with the snapshot from the disk, confirmed so long ago"
        );
        status.is_knowledge_old();
        fleet.adopt_stored(&stored.known);
        is_current.then(|| stored.digest())
    }

    /// Where services are known from, in the order in which they count.
    fn sources(&self, client: &ControlClient, status: &Arc<Status>) -> Vec<Rc<dyn Source>> {
        let mut sources: Vec<Rc<dyn Source>> = Vec::new();
        if !self.bootstrap.registry.is_empty() {
            sources.push(Rc::new(RegistrySource { client: client.clone(), status: Arc::clone(status) }));
        }
        if let Some(file) = &self.services_file {
            sources.push(Rc::<FileSource>::clone(file));
            sources.push(Rc::new(DnsSource::new(Rc::clone(file))));
        }
        sources
    }

    /// A client of the control plane at these addresses.
    fn client(&self, addresses: &[Address]) -> Result<ControlClient, ProxyError> {
        let Bootstrap { identity, credentials, registry_authority, .. } = &self.bootstrap;
        let tenancy = Tenancy { domain: identity.domain.clone(), project: identity.project.clone() };
        let is_open = addresses.iter().any(|address| !address.is_secure() && !address.is_loopback());
        if is_open && *credentials != Credentials::None {
            tracing::warn!(
                "passwords and tokens reach the registry without TLS; use https:// in MESHER_REGISTRY"
            );
        }
        let authority = registry_authority.as_deref();
        Ok(ControlClient::new(addresses.to_vec(), tenancy, credentials.clone(), authority)?)
    }

    /// Begins to take connections, and to hear who wants to take over; in the place of the running proxy where there is
    /// one. Until this ends well, that one serves.
    async fn begin(
        &self,
        taken: Option<&mut Taken>,
        parts: &mut Parts,
    ) -> Result<(oneshot::Sender<()>, Option<Giver>), ProxyError> {
        let Some(taken) = taken else {
            let giver = self.giver(parts)?;
            return Ok((self.lend(&parts.status)?, giver));
        };
        let mut application = parts.registration.is_up.clone();
        let ready = async move {
            let _ = application.wait_for(|is_up| *is_up).await;
        };
        let leave = taken.become_ready(ready).await?;
        let heritage = &taken.heritage;
        parts.registration.is_outdated =
            heritage.is_ready && heritage.record != parts.registration.instance();
        if heritage.is_ready {
            parts.status.registered(&heritage.service_id);
        }
        let admin = self.lend(&parts.status)?;
        leave.serving().await?;
        tracing::info!(instance = parts.status.instance_id, "the place of the running proxy is taken");
        let giver = self.giver(parts).unwrap_or_else(|error| {
            // It serves: from here on nothing may end it. Without its socket it can be restarted, but not replaced.
            tracing::error!(%error, "no further process can take over");
            None
        });
        Ok((admin, giver))
    }

    /// Lets workers and admin take connections. The admin closes when what is returned is dropped.
    fn lend(&self, status: &Arc<Status>) -> Result<oneshot::Sender<()>, ProxyError> {
        status.lend(&self.listening.listeners).map_err(ProxyError::Worker)?;
        let (close_admin, closed) = oneshot::channel();
        let admin = self.listening.admin.try_clone().map_err(ProxyError::Worker)?;
        tokio::task::spawn_local(admin::serve(admin, Arc::clone(status), async move {
            let _ = closed.await;
        }));
        let own = self.addresses();
        if !own.admin.ip().is_loopback() {
            tracing::warn!(address = %own.admin, "the admin can be read from other machines; it takes no orders there");
        }
        tracing::info!(service = %self.bootstrap.identity.service, addresses = ?own, advertised = %self.listening.advertised, "listening");
        Ok(close_admin)
    }

    fn tell_manager(&self, state: &str) {
        let Some(address) = &self.bootstrap.manager else { return };
        if let Err(error) = mesher_net::manager::tell(address, state) {
            tracing::warn!(%error, address, "cannot tell the service manager (NOTIFY_SOCKET)");
        }
    }

    fn giver(&self, parts: &Parts) -> Result<Option<Giver>, ProxyError> {
        let Some(path) = &self.bootstrap.handover else { return Ok(None) };
        let doorway = Doorway::open(path).map_err(HandoverError::from)?;
        let offered = Offered {
            status: Arc::clone(&parts.status),
            record: parts.registration.instance(),
            questions: parts.questions.clone(),
            sockets: self.listening.duplicates().map_err(ProxyError::Worker)?,
            is_given: Cell::new(false),
        };
        Ok(Some(Giver { doorway, offered: Rc::new(offered) }))
    }

    fn shared(&self, instance_id: &str, lookups: mpsc::Sender<Lookup>) -> Shared {
        let service = &self.bootstrap.identity.service;
        let signature = |direction: Direction| format!("mesher/{service}/{}", direction.as_str());
        let own = self.addresses();
        let all = [own.outbound, own.admin].into_iter().chain(own.inbound).chain(own.tcp_outbound.clone());
        Shared {
            signatures: [signature(Direction::Inbound), signature(Direction::Outbound)],
            via: format!("{MESHER_VIA}{}", instance_id.get(..12).unwrap_or(instance_id)),
            tag: proxy_tag(instance_id),
            own_context: context::fresh(service),
            bootstrap: self.bootstrap.clone(),
            snapshot: Arc::new(SharedSnapshot::from_pointee(Snapshot::numbered(0))),
            lookups,
            own_addresses: all.collect(),
            hasher: RandomState::new(),
            relief: Relief::default(),
            epoch: clock::beginning(),
            retries_spent_at: AtomicU64::new(0),
            pressure: Arc::<Pressure>::default(),
        }
    }

    fn row(&self, id: &str) -> ProxyRow {
        let own = &self.bootstrap.identity;
        ProxyRow {
            id: id.to_owned(),
            app: own.app.clone(),
            env: own.environment.clone(),
            service: own.service.clone(),
            version: own.version.clone(),
            mesher_version: env!("CARGO_PKG_VERSION").to_owned(),
            outbound: self.addresses().outbound.to_string(),
            inbound: self.addresses().inbound.map(|address| address.to_string()).unwrap_or_default(),
            admin: self.addresses().admin.to_string(),
            ..ProxyRow::default()
        }
    }
}

/// Waits until another process serves in the place of this one.
async fn succeeded(giver: Option<&Giver>) -> Successor {
    match giver {
        Some(giver) => giver.give().await,
        None => std::future::pending().await,
    }
}

/// Leaves instance and sockets to the process that serves in this one's place, and lets connections end. The registry
/// is told nothing: for it nothing changes.
async fn leave_to(successor: Successor, shared: &Shared, status: &Status, tasks: Tasks) {
    // A row that says "draining" would be of the new process, whose instance has the same id.
    tasks.announcing.abort();
    // Its link is the new one's, too: this one must not take it back.
    if let Some(linking) = tasks.linking {
        linking.abort();
    }
    // So is the stored snapshot.
    if let Some(keeping) = tasks.keeping {
        keeping.abort();
    }
    drop(tasks.admin);
    shared.pressure.drain();
    status.enter(State::Draining);
    successor.yours().await;
    tracing::info!("another process has taken over; finishing what is in flight");
}

/// Tells the control plane that nobody has to wait for this proxy any more.
async fn say_goodbye(status: &Status, tasks: &mut Tasks) {
    status.end();
    let goodbye = async {
        if let Some(linking) = &mut tasks.linking {
            // A task that broke says nothing either.
            let _ = linking.await;
        }
        let _ = (&mut tasks.announcing).await;
    };
    if tokio::time::timeout(GOODBYE_TIME_MAX, goodbye).await.is_err() {
        tracing::info!("the control plane does not hear that this proxy ends");
    }
}

/// Ends inbound work: the registry first, then the callers, then the calls in flight.
async fn drain(shared: &Shared, status: &Status, registration: &Registration) {
    let was_found = status.state() == State::Ready && !registration.endpoints.is_empty();
    status.enter(State::Draining);
    tracing::info!("draining");
    registration.leave().await;
    if was_found {
        tokio::time::sleep(shared.bootstrap.drain_notice).await;
    }
    shared.pressure.drain();
    let deadline = Instant::now() + DRAIN_TIME_MAX;
    while active_inbound(status).await > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_INTERVAL).await;
    }
    status.drained();
}

async fn active_inbound(status: &Status) -> i64 {
    let report = status.report().await;
    let inbound = report.rows.iter().filter(|(labels, _)| labels.direction == Direction::Inbound);
    inbound.map(|(_, counts)| counts.active).sum()
}
