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
/// How long calls have to be taken until the log is told so: what is given back is soon filled again while callers press.
const CALM_TIME: Duration = Duration::from_secs(3);
/// When a limit of others is asked for again: it may be changed while the proxy runs.
const LIMIT_AGE_MAX: Duration = Duration::from_secs(10);

/// Looks for the life of the proxy. Ends where there is no limit.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let Some(mut limit) = limit(&shared) else { return };
    tracing::debug!(limit, "memory is watched");
    let (mut step, mut asked_at, mut story) = (Step::Calm, Instant::now(), Story::default());
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
            tracing::debug!(used, limit, does = next.words(), "memory");
            step = next;
        }
        story.tell(step, used, limit);
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

/// What the log was told: once that calls are refused, and once that it is over and stays so.
#[derive(Debug, Default)]
struct Story {
    has_begun: bool,
    calm_since: Option<Instant>,
}

impl Story {
    fn tell(&mut self, step: Step, used: u64, limit: u64) {
        if step >= Step::Shed {
            self.calm_since = None;
            if !std::mem::replace(&mut self.has_begun, true) {
                tracing::warn!(
                    used,
                    limit,
                    "memory is nearly used up (MESHER_MEMORY_MAX); new calls are refused"
                );
            }
        } else if self.has_begun && self.calm_since.get_or_insert_with(Instant::now).elapsed() >= CALM_TIME {
            *self = Self::default();
            tracing::info!(used, limit, "there is memory again; new calls are taken");
        }
    }
}
