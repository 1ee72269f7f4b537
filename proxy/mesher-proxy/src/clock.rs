//! The time of this process: spans since one moment, the same for all its threads.
//! It must not know what they are compared with.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long it is since the first time that this was asked.
pub(crate) fn now() -> Duration {
    BEGINNING.elapsed()
}
