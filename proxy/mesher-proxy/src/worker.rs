//! What one worker thread owns: buffers, pools, rotations, counters, and its view of the snapshot.
//! Nothing here is shared with another worker on a request's path.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::Cache;
use hashbrown::{HashMap, HashSet};
use mesher_codec::ResponseHead;
use mesher_model::explain::Explanation;
use mesher_model::rule::RetryBudget;
use mesher_model::rule::link::Ask;
use mesher_net::{Deadlines, Pool, Scratch, deadline};
use mesher_traffic::overload::Step;
use mesher_traffic::{Budget, RoundRobin, Suspects};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::bootstrap::{Bootstrap, Limits};
use crate::discovery::Lookup;
use crate::explain::Memory;
use crate::handlers::chains::Chains;
use crate::memory::{Relief, Tide};
use crate::overload::{Lag, Pressure, shed};
use crate::request::accept::Door;
use crate::request::exchange::Buffers;
use crate::request::invocation::{Direction, Invocation, InvocationId};
use crate::snapshot::{Cluster, ClusterId, Endpoint, EndpointId, SharedSnapshot, Snapshot, View};
use crate::telemetry::access_log::{LogBuffer, Writer};
use crate::telemetry::counters::{Counters, Row, peer_label};
use crate::telemetry::refusal_log::RefusalLog;

/// Bits of an invocation's id that count; the tag of the proxy stands before them.
const COUNT_BITS: u32 = 40;
/// Sets of buffers that a worker keeps for connections that become busy again.
const SPARE_BUFFERS_MAX: usize = 1024;
/// Sets that are left after a burst.
const SPARE_BUFFERS_MIN: usize = 64;
/// How far the moments are apart between which the rate of calls is measured.
const SAMPLE_TIME: Duration = Duration::from_secs(10);
/// Most bytes of room that a worker keeps for what comes behind answers' heads.
const SPARE_REST_BYTES_MAX: usize = 16 * 1024;

/// What all threads of the proxy share. Read on the path, written off it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bootstrap: Bootstrap,
    /// How the two sides of this proxy sign their answers: `mesher/SERVICE/inbound`, `mesher/SERVICE/outbound`.
    pub(crate) signatures: [String; 2],
    /// How this proxy signs the calls that leave through it, so that it knows them when they come back.
    pub(crate) via: String,
    /// The first bits of every id that this proxy gives to a call.
    pub(crate) tag: u32,
    /// The value of `x-cse-context` for a call that brings none.
    pub(crate) own_context: String,
    pub(crate) snapshot: Arc<SharedSnapshot>,
    /// Look-ups of names that the snapshot does not hold.
    pub(crate) lookups: mpsc::Sender<Lookup>,
    /// Our own listening addresses: a call that would go there would come back.
    pub(crate) own_addresses: Vec<std::net::SocketAddr>,
    /// Makes keys of texts, in a way that nobody outside can foresee.
    pub(crate) hasher: RandomState,
    /// Asks for free memory to be given back.
    pub(crate) relief: Relief,
    /// What times that workers share are counted from.
    pub(crate) epoch: Instant,
    /// When a call of the application was last given up after all tries, in microseconds of `epoch`; 0: never.
    pub(crate) retries_spent_at: AtomicU64,
    /// Whether inbound work ends, and how much the proxy has to do.
    pub(crate) pressure: Arc<Pressure>,
}

impl Shared {
    /// The time, as rules count it: since one moment for all threads.
    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The key of a text, the same for all threads.
    pub(crate) fn hash(&self, text: &[u8]) -> u64 {
        self.hasher.hash_one(text)
    }

    /// A call of the application was given up after all tries that it may have.
    pub(crate) fn retries_are_spent(&self) {
        let now = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Told before the application learns of it, and read after it has answered: both lie in the kernel between.
        self.retries_spent_at.fetch_max(now.max(1), Ordering::Release);
    }

    /// Whether that was so since a moment.
    pub(crate) fn has_spent_retries_since(&self, moment: Instant) -> bool {
        let last = self.retries_spent_at.load(Ordering::Acquire);
        last > 0 && u128::from(last) >= moment.saturating_duration_since(self.epoch).as_micros()
    }

    pub(crate) fn signature(&self, direction: Direction) -> &str {
        let [inbound, outbound] = &self.signatures;
        match direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        }
    }
}

