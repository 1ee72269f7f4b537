//! The neutral call: who calls, what, where to, since when. And what a protocol offers to have its calls handled.
//! It must not name a protocol beyond its label: handlers see this and nothing else.

use std::cell::Cell;
use std::time::{Duration, Instant};

use mesher_traffic::balance::{InFlight, SessionToken};
use mesher_traffic::breaker::Permit;
use mesher_traffic::bulkhead::Place;
use mesher_traffic::{Actions, CallView, Caller, Choice, HeadView, OwnAnswer, Safety};

use crate::bootstrap::PortProtocol;
use crate::clock;
use crate::handlers::balance::Taken;
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::falling::Falling;
use crate::request::hedge::Hedging;
use crate::request::tries::{FailedTry, Retrying, Tried};
use crate::snapshot::balancing::Balancing;
use crate::snapshot::governance::Governance;
use crate::snapshot::{Cluster, ClusterIndex, Endpoint, View};
use crate::telemetry::counters::Row;
use crate::worker::Worker;

/// Where a call is going, seen from the local application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// To the local application.
    Inbound,
    /// From the local application.
    Outbound,
}

impl Direction {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// The label of the protocol that a call came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Protocol {
    /// HTTP/1.0 and HTTP/1.1
    Http1,
    /// Opaque TCP.
    Tcp,
}

impl Protocol {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Tcp => "tcp",
        }
    }
}

/// A number that names one invocation, for answers and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvocationId(pub(crate) u64);

impl std::fmt::Display for InvocationId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// Where a call goes: a cluster of the snapshot, and the endpoints of it that may take the call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) cluster: ClusterIndex,
    /// What the endpoint must speak.
    pub(crate) protocol: PortProtocol,
    /// The application's port that the caller chose.
    pub(crate) port: Option<u16>,
}

/// One call, or one TCP flow, on its way through the chain.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) id: InvocationId,
    pub(crate) direction: Direction,
    pub(crate) protocol: Protocol,
    pub(crate) target: Target,
    /// Whether it may happen twice without harm.
    pub(crate) is_idempotent: bool,
    pub(crate) started: Instant,
    /// What is believed while it runs.
    pub(crate) snapshot: View,
    /// Where it is counted.
    pub(crate) row: Row,
    /// Why it leads nowhere, where it does: the chain turns it around with this.
    pub(crate) refusal: Option<Failure>,
    /// Tries begun.
    pub(crate) tries: u32,
    /// What a route made of it.
    pub(crate) choice: Option<Choice>,
    /// The endpoint of the current try, as a place in its cluster.
    pub(crate) endpoint: Option<usize>,
    /// When its current try was sent, as the clock of the process says; only where rules may ask.
    pub(crate) sent_at: Duration,
    /// How long it waits before its next try, because a rule says so.
    pub(crate) pause: Option<Duration>,
    /// Why it ends after that pause, where a rule says so.
    pub(crate) end: Option<Box<Failure>>,
    /// How fast the body of its answer may come, in bytes a second, where a rule says so.
    pub(crate) slow_body: Option<u64>,
    /// Who calls, where it comes from another proxy and a rule may ask.
    pub(crate) caller: Option<Box<str>>,
    /// A field of the answer by which the calls that follow stay with the endpoint.
    pub(crate) session_field: Option<Box<(Box<str>, Box<str>)>>,
    /// What handlers of one's own change of its head.
    pub(crate) edits: Option<Box<OwnEdits>>,
    /// What it may take in all to the head of its answer, as its last try began with it.
    pub(crate) time_allowed: Option<Duration>,
    /// What the caller gave it, to the head of its answer.
    pub(crate) time_given: Option<Duration>,
    /// The rule that bounds it and not all calls of its cluster, as a place among those of its kind.
    pub(crate) time_limit: Option<u16>,
    /// How it stands with further tries.
    pub(crate) retry: Retrying,
    /// How it stands with what its caller gets where it fails.
    pub(crate) fallback: Falling,
    /// How it stands with a second try beside its first.
    pub(crate) hedge: Hedging,
    /// What it holds until it ends, however it does.
    pub(crate) permits: Permits,
    /// Tries that failed, in their order.
    pub(crate) failed_tries: Vec<FailedTry>,
    pub(super) tried: Tried,
    /// The time, as it was last asked for on this way down or up the chain.
    moment: Cell<Option<Duration>>,
}

