//! What a rule says of when endpoints are passed over.
//! It must be valid by construction: nothing of it is checked later.

use std::time::Duration;

/// How long an endpoint is passed over at most, however often it was.
const EJECTION_TIME_MAX: Duration = Duration::from_secs(300);

/// Fewer successes than others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuccessRate {
    /// How many thousandths of a standard deviation below the mean of all are too few.
    pub deviations: u32,
    /// Endpoints with enough calls that a comparison wants.
    pub endpoints: usize,
}

/// Too many failures, whatever others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureShare {
    /// In per cent.
    pub percent: u32,
}

/// Slower than others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowerThan {
    /// So many per cent of the median.
    pub percent: u32,
    /// Endpoints with enough calls that a comparison wants.
    pub endpoints: usize,
}

/// What a rule says of passive health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectionPolicy {
    /// Failures in a row; 0 does not count them.
    pub consecutive_failures: u32,
    /// Compared in each interval.
    pub success_rate: Option<SuccessRate>,
    /// Looked at in each interval.
    pub failure_share: Option<FailureShare>,
    /// Compared in each interval.
    pub latency: Option<SlowerThan>,
    /// Calls in an interval without which nothing is said of an endpoint.
    pub minimum_requests: u32,
    /// How often endpoints are looked at.
    pub interval: Duration,
    /// How long an endpoint is passed over the first time; the second time twice as long, and so on.
    pub base_time: Duration,
    /// At most.
    pub time_max: Duration,
    /// How many of the endpoints may be ejected at once, in per cent; one of two or more always.
    pub ejected_percent_max: u32,
    /// Where fewer than so many per cent of the endpoints are left, all are used.
    pub panic_percent: u32,
}

impl Default for EjectionPolicy {
    /// Five failures in a row, for 30 seconds, at most half of the endpoints, and at least half of them are used.
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            success_rate: None,
            failure_share: None,
            latency: None,
            minimum_requests: 20,
            interval: Duration::from_secs(10),
            base_time: Duration::from_secs(30),
            time_max: EJECTION_TIME_MAX,
            ejected_percent_max: 50,
            panic_percent: 50,
        }
    }
}

impl EjectionPolicy {
    /// Whether endpoints are looked at in intervals.
    pub(super) const fn is_reviewing(&self) -> bool {
        self.success_rate.is_some() || self.failure_share.is_some() || self.latency.is_some()
    }

    /// How many of so many endpoints may be ejected.
    pub(super) fn ejected_max(&self, endpoints: usize) -> usize {
        let share = endpoints * self.ejected_percent_max.min(100) as usize / 100;
        // Of two or more, one that works none the less can always be spared; the only one cannot.
        let least = usize::from(endpoints > 1 && self.ejected_percent_max > 0);
        share.max(least).min(endpoints.saturating_sub(1))
    }

    /// For how long, the time after so many.
    pub(super) fn time(&self, times: u32) -> Duration {
        self.base_time.saturating_mul(times.max(1)).min(self.time_max.max(self.base_time))
    }
}
