//! Fewer calls for an endpoint that has just come: its caches are cold, its code is not compiled yet.
//! It must let some calls through from the first moment: nothing else warms it.

use std::time::Duration;

use super::load::Load;

/// How the share of a new endpoint grows. In the words of Envoy: slow start with an aggression of 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// From its first sight to its full share.
    pub window: Duration,
    /// The part of its share that it gets at first, in percent.
    pub least_percent: u8,
}

impl WarmUp {
    /// The part of its share that an endpoint gets, at most 1.
    #[must_use]
    pub fn part(&self, load: &Load, now: Duration) -> f32 {
        let age = now.saturating_sub(load.since());
        if age >= self.window {
            return 1.0;
        }
        let grown = age.as_secs_f32() / self.window.as_secs_f32();
        grown.max(f32::from(self.least_percent) / 100.0).min(1.0)
    }
}
