//! Time as decisions take it: a span since one moment, the same for the whole process.
//! It must be asked only where something depends on it: each look costs a call that no rule guards nothing.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The moment.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long ago that moment is.
pub(crate) fn now() -> Duration {
    BEGAN.elapsed()
}

/// The moment itself.
pub(crate) fn epoch() -> Instant {
    *BEGAN
}
