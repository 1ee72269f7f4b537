//! How much memory the proxy has: looked at by the control thread, a few times a second.
//! It must not wait for a request, and must say once when something begins to be left out, and once when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesher_net::memory_limit::{memory_limit, own_memory};
use mesher_traffic::overload::Step;

use crate::bootstrap::MemoryMax;
use crate::worker::Shared;

/// The longest and the shortest time between two looks at memory.
const LOOKS: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(5)];
/// Bytes that callers fill in a second at most: the less is left, the sooner memory is looked at again.
const FILLED_PER_SECOND: u64 = 1 << 30;
/// When a limit of others is asked for again: it may be changed while the proxy runs.
const LIMIT_AGE_MAX: Duration = Duration::from_secs(10);

/// Looks for the life of the proxy. Ends where there is no limit.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let Some(mut limit) = limit(&shared) else { return };
    tracing::debug!(limit, "memory is watched");
    let (mut step, mut asked_at) = (Step::Calm, Instant::now());
    loop {
        if asked_at.elapsed() >= LIMIT_AGE_MAX {
            asked_at = Instant::now();
            limit = self::limit(&shared).unwrap_or(limit);
        }
        let used = own_memory();
        shared.pressure.set_memory(used, limit);
        let next = step.next(used, limit);
        if next != step {
            shared.pressure.set_step(next);
            tell((step, next), used, limit);
            step = next;
        }
        if step > Step::Calm {
            // What calls of before have left behind is free, and counts as used until it is given back.
            shared.relief.ask();
        }
        tokio::time::sleep(until_next_look(used, limit)).await;
    }
}

/// When memory is looked at again: before callers can fill what is left.
pub(super) fn until_next_look(used: u64, limit: u64) -> Duration {
    let [longest, shortest] = LOOKS;
    let left = limit.saturating_sub(used) as f64;
    longest.mul_f64((left / FILLED_PER_SECOND as f64 / longest.as_secs_f64()).min(1.0)).max(shortest)
}

/// How much memory the proxy may have.
fn limit(shared: &Shared) -> Option<u64> {
    match shared.bootstrap.overload.memory_max {
        MemoryMax::Off => None,
        MemoryMax::Bytes(bytes) => Some(bytes),
        MemoryMax::OfGroup => memory_limit().filter(|limit| *limit > 0),
    }
}

fn tell((before, now): (Step, Step), used: u64, limit: u64) {
    let does = now.words();
    match (before >= Step::Shed, now >= Step::Shed) {
        (false, true) => tracing::warn!(used, limit, does, "memory is nearly used up; see MESHER_MEMORY_MAX"),
        (true, false) => tracing::info!(used, limit, does, "there is memory again; new calls are taken"),
        _ => tracing::debug!(used, limit, does, "memory"),
    }
}