/// What rules gave to a call, and get back when it ends.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    /// The current try, where a rule chose its endpoint.
    pub(crate) balanced: Option<BalancedTry>,
    /// Of a breaker, until its call is answered.
    pub(crate) breaker: Option<Permit>,
    /// In a bulkhead, since when.
    pub(crate) bulkhead: Option<(Place, Duration)>,
    /// Of the endpoint of the current try.
    pub(crate) of_endpoint: Taken,
}

/// A try whose endpoint a rule chose.
#[derive(Debug)]
pub(crate) struct BalancedTry {
    /// The rule, as a place among those of the cluster.
    pub(crate) rule: usize,
    pub(crate) in_flight: InFlight,
    /// When it goes out, by the clock of the process.
    pub(crate) began: Duration,
    /// The instance that the call asked for.
    pub(crate) asked: Option<SessionToken>,
}

/// Changes of a head that handlers of one's own make.
#[derive(Debug, Default)]
pub(crate) struct OwnEdits {
    /// Names of fields that do not pass.
    pub(crate) left_out: Vec<Box<str>>,
    /// Lines that are added behind all others.
    pub(crate) added: Vec<(Box<str>, Box<str>)>,
}

impl Invocation {
    pub(crate) fn new(
        worker: &Worker,
        snapshot: View,
        (direction, protocol): (Direction, Protocol),
        target: Target,
        row: Row,
    ) -> Self {
        Self {
            id: worker.next_invocation_id(),
            direction,
            protocol,
            target,
            is_idempotent: false,
            started: Instant::now(),
            snapshot,
            row,
            refusal: None,
            tries: 0,
            choice: None,
            endpoint: None,
            sent_at: Duration::ZERO,
            pause: None,
            end: None,
            slow_body: None,
            caller: None,
            session_field: None,
            edits: None,
            time_allowed: None,
            time_given: None,
            time_limit: None,
            retry: Retrying::default(),
            fallback: Falling::default(),
            hedge: Hedging::default(),
            permits: Permits::default(),
            failed_tries: Vec::new(),
            tried: Tried::default(),
            moment: Cell::new(None),
        }
    }

    /// The time, alike for all handlers that it passes on one way down or up the chain: to ask the clock costs. Its first way down
    /// takes no time.
    #[inline]
    pub(crate) fn now(&self) -> Duration {
        match self.moment.get() {
            Some(now) => now,
            None => self.look_at_clock(),
        }
    }

    #[inline(never)]
    fn look_at_clock(&self) -> Duration {
        let now = if self.tries == 0 { clock::at(self.started) } else { clock::now() };
        self.moment.set(Some(now));
        now
    }

    /// Time has passed.
    pub(super) fn turn(&self) {
        self.moment.set(None);
    }

    /// How long it has taken by [`Self::now`].
    pub(crate) fn age(&self) -> Duration {
        self.now().saturating_sub(clock::at(self.started))
    }

