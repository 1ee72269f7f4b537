//! A point in time, as the caller's clocks show it.
//! It must not be read from a clock in this crate.

use std::time::Duration;

/// One reading of two clocks. Leases follow the monotonic one; records carry the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Time since some fixed start; never goes back, whatever happens to the calendar.
    pub monotonic: Duration,
    /// Time since the Unix epoch.
    pub unix: Duration,
}

impl Moment {
    /// Seconds since the Unix epoch as text, the form of every timestamp in the registry.
    #[must_use]
    pub fn timestamp(self) -> String {
        self.unix.as_secs().to_string()
    }
}
