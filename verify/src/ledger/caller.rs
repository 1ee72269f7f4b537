//! The callers of a ledger: each has a connection, sends its calls, leaves where their deeds say so, and judges answers.
//! It must take nothing for an answer but what is one, to the last byte.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::ledger::deed::{Deed, Fault, Frame, Leaving};
use crate::ledger::message::{Broken, Head, Stream};
use crate::ledger::report::{Plan, Report};
use crate::ledger::upstream::Upstream;
use crate::patience::LIMIT;

/// Calls that are sent together.
const PIPELINE: u64 = 4;
/// One in so many batches is a pipeline.
const PIPELINE_IN: u64 = 8;
/// Violations that are remembered word by word.
const VIOLATIONS_SHOWN_MAX: usize = 20;

/// One runtime for a thread.
pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built")
}

/// Makes all calls of the plan through `proxy` to the service `ledger`, which `upstream` stands for.
#[must_use]
pub fn run(plan: &Plan, proxy: SocketAddr, upstream: &Upstream) -> Report {
    let shared = Arc::new(Shared { plan: *plan, proxy, report: Mutex::default() });
    let begun = Instant::now();
    runtime().block_on(async {
        let callers: Vec<_> = (0..plan.connections)
            .map(|number| {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { shared.call_all(number).await })
            })
            .collect();
        for caller in callers {
            caller.await.expect("a caller does not panic");
        }
    });
    let mut report = std::mem::take(&mut *shared.report());
    report.took = begun.elapsed();
    settle(plan, upstream, &mut report);
    report
}

/// Adds what the upstream knows.
fn settle(plan: &Plan, upstream: &Upstream, report: &mut Report) {
    let counts = &upstream.counts;
    for id in 0..plan.calls {
        let index = usize::try_from(id).unwrap_or_default();
        let executed = counts.executed.get(index).map_or(0, |executed| executed.load(Ordering::Relaxed));
        if executed > 1 && !Deed::of(plan.seed, id).is_idempotent() {
            report.duplicated += 1;
            report.note(format!("duplicated: {:?} was executed {executed} times", Deed::of(plan.seed, id)));
        }
    }
    report.crossed += counts.garbled.load(Ordering::Relaxed);
    report.truncated += counts.truncated.load(Ordering::Relaxed);
    for (sum, count) in report.faults.iter_mut().zip(&counts.faults) {
        *sum = count.load(Ordering::Relaxed);
    }
    report.stale = counts.stale.load(Ordering::Relaxed);
    report.connections = counts.connections.load(Ordering::Relaxed);
}

/// What the callers of a run share.
struct Shared {
    plan: Plan,
    proxy: SocketAddr,
    report: Mutex<Report>,
}

/// What became of a call.
enum Verdict {
    /// It is settled; the connection may go on.
    Next,
    /// It is settled; the connection is over.
    Last,
}

impl Shared {
    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All calls of one caller: its number, and every so many further.
    async fn call_all(&self, number: u64) {
        let mut kept = None;
        let mut ids = (number..self.plan.calls).step_by(usize::try_from(self.plan.connections).unwrap_or(1));
        let mut batches = 0_u64;
        loop {
            batches += 1;
            let is_pipeline = batches.is_multiple_of(PIPELINE_IN);
            let size = if is_pipeline { PIPELINE } else { 1 };
            let size = usize::try_from(size).unwrap_or(1);
            let batch: Vec<_> = ids.by_ref().take(size).map(|id| Deed::of(self.plan.seed, id)).collect();
            if batch.is_empty() {
                return;
            }
            let stream = match kept.take() {
                Some(stream) => stream,
                None => self.connect().await,
            };
            kept = self.call_batch(stream, &batch).await;
        }
    }

    async fn connect(&self) -> Stream {
        let deadline = Instant::now() + LIMIT;
        loop {
            match TcpStream::connect(self.proxy).await {
                Ok(tcp) => return Stream::of(tcp),
                Err(error) => assert!(Instant::now() < deadline, "the proxy cannot be connected to: {error}"),
            }
        }
    }

