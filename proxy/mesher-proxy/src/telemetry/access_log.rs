//! The access log: one line for each invocation that is logged, written by the worker in blocks.
//! A line must never be forged by what a caller sends, and a full disk must never hold up a call.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::request::invocation::{Code, Direction, Invocation, Operation, Outcome};
use crate::worker::Worker;

/// Bytes that are gathered before they are written.
const BLOCK_BYTES: usize = 16 * 1024;
/// Longest path that is logged.
const PATH_BYTES_MAX: usize = 1024;

/// Blocks that may wait for the writer. Beyond that, blocks are dropped and counted: a reader that stalls, or a full
/// disk, must not hold up a call.
const BLOCKS_WAITING_MAX: usize = 64;

/// Where workers leave their blocks; one thread writes them to standard error.
pub(crate) type Writer = SyncSender<String>;

/// Starts the thread that writes. It ends when the last worker has.
pub(crate) fn start_writer() -> io::Result<(Writer, JoinHandle<()>)> {
    let (writer, blocks) = mpsc::sync_channel::<String>(BLOCKS_WAITING_MAX);
    let thread = std::thread::Builder::new().name("mesher-log".to_owned()).spawn(move || {
        for block in blocks {
            // A closed standard error loses the lines and nothing else.
            let _ = io::stderr().lock().write_all(block.as_bytes());
        }
    })?;
    Ok((writer, thread))
}

/// Lines that wait to be written.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    lines: String,
    writer: Writer,
    /// Blocks that found no place.
    pub(crate) dropped: u64,
}

impl LogBuffer {
    pub(crate) fn new(writer: Writer) -> Self {
        Self { lines: String::new(), writer, dropped: 0 }
    }

    /// Hands over what waits.
    pub(crate) fn flush(&mut self) {
        if !self.lines.is_empty() && self.writer.try_send(std::mem::take(&mut self.lines)).is_err() {
            self.dropped += 1;
        }
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Adds the line of `call`. The query is left out: it may hold secrets.
pub(crate) fn record(
    worker: &Worker,
    call: &Invocation,
    operation: Operation<'_>,
    outcome: &Outcome,
    elapsed: Duration,
) {
    let mut log = worker.log.borrow_mut();
    let line = &mut log.lines;
    let path = operation.path.split('?').next().unwrap_or_default();
    let path = path.get(..PATH_BYTES_MAX.min(path.len())).unwrap_or_default();
    let direction = match call.direction {
        Direction::Outbound => "out",
        Direction::Inbound => "in",
    };
    let now = jiff::Timestamp::now();
    // Writing to a string cannot fail.
    let _ = write!(line, "{now:.6} {direction} {} ", call.protocol.as_str());
    if !operation.method.is_empty() {
        let _ = write!(line, "{} {} ", operation.method.escape_default(), path.escape_default());
    }
    match outcome.code {
        Code::Status(status) => _ = write!(line, "{status}"),
        Code::Connected => line.push_str("connected"),
        Code::None => line.push_str("none"),
    }
    match outcome.failure {
        Some((side, kind)) => {
            _ = write!(line, " outcome=failed side={} kind={}", side.as_str(), kind.as_str())
        }
        None => line.push_str(" outcome=answered"),
    }
    let own = worker.shared.bootstrap.identity.service.as_str();
    let counters = worker.counters.borrow();
    match call.direction {
        Direction::Outbound => _ = write!(line, " from={own} to={}", operation.host.escape_default()),
        Direction::Inbound => _ = write!(line, " from={} to={own}", counters.peer_of(call.row)),
    }
    if let Some(endpoint) = call.current_endpoint() {
        let _ = write!(line, " endpoint={}", endpoint.address);
    }
    let milliseconds = elapsed.as_secs_f64() * 1000.0;
    let _ = write!(
        line,
        " tries={} rev={} {milliseconds:.1}ms in={} out={} inv={}",
        call.tries, call.snapshot.number, outcome.request_bytes, outcome.response_bytes, call.id
    );
    if let Some(fallen) = &call.fallback.fallen {
        let way = if fallen.portion.is_some() { "subset" } else { "answer" };
        let _ = write!(line, " fallback={way} after={}", fallen.failure.kind.as_str());
    }
    if let Some(detail) = &outcome.detail {
        let _ = write!(line, " detail=\"{}\"", detail.escape_default());
    }
    line.push('\n');
    if line.len() >= BLOCK_BYTES {
        log.flush();
    }
}