/// What the control thread asks of a worker.
#[derive(Debug)]
pub(crate) enum Order {
    /// Report the counters.
    Report(oneshot::Sender<crate::telemetry::counters::Report>),
    /// Answer this, with everything that this worker has to say to it.
    Ask(Ask, oneshot::Sender<Vec<Explanation>>),
    /// Accept on these sockets.
    Accept(Vec<(TcpListener, Door)>),
    /// Accept nothing more, close connections that have waited for `idle`, and end when the last call has.
    Stop { idle: Duration },
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) scratch: Scratch,
    /// The answer's head that is being passed on. One is enough: between reading it and writing it nothing waits.
    pub(crate) response: RefCell<ResponseHead>,
    pub(crate) deadlines: Deadlines,
    pub(crate) pool: RefCell<Pool<EndpointId>>,
    /// The way of each call through the handlers.
    pub(crate) chains: Chains,
    pub(crate) counters: RefCell<Counters>,
    pub(crate) log: RefCell<LogBuffer>,
    pub(crate) refusal_log: RefusalLog,
    /// Calls that can be explained.
    pub(crate) memory: RefCell<Memory>,
    /// Told when a connection ends.
    pub(crate) connection_ended: Notify,
    pub(crate) connection_count: Cell<usize>,
    /// Copies of calls that are on their way.
    pub(crate) mirrors: Cell<usize>,
    /// This worker, for tasks that outlive the call which begins them.
    itself: OnceCell<Weak<Self>>,
    /// Endpoints that refused a connection lately.
    suspects: RefCell<Suspects<EndpointId>>,
    /// Further tries that the calls of each cluster took lately; of clusters where one failed.
    budgets: RefCell<HashMap<ClusterId, Budget, foldhash::fast::RandomState>>,
    /// Of each part of each cluster: in one rotation for two parts that are chosen alternately, each would always come to
    /// the same of its endpoints.
    rotations: RefCell<HashMap<(ClusterId, Option<u16>), RoundRobin, foldhash::fast::RandomState>>,
    /// Calls of each cluster that each rule of its route shares out: counted apart, for a rule that takes every eighth
    /// call of a common count would share them out unevenly.
    shared_out: RefCell<HashMap<(ClusterId, u16), u32, foldhash::fast::RandomState>>,
    /// Where the control thread publishes; as long as nothing is new, looking costs one plain load.
    published: RefCell<Cache<Arc<SharedSnapshot>, Arc<Snapshot>>>,
    snapshot: RefCell<View>,
    #[expect(
        clippy::vec_box,
        reason = "the boxes go to connections and come back; their content is not moved"
    )]
    spare_buffers: RefCell<Vec<Box<Buffers>>>,
    /// Room for what comes behind an answer's head, lent to the connection that reads it until it has passed.
    spare_rest: RefCell<Vec<u8>>,
    next_invocation: Cell<u64>,
    is_between_seconds: Cell<bool>,
    /// When calls were counted last, for their rate.
    sampled_at: Cell<Duration>,
    tide: Tide,
    /// Whether this worker's work is late.
    pub(crate) lag: Lag,
    /// Checks that may still pass in this tick while calls are refused.
    checks_left: Cell<u32>,
    /// Callers that were refused, and get to read why while they are still sending.
    pub(crate) lingering: Cell<u32>,
    /// Number of the snapshot after which everything unknown was forgotten.
    swept_snapshot: Cell<u64>,
    number: usize,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, number: usize, log: Writer) -> Self {
        let snapshot = RefCell::new(View::of(shared.snapshot.load_full()));
        Self {
            scratch: Scratch::default(),
            response: RefCell::new(ResponseHead::limited_to(shared.bootstrap.limits.head)),
            deadlines: Deadlines::default(),
            pool: RefCell::new(Pool::new(shared.bootstrap.limits.pool)),
            chains: Chains::new(&shared.bootstrap.registrations, &shared.bootstrap.handlers),
            counters: RefCell::default(),
            log: RefCell::new(LogBuffer::new(log)),
            refusal_log: RefusalLog::default(),
            memory: RefCell::new(Memory::new(shared.bootstrap.workers)),
            connection_ended: Notify::new(),
            connection_count: Cell::new(0),
            mirrors: Cell::new(0),
            itself: OnceCell::new(),
            suspects: RefCell::default(),
            budgets: RefCell::default(),
            rotations: RefCell::default(),
            shared_out: RefCell::default(),
            published: RefCell::new(Cache::new(Arc::clone(&shared.snapshot))),
            snapshot,
            spare_buffers: RefCell::default(),
            spare_rest: RefCell::default(),
            next_invocation: Cell::new(fastrand::u64(..)),
            is_between_seconds: Cell::new(false),
            sampled_at: Cell::default(),
            tide: Tide::default(),
            lag: Lag::new(shared.bootstrap.overload.lag_max),
            checks_left: Cell::new(shed::CHECKS_MAX),
            lingering: Cell::new(0),
            swept_snapshot: Cell::new(0),
            number,
            shared,
        }
    }

    /// This worker as its tasks share it.
    pub(crate) fn shared_by_tasks(self) -> Rc<Self> {
        Rc::new_cyclic(|weak| {
            // Nobody has set it before.
            let _ = self.itself.set(Weak::clone(weak));
            self
        })
    }

    /// This worker, for a task of its own; `None` while it ends.
    pub(crate) fn itself(&self) -> Option<Rc<Self>> {
        self.itself.get()?.upgrade()
    }

    /// The bounds of the data path.
    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.bootstrap.limits
    }

    /// The current snapshot. An invocation keeps what it got.
    pub(crate) fn snapshot(&self) -> View {
        let mut published = self.published.borrow_mut();
        let current = published.load();
        let mut mine = self.snapshot.borrow_mut();
        if !mine.is_of(current) {
            *mine = View::of(Arc::clone(current));
        }
        mine.clone()
    }

    /// A number that no other invocation of the fleet is likely to have: the proxy's tag, and 40 bits of a count.
    pub(crate) fn next_invocation_id(&self) -> InvocationId {
        let count = self.next_invocation.get();
        // An odd step visits every number before it repeats one.
        self.next_invocation.set(count.wrapping_add(0x9e37_79b9_7f4a_7c15));
        InvocationId(u64::from(self.shared.tag) << COUNT_BITS | (count & ((1 << COUNT_BITS) - 1)))
    }

    /// Lends the rotation of a cluster, or of a part of it.
    pub(crate) fn with_rotation<R>(
        &self,
        part: (ClusterId, Option<u16>),
        use_it: impl FnOnce(&mut RoundRobin) -> R,
    ) -> R {
        let mut rotations = self.rotations.borrow_mut();
        use_it(rotations.entry(part).or_insert_with(|| RoundRobin::starting_at(self.number)))
    }

    /// Those that refused a connection lately, and the time to ask them at; `None` while there are none.
    pub(crate) fn suspects(&self) -> Option<(RefMut<'_, Suspects<EndpointId>>, Duration)> {
        let suspects = self.suspects.borrow_mut();
        (!suspects.is_empty()).then(|| (suspects, self.now()))
    }

    /// The time, in the way in which everything that is remembered of calls counts it.
    pub(crate) fn now(&self) -> Duration {
        self.shared.epoch.elapsed()
    }

    /// Takes a further try from the budget of a call's service, where one is left.
    pub(crate) fn may_spend_a_try(&self, call: &Invocation, allowed: RetryBudget) -> bool {
        let (now, workers) = (self.now(), u32::try_from(self.shared.bootstrap.workers).unwrap_or(u32::MAX));
        let counters = self.counters.borrow();
        let (calls, rate) = (counters.begun(call.row), counters.rate(call.row, now));
        let mut budgets = self.budgets.borrow_mut();
        let budget = budgets
            .entry(call.cluster().id)
            .or_insert_with(|| Budget::beginning_at(now, calls, rate, allowed, workers));
        budget.take(now, calls, allowed, workers)
    }

    /// Takes note of an endpoint that refused a connection.
    pub(crate) fn suspect(&self, endpoint: &Endpoint) {
        if self.suspects.borrow_mut().refused(endpoint.id, self.now()) {
            tracing::info!(endpoint = %endpoint.address, instance = %endpoint.instance, "accepts no connection; calls go elsewhere while there are others");
        }
    }

    /// How many calls of a cluster a rule has shared out before this one; workers begin apart from each other.
    pub(crate) fn next_share(&self, rule: (ClusterId, u16)) -> u32 {
        let mut counts = self.shared_out.borrow_mut();
        let count = counts.entry(rule).or_insert_with(|| fastrand::u32(..));
        *count = count.wrapping_add(1);
        *count
    }

    /// The count of [`Self::next_share`] as it stands.
    pub(crate) fn count_of_shared(&self, rule: (ClusterId, u16)) -> u32 {
        self.shared_out.borrow().get(&rule).copied().unwrap_or_default()
    }

    /// Buffers for a connection that becomes busy.
    pub(crate) fn take_buffers(&self) -> Box<Buffers> {
        let spare = self.spare_buffers.borrow_mut().pop();
        spare.unwrap_or_else(|| Box::new(Buffers::new(self.limits().head)))
    }

    /// Takes back the buffers of a connection that is idle again.
    pub(crate) fn give_back(&self, mut buffers: Box<Buffers>) {
        self.give_back_rest(std::mem::take(&mut buffers.upstream_input));
        let mut spare = self.spare_buffers.borrow_mut();
        if spare.len() < SPARE_BUFFERS_MAX {
            buffers.clear();
            spare.push(buffers);
        }
    }

    /// Appends `rest`, which came behind an answer's head. Most answers are whole by then, and pass at once.
    pub(crate) fn keep_rest(&self, input: &mut Vec<u8>, rest: &[u8]) {
        if input.capacity() == 0 && !rest.is_empty() {
            *input = self.spare_rest.take();
        }
        input.extend_from_slice(rest);
    }

    /// Takes back the room that [`Self::keep_rest`] lent, unless it has grown large.
    fn give_back_rest(&self, mut room: Vec<u8>) {
        if (1..=SPARE_REST_BYTES_MAX).contains(&room.capacity()) {
            room.clear();
            self.spare_rest.replace(room);
        }
    }

    /// Whether connections of callers end with their current call.
    pub(crate) fn ends_connections(&self) -> bool {
        self.shared.pressure.ends_connections()
    }

    /// Whether a check may pass although calls are refused. One that may is counted.
    pub(crate) fn may_pass_check(&self) -> bool {
        let left = self.checks_left.get();
        self.checks_left.set(left.saturating_sub(1));
        left > 0
    }

    /// Idle upstream connections, by peer.
    pub(crate) fn idle_connections(&self) -> BTreeMap<Arc<str>, i64> {
        let (snapshot, pool) = (self.snapshot(), self.pool.borrow());
        let mut idle = BTreeMap::new();
        for (id, count) in pool.counts() {
            let has = |cluster: &&Cluster| cluster.endpoints.iter().any(|endpoint| endpoint.id == *id);
            if let Some(cluster) = snapshot.clusters().find(has) {
                *idle.entry(peer_label(cluster)).or_default() += i64::try_from(count).unwrap_or(i64::MAX);
            }
        }
        idle
    }

    /// Calls that wait for an upstream connection.
    pub(crate) fn waiting_calls(&self) -> i64 {
        i64::try_from(self.pool.borrow().waiting_count()).unwrap_or(i64::MAX)
    }

    /// Lets `count` add one to `row`, and take it back when the result is dropped.
    pub(crate) fn count_while(&self, row: Row, count: fn(&mut Counters, Row, i64)) -> Counted<'_> {
        count(&mut self.counters.borrow_mut(), row, 1);
        Counted { worker: self, row, count }
    }

    /// A tick of the clock that was due at a moment has come: after a halt it stands for those that did not.
    pub(crate) fn ticked(&self, due: Instant) {
        let passed = self.lag.ticked(due, Instant::now(), deadline::TICK, &self.shared.pressure);
        (0..passed).for_each(|_| self.tick());
        self.checks_left.set(shed::CHECKS_MAX);
        if self.shared.pressure.step() >= Step::Shed {
            // They hold memory, and nobody waits for them.
            self.deadlines.fire_idle();
        }
    }

    /// A tick of the clock has passed: deadlines; and every second idle connections, the log, what belonged to clusters
    /// that are gone.
    fn tick(&self) {
        self.deadlines.tick();
        self.memory.borrow().tick();
        let is_between = !self.is_between_seconds.get();
        self.is_between_seconds.set(is_between);
        if !is_between {
            self.sweep();
            self.log.borrow_mut().flush();
            self.refusal_log.tick();
        }
    }

    fn sweep(&self) {
        let now = self.now();
        if now.saturating_sub(self.sampled_at.get()) >= SAMPLE_TIME {
            self.sampled_at.set(now);
            self.counters.borrow_mut().sample(now);
        }
        if self.tide.has_ebbed(self.connection_count.get()) {
            self.spare_buffers.borrow_mut().truncate(SPARE_BUFFERS_MIN);
            self.spare_buffers.borrow_mut().shrink_to_fit();
            self.shared.relief.ask();
        }
        let snapshot = self.snapshot();
        let mut pool = self.pool.borrow_mut();
        let is_same = self.swept_snapshot.replace(snapshot.number) == snapshot.number;
        if is_same {
            pool.sweep(Instant::now(), |_| true);
            return;
        }
        let known: HashSet<_, foldhash::fast::RandomState> =
            snapshot.clusters().flat_map(|cluster| &cluster.endpoints).map(|endpoint| endpoint.id).collect();
        pool.sweep(Instant::now(), |id| known.contains(id));
        let clusters: HashSet<_, foldhash::fast::RandomState> =
            snapshot.clusters().map(|cluster| cluster.id).collect();
        self.suspects.borrow_mut().retain(|id| known.contains(&id));
        self.budgets.borrow_mut().retain(|id, _| clusters.contains(id));
        self.rotations.borrow_mut().retain(|(id, _), _| clusters.contains(id));
        self.shared_out.borrow_mut().retain(|(id, _), _| clusters.contains(id));
        self.counters.borrow_mut().forget_clusters(|id| clusters.contains(&id));
    }
}

/// Something that a row counts as long as this lives.
#[derive(Debug)]
pub(crate) struct Counted<'w> {
    worker: &'w Worker,
    row: Row,
    count: fn(&mut Counters, Row, i64),
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Ok(mut counters) = self.worker.counters.try_borrow_mut() {
            (self.count)(&mut counters, self.row, -1);
        }
    }
}
