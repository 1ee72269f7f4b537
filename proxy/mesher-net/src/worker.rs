//! Worker threads: each with a current-thread runtime of its own, sharing nothing on a request's path.
//! They must not block and must not hand a task to one another.

use std::future::Future;
use std::io;
use std::thread::{Builder, JoinHandle};

use tokio::runtime;

/// Starts a thread named `name` that runs what `make` returns, and ends with it. The future, and all that it spawns
/// with [`tokio::task::spawn_local`], stays on that thread and need not be `Send`.
///
/// # Errors
/// The system's, when it gives no thread. The thread itself returns the system's error when it gets no event queue.
pub fn spawn<F, R>(name: &str, make: F) -> io::Result<JoinHandle<io::Result<R>>>
where
    F: AsyncFnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || block_on(make()))
}

const STACK_BYTES: usize = 1024 * 1024;

/// The processors that this process may use; control groups and affinity are counted.
#[must_use]
pub fn processor_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `future` on a fresh current-thread runtime on this thread, for everything off the data path.
///
/// # Errors
/// The system's, when it gives no event queue.
pub fn block_on<R>(future: impl Future<Output = R>) -> io::Result<R> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(runtime::LocalOptions::default())?;
    Ok(runtime.block_on(future))
}
