//! The state of the whole proxy, for its own control thread and its admin. Off the request path: locks are fine here.
//! It must never say "ready" before the application can be found, nor take it back because the registry went away.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mesher_client::ClientError;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::bootstrap::Bootstrap;
use crate::discovery::Bell;
use crate::overload::Pressure;
use crate::request::accept::{Door, Purpose};
use crate::snapshot::{Origin, SharedSnapshot};
use crate::telemetry::counters::Report;
use crate::worker::{Order, Shared};

/// Knowledge that no source has confirmed for this time is served all the same, and warned of.
const KNOWLEDGE_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a worker may take to report.
const REPORT_TIME_MAX: Duration = Duration::from_secs(2);

/// Where the proxy is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Listening; the application cannot be found yet.
    Starting,
    /// May take work.
    Ready,
    /// Finishes and takes no more.
    Draining,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }

    const fn of(number: u8) -> Self {
        match number {
            0 => Self::Starting,
            1 => Self::Ready,
            _ => Self::Draining,
        }
    }
}

/// Where the proxy listens.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Addresses {
    /// Calls of the local application.
    pub outbound: SocketAddr,
    /// HTTP calls to the local application, where it declares an HTTP port.
    pub inbound: Option<SocketAddr>,
    /// Flows to the TCP ports of the local application, in their order.
    pub tcp_inbound: Vec<SocketAddr>,
    /// Listeners that lead to TCP services, in their order.
    pub tcp_outbound: Vec<SocketAddr>,
    /// The admin.
    pub admin: SocketAddr,
}

/// The state of the whole proxy.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) bootstrap: Bootstrap,
    pub(crate) instance_id: String,
    pub(crate) addresses: Addresses,
    pub(crate) started_at: SystemTime,
    /// How much the proxy itself has to do.
    pub(crate) pressure: Arc<Pressure>,
    /// What times of rules are counted from.
    epoch: Instant,
    snapshot: Arc<SharedSnapshot>,
    snapshot_at: Mutex<Instant>,
    has_new_snapshot: Notify,
    knowledge: Mutex<Knowledge>,
    service_id: Mutex<String>,
    state: AtomicU8,
    has_new_state: Notify,
    is_doubted: Notify,
    /// Rung where instances in the registry may have changed.
    pub(crate) bell: Bell,
    registry_trouble: Mutex<Option<Trouble>>,
    registry_requests: Mutex<BTreeMap<&'static str, u64>>,
    rules: Mutex<Rules>,
    /// Items that a source named and that cannot be used.
    skipped: Mutex<BTreeMap<&'static str, u64>>,
    orders: Vec<mpsc::UnboundedSender<Order>>,
    drain: watch::Sender<bool>,
    has_drained: watch::Sender<bool>,
    ends: watch::Sender<bool>,
}

/// What the link to the control plane is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// It was not opened yet, or the registry has none.
    #[default]
    None,
    /// It is open.
    Connected,
    /// It is gone; why.
    Away(String),
}

/// How the proxy stands to the rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) link: LinkState,
    /// Of the rules that are served with; 0 for none.
    pub(crate) revision: u64,
    /// Why newer ones are not.
    pub(crate) refused: Option<String>,
    /// What keys of the configuration say that cannot be used.
    pub(crate) key_problems: Vec<String>,
}

/// How far what is known can be believed.
#[derive(Debug, Default)]
struct Knowledge {
    /// When the registry last confirmed it; the clock of the machine, since it outlives the process.
    confirmed_at: Option<SystemTime>,
    /// It was read from the disk, so there is something to serve with while the registry is away.
    is_stored: bool,
    /// Its age was warned of.
    is_old: bool,
}

/// Why the registry cannot be asked.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    reason: String,
    kind: TroubleKind,
}

/// What somebody has to do about a registry that cannot be asked.
#[derive(Debug, PartialEq, Eq)]
enum TroubleKind {
    /// It does not answer.
    Away,
    /// It answers, and refuses this proxy.
    Unwelcome,
    /// What answers is another control plane, this one.
    Stranger(String),
}

