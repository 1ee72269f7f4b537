//! Calls that flow in the background while a test does something to the mesh.
//! It must keep every failure: a single one decides a test.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::http::{Kept, Message, get_by_proxy};
use crate::patience::{fail, until};

/// Failures that are remembered word by word.
const FAILURES_SHOWN_MAX: usize = 20;

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// A thread that calls again and again.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    /// Begins to call.
    pub fn start(mut call: impl FnMut() -> Result<(), String> + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let counted = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !counted.is_over.load(Ordering::Relaxed) {
                counted.count(call());
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Begins to make calls that are each to be answered with 200.
    pub fn calls(mut call: impl FnMut() -> io::Result<Message> + Send + 'static) -> Self {
        Self::start(move || match call() {
            Ok(answer) if answer.status() == 200 => Ok(()),
            Ok(answer) => Err(format!("{:?} {}", answer.head, answer.text())),
            Err(error) => Err(error.to_string()),
        })
    }

    /// GETs of a URL through a proxy, each on a connection of its own.
    pub fn get(proxy: SocketAddr, url: &str) -> Self {
        let url = url.to_owned();
        Self::calls(move || get_by_proxy(proxy, &url))
    }

    /// The same on one connection that is kept.
    pub fn get_kept(proxy: SocketAddr, host: &str, path: &str) -> Self {
        let mut kept = Kept::to(proxy);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        Self::calls(move || kept.call(&request))
    }

    /// Calls that were answered as they should be, so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Waits until this many more calls were answered.
    #[track_caller]
    pub fn flow(&self, more: u64) {
        let goal = self.answered() + more;
        until(&format!("{more} more calls answered"), || (self.answered() >= goal).then_some(()));
    }

    /// Ends it, and fails the test where a single call failed.
    #[track_caller]
    pub fn end_without_failure(mut self) {
        self.end();
        let failures = self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = self.shared.failed.load(Ordering::Relaxed);
        if failed > 0 {
            let answered = self.answered();
            fail(&format!("{failed} calls failed, {answered} did not; the first: {failures:#?}"));
        }
    }

    fn end(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its own panic would say less than the failures do.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn count(&self, result: Result<(), String>) {
        let Err(failure) = result else {
            self.answered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < FAILURES_SHOWN_MAX {
            failures.push(failure);
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.end();
    }
}
