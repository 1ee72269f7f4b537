//! What a rule says of when endpoints are passed over.
//! It must be valid by construction: nothing of it is checked later.

use std::time::Duration;

use mesher_model::rule::{Health, Percent};

use crate::statuses::Statuses;

/// How long an endpoint is passed over at most, however often it was.
const EJECTION_TIME_MAX: Duration = Duration::from_secs(300);

/// Endpoints with enough calls that a comparison of successes wants: of fewer, none is far from the mean.
const COMPARED_MIN: usize = 5;
/// Those that one of latencies wants: a median of two says nothing.
const COMPARED_MIN_BY_LATENCY: usize = 3;
/// Half of the endpoints.
const HALF: Percent = match Percent::whole(50) {
    Some(half) => half,
    None => Percent::ALL,
};

/// Fewer successes than others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuccessRate {
    /// How many thousandths of a standard deviation below the mean of all are too few.
    pub deviations: u32,
    /// Endpoints with enough calls that a comparison wants.
    pub endpoints: usize,
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
    pub failure_share: Option<Percent>,
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
    /// How many of the endpoints may be ejected at once; one of two or more always, unless none may be.
    pub ejected_share_max: Percent,
    /// Where a smaller part of the endpoints is left, all are used.
    pub panic_share: Percent,
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
            ejected_share_max: HALF,
            panic_share: HALF,
        }
    }
}

impl EjectionPolicy {
    /// Whether endpoints are looked at in intervals.
    pub(super) const fn is_reviewing(&self) -> bool {
        self.success_rate.is_some() || self.failure_share.is_some() || self.latency.is_some()
    }

    /// How many of so many endpoints may be ejected.
    pub(crate) fn ejected_max(&self, endpoints: usize) -> usize {
        let hundredths = usize::from(self.ejected_share_max.hundredths());
        let share = endpoints * hundredths / usize::from(Percent::WHOLE);
        // Of two or more, one that works none the less can always be spared; the only one cannot.
        let least = usize::from(endpoints > 1 && hundredths > 0);
        share.max(least).min(endpoints.saturating_sub(1))
    }

    /// For how long, the time after so many.
    pub(super) fn time(&self, times: u32) -> Duration {
        self.base_time.saturating_mul(times.max(1)).min(self.time_max.max(self.base_time))
    }
}

/// What a rule says of passive health, and which answers it takes for failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRule {
    /// When endpoints are passed over.
    pub policy: EjectionPolicy,
    /// Statuses that are failures. A connection that fails, and an answer that does not come, always are.
    pub failures: Statuses,
}

impl HealthRule {
    /// What a document of this kind says.
    pub(crate) fn of_document(health: &Health) -> Self {
        let passive = &health.passive;
        let policy = EjectionPolicy {
            consecutive_failures: passive.consecutive_failures,
            success_rate: passive
                .success_rate_stdev_factor
                .map(|deviations| SuccessRate { deviations, endpoints: COMPARED_MIN }),
            failure_share: passive.failure_rate,
            latency: passive
                .latency_factor
                .map(|factor| SlowerThan { percent: factor * 100, endpoints: COMPARED_MIN_BY_LATENCY }),
            minimum_requests: passive.minimum_requests,
            interval: passive.interval.duration(),
            base_time: passive.base_ejection_time.duration(),
            time_max: passive.max_ejection_time.duration(),
            ejected_share_max: passive.max_ejection_percent,
            panic_share: passive.panic_threshold,
        };
        Self { policy, failures: Statuses::of_patterns(&passive.failure_statuses) }
    }
}
