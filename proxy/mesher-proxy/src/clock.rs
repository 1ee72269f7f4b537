//! The time of this process: spans since one moment, the same for all its threads.
//! It must not know what they are compared with.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// That moment.
pub(crate) fn beginning() -> Instant {
    *BEGINNING
}

/// How long after it another moment is.
pub(crate) fn at(moment: Instant) -> Duration {
    moment.saturating_duration_since(*BEGINNING)
}

/// How long ago it was.
pub(crate) fn now() -> Duration {
    BEGINNING.elapsed()
}
