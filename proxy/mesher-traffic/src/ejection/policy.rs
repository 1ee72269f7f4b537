//! What a rule says of when endpoints are passed over.
//! It must be valid by construction: nothing of it is checked later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::{ActiveHealth, Health, PassiveHealth, Percent};

use crate::checkup::Thresholds;
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
    /// How many of the endpoints may be passed over at once for their checks; one of two or more always, unless none may be.
    pub down_share_max: Percent,
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
            down_share_max: Percent::ALL,
            panic_share: HALF,
        }
    }
}

impl EjectionPolicy {
    /// Whether endpoints are looked at in intervals.
    pub(super) const fn is_reviewing(&self) -> bool {
        self.success_rate.is_some() || self.failure_share.is_some() || self.latency.is_some()
    }

    /// What holds where nothing is made of what became of calls.
    const fn of_checks_alone() -> Self {
        Self {
            consecutive_failures: 0,
            success_rate: None,
            failure_share: None,
            latency: None,
            minimum_requests: 0,
            interval: Duration::MAX,
            base_time: Duration::ZERO,
            time_max: Duration::ZERO,
            ejected_share_max: Percent::NONE,
            down_share_max: Percent::ALL,
            panic_share: Percent::NONE,
        }
    }

    fn of_passive(passive: &PassiveHealth) -> Self {
        Self {
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
            down_share_max: Percent::ALL,
            panic_share: passive.panic_threshold,
        }
    }

    /// How many of so many endpoints may be ejected.
    pub(crate) fn ejected_max(&self, endpoints: usize) -> usize {
        // The only one cannot be spared: it may work none the less.
        share_of(self.ejected_share_max, endpoints).min(endpoints.saturating_sub(1))
    }

    /// How many of so many endpoints may be passed over for their checks: all of them, where all say that they do not work.
    pub(super) fn down_max(&self, endpoints: usize) -> usize {
        share_of(self.down_share_max, endpoints)
    }

    /// For how long, the time after so many.
    pub(super) fn time(&self, times: u32) -> Duration {
        self.base_time.saturating_mul(times.max(1)).min(self.time_max.max(self.base_time))
    }
}

/// How many of so many endpoints a share is: of two or more, one can always be spared.
fn share_of(share: Percent, endpoints: usize) -> usize {
    let hundredths = usize::from(share.hundredths());
    let least = usize::from(endpoints > 1 && hundredths > 0);
    (endpoints * hundredths / usize::from(Percent::WHOLE)).max(least)
}

/// What endpoints are asked by checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// For a connection.
    Tcp,
    /// For this path, and one of these statuses.
    Path {
        /// With its query.
        path: Arc<str>,
        /// The good ones.
        expected: Statuses,
    },
}

impl fmt::Display for Question {
    /// As in "3 checks of /health".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => formatter.write_str("its port"),
            Self::Path { path, .. } => formatter.write_str(path),
        }
    }
}

/// How endpoints are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRule {
    /// What they are asked.
    pub question: Question,
    /// From the end of a check to the next.
    pub interval: Duration,
    /// How long one may take.
    pub time_max: Duration,
    /// How many in a row change what is believed.
    pub thresholds: Thresholds,
}

impl CheckRule {
    fn of_active(active: &ActiveHealth) -> Self {
        let expected = || Statuses::of_patterns(&active.expected_statuses);
        let path = active.path.as_deref();
        Self {
            question: path
                .map_or(Question::Tcp, |path| Question::Path { path: path.into(), expected: expected() }),
            interval: active.interval.duration(),
            time_max: active.timeout.duration(),
            thresholds: Thresholds {
                healthy: active.healthy_threshold,
                unhealthy: active.unhealthy_threshold,
            },
        }
    }
}

/// What a rule says of the health of endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRule {
    /// When endpoints are passed over.
    pub policy: EjectionPolicy,
    /// Whether what becomes of calls counts.
    pub judges_calls: bool,
    /// Statuses that are failures. A connection that fails, and an answer that does not come, always are.
    pub failures: Statuses,
    /// How endpoints are checked, where they are.
    pub checks: Option<CheckRule>,
}

impl HealthRule {
    /// Whether it makes the same of calls, and passes over as many, as another one.
    #[must_use]
    pub fn judges_alike(&self, other: &Self) -> bool {
        let of_calls = |rule: &Self| (rule.policy, rule.judges_calls);
        of_calls(self) == of_calls(other) && self.failures == other.failures
    }

    /// What a document of this kind says.
    pub(crate) fn of_document(health: &Health) -> Self {
        let Health { passive, active, .. } = health;
        let mut policy =
            passive.as_ref().map_or_else(EjectionPolicy::of_checks_alone, EjectionPolicy::of_passive);
        if let Some(active) = active {
            policy.down_share_max = active.max_ejection_percent;
            // Who is left is counted whatever the others are passed over for.
            policy.panic_share = policy.panic_share.max(active.panic_threshold);
        }
        let failures = passive.as_ref().map(|passive| Statuses::of_patterns(&passive.failure_statuses));
        Self {
            policy,
            judges_calls: passive.is_some(),
            failures: failures.unwrap_or_default(),
            checks: active.as_ref().map(CheckRule::of_active),
        }
    }
}
