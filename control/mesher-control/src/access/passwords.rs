//! The queue before the costly hashes of passwords: few at a time, on threads of their own, and few that wait.
//! It must not let logins eat the machine: whoever finds the queue full is told to come again.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Hashes at one time: each takes 19 MiB and a processor.
const AT_ONCE: usize = 2;
/// Tries that may wait or be worked on.
const WAITING_MAX: usize = 256;

/// The queue is full, or the thread broke.
#[derive(Debug)]
pub(crate) struct Busy;

/// The queue.
#[derive(Debug)]
pub(crate) struct Passwords {
    waiting: Semaphore,
    working: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { waiting: Semaphore::new(WAITING_MAX), working: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// Runs `work` on a thread of its own, once it is its turn. A caller who goes away loses its place in the queue;
    /// work that has begun keeps its own until it is done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Busy)?;
        let place = Arc::clone(&self.working).acquire_owned().await.map_err(|_| Busy)?;
        let worked = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(place);
            outcome
        });
        worked.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    //! How many hashes run and wait.
    //! They must not hash anything.

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, mpsc};

    use super::{AT_ONCE, Passwords, WAITING_MAX};

    #[tokio::test]
    async fn few_run_at_once_and_a_full_queue_refuses() {
        let passwords = Arc::new(Passwords::default());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (closed, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let tries: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let passwords = Arc::clone(&passwords);
                let (running, most, gate) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&gate));
                tokio::spawn(async move {
                    let work = move || {
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        gate.lock().unwrap().recv().unwrap_err();
                        running.fetch_sub(1, Ordering::SeqCst);
                    };
                    passwords.run(work).await.is_ok()
                })
            })
            .collect();
        while passwords.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(passwords.run(|| ()).await.is_err(), "one too many");
        drop(closed);
        for outcome in tries {
            assert!(outcome.await.unwrap());
        }
        assert!(most.load(Ordering::SeqCst) <= AT_ONCE);
        assert!(passwords.run(|| ()).await.is_ok(), "there is room again");
    }
}