impl TroubleKind {
    fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Stranger { cluster, .. } => Self::Stranger(cluster.clone()),
            _ if error.is_unwelcome() => Self::Unwelcome,
            _ => Self::Away,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing here is left half-changed by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Status {
    pub(crate) fn new(
        shared: &Shared,
        instance_id: String,
        addresses: Addresses,
        orders: Vec<mpsc::UnboundedSender<Order>>,
    ) -> Self {
        Self {
            bootstrap: shared.bootstrap.clone(),
            instance_id,
            addresses,
            started_at: SystemTime::now(),
            pressure: Arc::clone(&shared.pressure),
            epoch: shared.epoch,
            snapshot: Arc::clone(&shared.snapshot),
            snapshot_at: Mutex::new(Instant::now()),
            has_new_snapshot: Notify::new(),
            knowledge: Mutex::default(),
            service_id: Mutex::default(),
            state: AtomicU8::new(State::Starting as u8),
            has_new_state: Notify::new(),
            is_doubted: Notify::new(),
            bell: Bell::default(),
            registry_trouble: Mutex::default(),
            registry_requests: Mutex::default(),
            rules: Mutex::default(),
            skipped: Mutex::default(),
            orders,
            drain: watch::Sender::new(false),
            has_drained: watch::Sender::new(false),
            ends: watch::Sender::new(false),
        }
    }

    pub(crate) fn state(&self) -> State {
        State::of(self.state.load(Ordering::Relaxed))
    }

    /// Enters a state. Draining is the last: nothing leads back from it.
    pub(crate) fn enter(&self, state: State) {
        if self.state.fetch_max(state as u8, Ordering::Relaxed) != state as u8 {
            self.has_new_state.notify_waiters();
        }
    }

    pub(crate) async fn state_changed(&self) {
        self.has_new_state.notified().await;
    }

    /// The id under which the registry knows our service; empty before it does.
    pub(crate) fn service_id(&self) -> String {
        lock(&self.service_id).clone()
    }

    pub(crate) fn registered(&self, service_id: &str) {
        service_id.clone_into(&mut lock(&self.service_id));
        self.enter(State::Ready);
    }

    /// The registry's answers suggest that it does not know us any more.
    pub(crate) fn doubt_registration(&self) {
        self.is_doubted.notify_one();
    }

    pub(crate) async fn registration_doubted(&self) {
        self.is_doubted.notified().await;
    }

    /// The registry does not answer, refuses this proxy, or is another one. Told once for each outage, and again where
    /// one of them becomes another.
    pub(crate) fn registry_is_away(&self, error: &ClientError) {
        let mut trouble = lock(&self.registry_trouble);
        let kind = TroubleKind::of(error);
        if trouble.as_ref().is_some_and(|trouble| trouble.kind == kind) {
            return;
        }
        let reason = match kind {
            TroubleKind::Away => {
                tracing::warn!(reason = %error, "the registry is away; serving with what is known");
                error.to_string()
            }
            TroubleKind::Unwelcome => {
                tracing::error!(%error, "the registry refuses this proxy; check MESHER_REGISTRY_ACCOUNT and its password, or MESHER_REGISTRY_TOKEN_FILE. Serving with what is known");
                format!("it refuses this proxy: {error}")
            }
            TroubleKind::Stranger(_) => {
                tracing::error!(%error, "the addresses of MESHER_REGISTRY lead to different control planes; name those of one only. To go over to the other one, restart this proxy with its address. Serving with what is known");
                error.to_string()
            }
        };
        let since = trouble.as_ref().map_or_else(Instant::now, |trouble| trouble.since);
        *trouble = Some(Trouble { since, reason, kind });
    }

    pub(crate) fn registry_is_there(&self) {
        if let Some(Trouble { since, .. }) = lock(&self.registry_trouble).take() {
            tracing::info!(seconds = since.elapsed().as_secs(), "the registry is back");
        }
    }

    /// Since when, and why, the registry is away.
    pub(crate) fn registry_trouble(&self) -> Option<(Duration, String)> {
        let trouble = lock(&self.registry_trouble);
        trouble.as_ref().map(|trouble| (trouble.since.elapsed(), trouble.reason.clone()))
    }

    /// What became of the link to the control plane.
    pub(crate) fn link_is(&self, link: LinkState) {
        lock(&self.rules).link = link;
    }

    /// The revision of the rules that are served with, and why a newer one is not.
    pub(crate) fn rules_are(&self, revision: u64, refused: Option<String>) {
        let mut rules = lock(&self.rules);
        (rules.revision, rules.refused) = (revision, refused);
    }

    /// What keys of the configuration say that cannot be used.
    pub(crate) fn keys_are(&self, problems: Vec<String>) {
        lock(&self.rules).key_problems = problems;
    }

    /// How the proxy stands to the rules.
    pub(crate) fn rules(&self) -> Rules {
        lock(&self.rules).clone()
    }

    pub(crate) fn count_registry_request(&self, result: &'static str) {
        *lock(&self.registry_requests).entry(result).or_default() += 1;
    }

    pub(crate) fn registry_requests(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.registry_requests).clone()
    }

    /// A source named so many items that cannot be used.
    pub(crate) fn count_skipped(&self, origin: Origin, count: usize) {
        if count > 0 {
            *lock(&self.skipped).entry(origin.as_str()).or_default() +=
                u64::try_from(count).unwrap_or(u64::MAX);
        }
    }

