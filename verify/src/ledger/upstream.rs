//! The server of a ledger: counts each call that it executes, answers it, or breaks as the call's deed says.
//! It must count before it answers: a call whose answer is lost was executed all the same.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::ledger::deed::{Deed, Fault, Leaving};
use crate::ledger::message::{Broken, Stream};

/// What the upstream knows of a run.
#[derive(Debug)]
pub(super) struct Counts {
    seed: u64,
    /// How often each call was begun.
    tries: Vec<AtomicU8>,
    /// How often each call was executed.
    pub(super) executed: Vec<AtomicU8>,
    /// Calls that arrived otherwise than they were sent.
    pub(super) garbled: AtomicU64,
    /// Calls that looked whole and were not.
    pub(super) truncated: AtomicU64,
    /// How often each fault was played.
    pub(super) faults: [AtomicU64; Fault::ALL.len()],
    /// Connections that were ended right after an answer.
    pub(super) stale: AtomicU64,
    pub(super) connections: AtomicU64,
    is_over: AtomicBool,
}

/// A server with a thread of its own. Dropped, it ends.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    pub(super) counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Listens on a free loopback port, for the calls `0..calls` of this seed.
    pub fn start(seed: u64, calls: u64) -> Self {
        let zeros = || (0..calls).map(|_| AtomicU8::new(0)).collect();
        let counts = Arc::new(Counts {
            seed,
            tries: zeros(),
            executed: zeros(),
            garbled: AtomicU64::new(0),
            truncated: AtomicU64::new(0),
            faults: std::array::from_fn(|_| AtomicU64::new(0)),
            stale: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port can be bound");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::clone(&counts);
        let thread = std::thread::spawn(move || serve(listener, shared));
        Self { address, counts, thread: Some(thread) }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.counts.is_over.store(true, Ordering::Relaxed);
        if std::net::TcpStream::connect(self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(listener: TcpListener, counts: Arc<Counts>) {
    let runtime = super::caller::runtime();
    runtime.block_on(async move {
        listener.set_nonblocking(true).expect("a listener can be polled");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener can be polled");
        while let Ok((tcp, _)) = listener.accept().await {
            if counts.is_over.load(Ordering::Relaxed) {
                return;
            }
            counts.connections.fetch_add(1, Ordering::Relaxed);
            let counts = Arc::clone(&counts);
            tokio::spawn(async move { counts.converse(Stream::of(tcp)).await });
        }
    });
}

impl Counts {
    async fn converse(&self, mut stream: Stream) {
        loop {
            let head = match stream.head().await {
                Ok(head) => head,
                Err(Broken::Garbled) => {
                    self.garbled.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Err(_) => return,
            };
            let Some((deed, try_number)) = head.id.and_then(|id| self.begin(id)) else {
                self.garbled.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let fault = deed.fault.filter(|_| try_number < deed.fault_tries);
            if let Some(fault) = fault.filter(|fault| fault.is_unread()) {
                return self.play(stream, fault, &[]).await;
            }
            let frame = head.request_frame();
            let Ok(body) = stream.body(&head, frame).await else { return };
            self.execute(&deed, &body);
            let answer = deed.answer();
            if let Some(fault) = fault {
                return self.play(stream, fault, &answer).await;
            }
            if stream.send(&answer).await.is_err() || deed.answer == super::deed::Frame::UntilClose {
                return;
            }
            if deed.is_stale_after {
                self.stale.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }

    /// The call with this id, and how often it was tried before.
    fn begin(&self, id: u64) -> Option<(Deed, u8)> {
        let tries = self.tries.get(usize::try_from(id).ok()?)?;
        Some((Deed::of(self.seed, id), tries.fetch_add(1, Ordering::Relaxed)))
    }

    fn execute(&self, deed: &Deed, body: &[u8]) {
        if let Some(executed) = usize::try_from(deed.id).ok().and_then(|id| self.executed.get(id)) {
            executed.fetch_add(1, Ordering::Relaxed);
        }
        let has_left = deed.leaving == Some(Leaving::InRequest);
        if has_left {
            self.truncated.fetch_add(1, Ordering::Relaxed);
        } else if !deed.is_own_body(body) {
            self.garbled.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn play(&self, mut stream: Stream, fault: Fault, answer: &[u8]) {
        let index = Fault::ALL.iter().position(|known| *known == fault).unwrap_or_default();
        if let Some(count) = self.faults.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let head =
            memchr::memmem::rfind(answer.get(..answer.len().min(1024)).unwrap_or_default(), b"X-Ledger");
        let head = head.map_or(answer.len(), |begin| {
            let rest = answer.get(begin..).unwrap_or_default();
            begin + memchr::memmem::find(rest, b"\r\n\r\n").map_or(rest.len(), |end| end + 4)
        });
        let sent = match fault {
            Fault::EndInHead | Fault::BreakInHead => head.saturating_sub(10),
            Fault::EndInBody | Fault::BreakInBody => head + (answer.len() - head) / 2,
            _ => 0,
        };
        // Its connection ends in any case.
        let _ = stream.send(answer.get(..sent).unwrap_or_default()).await;
        if fault.is_break() {
            stream.break_off();
        }
    }
}
