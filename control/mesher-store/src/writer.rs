//! The one thread that writes: it takes what waits, writes it in the order in which it came, and answers when it is durable.
//! It must not answer before, and it must not wait for more to come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::apply::{Outcome, Step};
use crate::engine::{Fault, Medium, Tables};
use crate::history::History;
use crate::lease::Leases;
use crate::meta::State;
use crate::pending::Reply;
use crate::{Changes, Clock, Committed, LeaseId, Revision, StoreError, Transaction};

/// The most requests that are written together, and the most leases that end together.
const BATCH_LIMIT: usize = 1024;
/// No request is added to a batch that weighs this many bytes.
const BATCH_BYTES: usize = 16 << 20;
/// How often the time is looked at while there are leases, or while the storage is away.
const TICK: Duration = Duration::from_millis(500);

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Task {
    Commit(Transaction),
    /// With the period in seconds.
    Grant(LeaseId, u64),
    Revoke(LeaseId),
    Compact(Revision),
    /// Looks at the time now.
    Expire,
    Close,
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) task: Task,
    pub(crate) reply: Reply,
}

impl Request {
    /// What it weighs while it waits, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.task {
            Task::Commit(transaction) => transaction.bytes(),
            _ => 0,
        }
    }
}

/// What handles and the writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) medium: Medium,
    pub(crate) history: History,
    pub(crate) clock: Clock,
    /// The bytes that wait to be written.
    pub(crate) waiting: AtomicUsize,
    leases: Mutex<Leases>,
}

impl Shared {
    /// Every lease gets one full period: how much of it had gone is not known.
    pub(crate) fn new(medium: Medium, history: History, clock: Clock, leases: Vec<(LeaseId, u64)>) -> Self {
        let mut held = Leases::default();
        let now = clock.now();
        for (id, seconds) in leases {
            held.insert(id, Duration::from_secs(seconds), now);
        }
        Self { medium, history, clock, waiting: AtomicUsize::new(0), leases: Mutex::new(held) }
    }

    pub(crate) fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a write led to, once it is durable.
struct Written {
    state: State,
    changes: Vec<Arc<Changes>>,
    answers: Vec<Result<Committed, StoreError>>,
}

/// Works until it is told to close, or nobody is left to ask.
pub(crate) fn run(receiver: &Receiver<Request>, shared: &Shared) {
    let mut closing = None;
    while closing.is_none() {
        let mut batch = match wait(receiver, shared) {
            Ok(first) => collect(first, receiver),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        closing = batch.pop_if(|last| matches!(last.task, Task::Close));
        process(batch, shared);
    }
    shared.medium.close();
    shared.history.close();
    if let Some(Request { reply, .. }) = closing {
        answer(reply, Ok(Committed { revision: shared.history.state().revision, succeeded: true }));
    }
    // Who still waits, or asks while this ends, learns it from the closed channel.
}

fn wait(receiver: &Receiver<Request>, shared: &Shared) -> Result<Request, RecvTimeoutError> {
    let due = shared.leases().next_due();
    let pause = match due {
        _ if !shared.medium.is_open() => TICK,
        Some(due) => due.saturating_sub(shared.clock.now()).min(TICK),
        None => return receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    receiver.recv_timeout(pause)
}

/// What waits already, within the bounds of a batch. A request to close is the last one.
fn collect(first: Request, receiver: &Receiver<Request>) -> Vec<Request> {
    let mut bytes = first.bytes();
    let mut batch = vec![first];
    let is_closing = |batch: &[Request]| batch.last().is_some_and(|last| matches!(last.task, Task::Close));
    while batch.len() < BATCH_LIMIT && bytes < BATCH_BYTES && !is_closing(&batch) {
        let Ok(request) = receiver.try_recv() else { break };
        bytes += request.bytes();
        batch.push(request);
    }
    batch
}

/// Writes a batch, and before it the ends of leases that are due; answers all of it.
fn process(batch: Vec<Request>, shared: &Shared) {
    let due = shared.leases().take_due(shared.clock.now(), BATCH_LIMIT);
    let bytes: usize = batch.iter().map(Request::bytes).sum();
    let has_work = batch.iter().any(|request| !matches!(request.task, Task::Expire));
    if due.is_empty() && !has_work {
        shared.medium.heal();
        let revision = shared.history.state().revision;
        batch
            .into_iter()
            .for_each(|request| answer(request.reply, Ok(Committed { revision, succeeded: true })));
        return;
    }
    let written = shared.medium.write(|tables| write(tables, shared, &due, &batch));
    // Before the answers, so that whoever gets one finds the place that it has left.
    shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
    match written {
        Ok(written) => {
            succeed(shared, written, &due, batch);
            // After the answers: it takes its time.
            shared.medium.tidy();
        }
        Err(fault) => fail(shared, &fault, &due, batch),
    }
}

fn write(
    tables: &mut dyn Tables,
    shared: &Shared,
    due: &[LeaseId],
    batch: &[Request],
) -> Result<Written, Fault> {
    let mut step = Step::new(tables, shared.history.state());
    for id in due {
        // One that is not in the rows is gone, which is what was wanted.
        let _ended = step.revoke(*id)?;
    }
    let mut answers = Vec::with_capacity(batch.len());
    for request in batch {
        answers.push(perform(&mut step, &request.task)?);
    }
    let left = shared.history.plan(step.state.compacted, &step.changes);
    step.forget(left)?;
    let (state, changes) = step.finish()?;
    Ok(Written { state, changes, answers })
}

fn perform(step: &mut Step<'_>, task: &Task) -> Outcome {
    match task {
        Task::Commit(transaction) => step.commit(transaction),
        Task::Grant(id, seconds) => step.grant(*id, *seconds),
        Task::Revoke(id) => step.revoke(*id),
        Task::Compact(before) => step.compact(*before),
        Task::Expire | Task::Close => Ok(Ok(Committed { revision: step.state.revision, succeeded: true })),
    }
}

fn succeed(shared: &Shared, written: Written, due: &[LeaseId], batch: Vec<Request>) {
    {
        let mut leases = shared.leases();
        let now = shared.clock.now();
        due.iter().for_each(|id| leases.remove(*id));
        for (request, answer) in batch.iter().zip(&written.answers) {
            match request.task {
                Task::Grant(id, seconds) if answer.is_ok() => {
                    leases.insert(id, Duration::from_secs(seconds), now);
                }
                Task::Revoke(id) if answer.is_ok() => leases.remove(id),
                _ => {}
            }
        }
    }
    shared.history.publish(written.state, written.changes);
    for (request, outcome) in batch.into_iter().zip(written.answers) {
        answer(request.reply, outcome);
    }
}

fn fail(shared: &Shared, fault: &Fault, due: &[LeaseId], batch: Vec<Request>) {
    // Not at once: the storage pauses after a failure.
    shared.leases().put_back(due, shared.clock.now() + TICK);
    for request in batch {
        answer(request.reply, Err(fault.clone().into()));
    }
}

fn answer(reply: Reply, outcome: Result<Committed, StoreError>) {
    // Who no longer waits has dropped the other end.
    let _ = reply.send(outcome);
}
