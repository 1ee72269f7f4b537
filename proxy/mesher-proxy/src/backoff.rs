//! How long to wait after a failure: longer after each, and by chance anywhere below that (full jitter).
//! It must hold no clock and no randomness of its own.

use std::time::Duration;

/// The longest pause after the first failure, and after any.
pub(crate) const FIRST: Duration = Duration::from_secs(1);
/// Proxies that lost their registry together come back to it within this time, not at once.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// A connection that lasted so long was a good one: the next pause is short again.
const GOOD: Duration = Duration::from_secs(60);

/// The failures in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// A connection ended that lasted so long, or did not come about. `draw` as for [`Self::failed`].
    pub(crate) fn ended(&mut self, lasted: Duration, draw: f64) -> Duration {
        if lasted >= GOOD {
            self.reset();
        }
        self.failed(draw)
    }

    /// It failed. `draw` is a number by chance, from 0 to 1.
    pub(crate) fn failed(&mut self, draw: f64) -> Duration {
        let ceiling = 1_u32.checked_shl(self.failures).map_or(LONGEST, |times| FIRST.saturating_mul(times));
        self.failures = self.failures.saturating_add(1);
        ceiling.min(LONGEST).mul_f64(draw.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, FIRST, GOOD, LONGEST};

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_and_starts_anew() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<_> = (0..8).map(|_| backoff.failed(1.0).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 60, 60]);
        (0..1000).for_each(|_| assert!(backoff.failed(1.0) <= LONGEST));
        backoff.reset();
        assert_eq!(backoff.failed(1.0), FIRST);
        assert_eq!(backoff.ended(GOOD / 2, 1.0), FIRST * 2);
        assert_eq!(backoff.ended(GOOD, 1.0), FIRST);
    }

    #[test]
    fn rg_14_a_thousand_that_lost_their_registry_together_come_back_spread() {
        // Each has failed for five minutes. When do they ask next after that, second by second?
        let outage = 300.0;
        let mut seconds = vec![0_usize; 61];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..1000 {
            let (mut backoff, mut at) = (Backoff::default(), 0.0);
            while at < outage {
                at += backoff.failed(random.f64()).as_secs_f64();
            }
            let second = (at - outage) as usize;
            seconds[second.min(60)] += 1;
        }
        let mean = 1000.0 / 60.0;
        let peak = *seconds.iter().max().unwrap();
        assert!((peak as f64) < 3.0 * mean, "{peak} in one second, {mean:.1} in the mean: {seconds:?}");
        let late: usize = seconds[40..].iter().sum();
        assert!(late > 50, "only {late} come after 40 s: {seconds:?}");
    }
}