    /// It, as rules see it.
    pub(crate) fn view<'v>(&'v self, worker: &'v Worker, head: &'v dyn HeadView) -> CallView<'v> {
        let caller = match self.direction {
            Direction::Outbound => worker.shared.bootstrap.caller(),
            Direction::Inbound => Caller::named(self.caller.as_deref().unwrap_or_default()),
        };
        CallView { head, caller }
    }

    /// What rules say of its cluster.
    pub(crate) fn governance(&self) -> Option<&Governance> {
        self.cluster().governance.as_ref()
    }

    /// What rules of kind Balance make of its cluster, where there are any.
    pub(crate) fn balancing(&self) -> Option<&Balancing> {
        self.governance()?.guards.balance.as_deref()
    }

    /// The cluster that it goes to.
    pub(crate) fn cluster(&self) -> &Cluster {
        self.snapshot.cluster(self.target.cluster)
    }

    /// What a rule does with it; `None` where it goes on as it came.
    pub(crate) fn actions(&self) -> Option<&Actions> {
        let choice = self.choice.filter(|choice| choice.actions.is_some())?;
        self.cluster().governance.as_ref()?.actions(choice)
    }

    /// The answer that a rule gives in place of anybody.
    pub(crate) fn own_answer(&self) -> Option<&OwnAnswer> {
        self.actions()?.answer.as_ref()
    }

    /// The endpoint of the current try.
    pub(crate) fn current_endpoint(&self) -> Option<&Endpoint> {
        self.cluster().endpoints.get(self.endpoint?)
    }
}

/// The first sign of an answer: its code, before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Code {
    /// An HTTP status.
    Status(u16),
    /// A flow that was connected.
    Connected,
    /// No answer was sent.
    None,
}

/// How an invocation ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) code: Code,
    pub(crate) failure: Option<(Side, FailureKind)>,
    /// A sentence about the failure, for the log.
    pub(crate) detail: Option<String>,
    /// Whether the caller's connection can carry a further call.
    pub(crate) keeps_connection: bool,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

/// What was called, for logs and rules: borrowed from the protocol that knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    /// Where the host is named with one.
    pub(crate) port: Option<u16>,
}

/// One call as its protocol sees it. `invoke` and the chain drive every protocol through these steps.
pub(crate) trait Exchange: HeadView {
    /// One try: sends the call to the current endpoint, up to the first sign of an answer.
    async fn send(&mut self, call: &Invocation) -> Result<Code, Failure>;

    /// As [`Self::send`]. Where nothing of an answer came for so long, the try is set aside, and goes on: `None`.
    async fn send_until(&mut self, call: &Invocation, _delay: Duration) -> Result<Option<Code>, Failure> {
        self.send(call).await.map(Some)
    }

    /// Sends the call to the current endpoint beside the try that was set aside. `None`: that is heard before this one, which is
    /// let go.
    async fn send_beside(&mut self, call: &Invocation) -> Result<Option<Code>, Failure> {
        self.send(call).await.map(Some)
    }

    /// Goes on with the try that was set aside, alone.
    async fn go_on(&mut self, call: &Invocation) -> Result<Code, Failure> {
        self.send(call).await
    }

    /// Whether a try that was set aside still goes on.
    fn is_set_aside(&self) -> bool {
        false
    }

    /// Lets go of the try that was set aside. Answers its failure, where it had failed before.
    fn end_aside(&mut self) -> Option<Failure> {
        None
    }

    /// What a further try risks after the answer that is there, and whether whoever gave it has tried again already.
    fn after_answer(&self) -> (Safety, bool);

    /// Lets go of the answer that is there: the call is tried again.
    fn drop_answer(&mut self);

    /// The failure of a try that was given up in its midst: with how far it had come.
    fn give_up(&mut self, failure: Failure) -> Failure;

    /// Brings the answer to the caller, and the rest of the call to the callee, to the end.
    async fn relay(&mut self, call: &Invocation) -> Outcome;

    /// Gives the caller the answer of a rule: of the one that decided, or of the one that answers where the call failed.
    async fn answer_itself(&mut self, call: &Invocation) -> Outcome;

    /// Tells the caller that there is no answer, and why.
    async fn refuse(&mut self, call: &Invocation, failure: Failure) -> Outcome;

    /// Waits, unless the caller leaves meanwhile.
    async fn pause(&mut self, time: Duration) -> Result<(), Failure>;

    /// What was called.
    fn operation(&self) -> Operation<'_>;
}