    /// Sends calls at once and reads their answers. Returns the connection where it can be used again.
    async fn call_batch(&self, mut stream: Stream, batch: &[Deed]) -> Option<Stream> {
        // Whoever leaves or cannot keep a connection is the last of its batch.
        let is_end = |deed: &Deed| deed.leaving.is_some() || deed.is_old;
        let last = batch.iter().position(is_end).map_or(batch.len(), |end| end + 1);
        let (batch, later) = batch.split_at(last);
        let mut bytes = Vec::new();
        for deed in batch {
            let request = deed.request();
            let whole = request.len();
            let length = if deed.leaving == Some(Leaving::InRequest) { whole - 1 } else { whole };
            bytes.extend_from_slice(request.get(..length).unwrap_or_default());
        }
        if batch.len() > 1 {
            self.report().pipelined += batch.len() as u64;
        }
        // A proxy that answers before it has read all is read all the same.
        let _ = stream.send(&bytes).await;
        let mut kept = Some(stream);
        for (index, deed) in batch.iter().enumerate() {
            let Some(stream) = kept.as_mut() else {
                self.report().unsent += (batch.len() - index) as u64;
                break;
            };
            self.report().calls += 1;
            self.report().old += u64::from(deed.is_old);
            match self.finish(stream, deed).await {
                Verdict::Next => {}
                Verdict::Last => kept = None,
            }
        }
        if !later.is_empty() {
            let stream = self.connect().await;
            return Box::pin(self.call_batch(stream, later)).await;
        }
        kept
    }

    /// Leaves, or reads the answer and judges it.
    async fn finish(&self, stream: &mut Stream, deed: &Deed) -> Verdict {
        let leaves = |moment: Leaving| {
            if deed.leaving != Some(moment) {
                return false;
            }
            let index = Leaving::ALL.iter().position(|known| *known == moment).unwrap_or_default();
            if let Some(count) = self.report().left.get_mut(index) {
                *count += 1;
            }
            true
        };
        if leaves(Leaving::InRequest) || leaves(Leaving::AfterRequest) {
            return Verdict::Last;
        }
        let is_leaving = deed.leaving == Some(Leaving::InAnswer);
        let read = tokio::time::timeout(LIMIT, read_answer(stream, deed.method, is_leaving)).await;
        if leaves(Leaving::InAnswer) {
            return Verdict::Last;
        }
        let mut report = self.report();
        match read {
            Err(_) => report.lose(format!("no answer within {LIMIT:?} to {deed:?}")),
            Ok(Err(broken)) => report.lose(format!("{broken:?} before the answer to {deed:?}")),
            Ok(Ok(answer)) => return judge(&mut report, deed, answer),
        }
        Verdict::Last
    }
}

/// An answer whose head came, with what became of its body.
struct Answer {
    head: Head,
    frame: Frame,
    body: Result<Vec<u8>, Broken>,
}

/// Reads the final answer, or only its head.
async fn read_answer(stream: &mut Stream, method: &str, is_leaving: bool) -> Result<Answer, Broken> {
    let head = read_head(stream).await?;
    let frame = head.answer_frame(method);
    let body = if is_leaving { Ok(Vec::new()) } else { stream.body(&head, frame).await };
    Ok(Answer { head, frame, body })
}

/// The head of the final answer.
async fn read_head(stream: &mut Stream) -> Result<Head, Broken> {
    loop {
        let head = stream.head().await?;
        if !(100..200).contains(&head.status) {
            return Ok(head);
        }
    }
}

fn judge(report: &mut Report, deed: &Deed, answer: Answer) -> Verdict {
    let Answer { head, frame, body } = answer;
    let has_fault_in_answer = matches!(
        deed.fault,
        Some(Fault::EndInBody | Fault::BreakInBody | Fault::EndInHead | Fault::BreakInHead)
    );
    let is_last = head.is_last || frame == Frame::UntilClose || deed.is_old;
    match body {
        Err(Broken::Cut) if has_fault_in_answer => report.cut += 1,
        Err(broken) => report.lose(format!("{broken:?} within the answer to {deed:?}")),
        Ok(_) if head.is_proxys && head.id.is_none() => {
            report.refused += 1;
            if deed.fault.is_none() && deed.is_repeatable() {
                report.refused_without_cause += 1;
                report.note(format!("refused: {} to {deed:?}", head.status));
            }
        }
        Ok(body) if head.id == Some(deed.id) && head.status == deed.status && deed.is_answer_body(&body) => {
            report.answered += 1;
            return if is_last { Verdict::Last } else { Verdict::Next };
        }
        Ok(body) if head.id == Some(deed.id) && deed.begins_answer_body(&body) => {
            report.truncated += 1;
            report.note(format!("truncated: {} bytes looked whole to {deed:?}", body.len()));
        }
        Ok(body) => {
            report.crossed += 1;
            let begin =
                String::from_utf8_lossy(body.get(..body.len().min(80)).unwrap_or_default()).into_owned();
            report.note(format!("crossed: {head:?} {begin:?} to {deed:?}"));
        }
    }
    // After a refusal of the proxy's the connection may go on; after anything else it must not.
    if head.is_proxys && !is_last { Verdict::Next } else { Verdict::Last }
}

impl Report {
    fn lose(&mut self, how: String) {
        self.lost += 1;
        self.note(format!("lost: {how}"));
    }

    fn note(&mut self, violation: String) {
        if self.violations.len() < VIOLATIONS_SHOWN_MAX {
            self.violations.push(violation);
        }
    }
}
