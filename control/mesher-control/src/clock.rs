//! Where the control plane reads the time.
//! It must not be read anywhere else, so that a test can be in any moment without waiting for it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mesher_registry::Moment;

/// A source of moments.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub fn system() -> Self {
        let start = Instant::now();
        Self::from_fn(move || Moment {
            monotonic: start.elapsed(),
            // A machine whose calendar stands before 1970 gets records from 1970; nothing hangs on it.
            unix: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO),
        })
    }

    /// A clock of one's own. Its monotonic part must never go back.
    #[must_use]
    pub fn from_fn(read: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn now(&self) -> Moment {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}