    pub(crate) fn skipped(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.skipped).clone()
    }

    pub(crate) fn snapshot(&self) -> Arc<crate::snapshot::Snapshot> {
        self.snapshot.load_full()
    }

    /// The time, as rules count it.
    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(crate) fn snapshot_number(&self) -> u64 {
        self.snapshot.load().number
    }

    pub(crate) fn snapshot_changed(&self) {
        *lock(&self.snapshot_at) = Instant::now();
        self.has_new_snapshot.notify_one();
    }

    /// Another snapshot was published since the last time. One may wait.
    pub(crate) async fn snapshot_renewed(&self) {
        self.has_new_snapshot.notified().await;
    }

    pub(crate) fn snapshot_age(&self) -> Duration {
        lock(&self.snapshot_at).elapsed()
    }

    /// The snapshot was read from the disk.
    pub(crate) fn stored_is_known(&self, confirmed_at: SystemTime) {
        *lock(&self.knowledge) =
            Knowledge { confirmed_at: Some(confirmed_at), is_stored: true, is_old: false };
    }

    /// The process before this one knew what is known, confirmed then.
    pub(crate) fn known_since(&self, confirmed_at: Option<SystemTime>) {
        lock(&self.knowledge).confirmed_at = confirmed_at;
    }

    /// Whether there is a snapshot from the disk to serve with.
    pub(crate) fn has_stored(&self) -> bool {
        lock(&self.knowledge).is_stored
    }

    /// The application accepts connections and the registry cannot be asked: serves with the snapshot from the disk,
    /// where there is one.
    pub(crate) fn serve_stored(&self) {
        if self.has_stored() && self.state() == State::Starting {
            let seconds = self.knowledge_age().unwrap_or_default().as_secs();
            tracing::warn!(seconds, "serving with the snapshot from the disk, confirmed so long ago");
            self.enter(State::Ready);
        }
    }

    /// What is known is what the registry says now.
    pub(crate) fn confirm(&self) {
        let mut knowledge = lock(&self.knowledge);
        knowledge.confirmed_at = Some(SystemTime::now());
        if std::mem::take(&mut knowledge.is_old) {
            tracing::info!("what is known is confirmed again");
        }
    }

    pub(crate) fn confirmed_at(&self) -> Option<SystemTime> {
        lock(&self.knowledge).confirmed_at
    }

    /// Since when the registry has not confirmed what is known; `None` where it never has.
    pub(crate) fn knowledge_age(&self) -> Option<Duration> {
        // A clock that was set back makes nothing younger than new.
        self.confirmed_at().map(|at| SystemTime::now().duration_since(at).unwrap_or_default())
    }

    /// Whether the age of what is known is worth an alarm. Told once; it is served all the same.
    pub(crate) fn is_knowledge_old(&self) -> bool {
        let is_old = self.knowledge_age().is_some_and(|age| age > KNOWLEDGE_AGE_MAX);
        if is_old && !std::mem::replace(&mut lock(&self.knowledge).is_old, true) {
            tracing::warn!(
                hours = KNOWLEDGE_AGE_MAX.as_secs() / 3600,
                "the registry has not confirmed what is known for longer than this; serving with it all the same"
            );
        }
        is_old
    }

    /// Asks for inbound work to end.
    pub(crate) fn request_drain(&self) {
        self.drain.send_replace(true);
    }

    pub(crate) async fn drain_requested(&self) {
        // The sender is ours, so the wait ends only when the value comes.
        let _ = self.drain.subscribe().wait_for(|requested| *requested).await;
    }

    pub(crate) fn drained(&self) {
        self.has_drained.send_replace(true);
    }

    pub(crate) async fn wait_drained(&self) {
        let _ = self.has_drained.subscribe().wait_for(|drained| *drained).await;
    }

    /// The proxy takes no work any more: whoever speaks for it says goodbye.
    pub(crate) fn end(&self) {
        self.ends.send_replace(true);
    }

    pub(crate) async fn ending(&self) {
        let _ = self.ends.subscribe().wait_for(|ends| *ends).await;
    }

    /// The sum of all workers' counters. A worker that does not answer in time is left out.
    pub(crate) async fn report(&self) -> Report {
        let asked: Vec<_> = self
            .orders
            .iter()
            .filter_map(|orders| {
                let (answer, answered) = oneshot::channel();
                orders.send(Order::Report(answer)).ok().map(|()| answered)
            })
            .collect();
        let mut sum = Report::default();
        let deadline = tokio::time::Instant::now() + REPORT_TIME_MAX;
        for answered in asked {
            if let Ok(Ok(report)) = tokio::time::timeout_at(deadline, answered).await {
                sum.merge(&report);
            }
        }
        sum
    }

    /// Where each worker takes orders.
    pub(crate) fn worker_orders(&self) -> impl Iterator<Item = &mpsc::UnboundedSender<Order>> {
        self.orders.iter()
    }

    /// Tells every worker to accept nothing more, to close what has been idle for `idle`, and to end.
    pub(crate) fn stop_workers(&self, idle: Duration) {
        for orders in &self.orders {
            // A worker that is gone has ended already.
            let _ = orders.send(Order::Stop { idle });
        }
    }

    /// Lends every listening socket to every worker: from now on connections are taken.
    pub(crate) fn lend(&self, listeners: &[(TcpListener, Purpose)]) -> std::io::Result<()> {
        let doors: Vec<_> = listeners.iter().map(|(_, purpose)| Door::new(purpose.clone())).collect();
        for orders in &self.orders {
            let lent = listeners
                .iter()
                .zip(&doors)
                .map(|((listener, _), door)| Ok((listener.try_clone()?, door.clone())));
            let _ = orders.send(Order::Accept(lent.collect::<std::io::Result<_>>()?));
        }
        Ok(())
    }
}
