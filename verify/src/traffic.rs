//! Calls that flow in the background while a test does something to the mesh.
//! It must keep every failure: a single one decides a test.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

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
