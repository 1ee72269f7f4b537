//! The endpoints of a service compared with each other, once an interval.
//! It must say nothing of endpoints that took too few calls, or where too few are there to compare.

use super::member::{Cause, Interval};
use super::policy::EjectionPolicy;

/// How far below the mean a success rate must be at least: where all succeed nearly always, a standard deviation is next to
/// nothing, and one failure of a thousand would be far outside.
const SUCCESS_DISTANCE_MIN: f64 = 0.05;

/// Which endpoints stand out, by their places, the worst first.
pub(super) fn outliers(policy: &EjectionPolicy, intervals: &[Interval]) -> Vec<(usize, Cause)> {
    let numbered = intervals.iter().copied().enumerate();
    let known: Vec<_> = numbered.filter(|(_, seen)| seen.calls >= policy.minimum_requests.max(1)).collect();
    let mut outliers = Vec::new();
    if let Some(share) = policy.failure_share {
        let is_too_bad = |seen: &Interval| share.is_reached(seen.failures.into(), seen.calls.into());
        let failing = known.iter().filter(|(_, seen)| seen.failures > 0 && is_too_bad(seen));
        outliers.extend(failing.map(|(place, seen)| (seen.success_rate(), *place, Cause::FailureShare)));
    }
    if let Some(rule) = policy.success_rate.filter(|rule| known.len() >= rule.endpoints.max(2)) {
        let least = least_success(&known, f64::from(rule.deviations) / 1000.0);
        let failing = known.iter().filter(|(_, seen)| seen.success_rate() < least);
        outliers.extend(failing.map(|(place, seen)| (seen.success_rate(), *place, Cause::SuccessRate)));
    }
    if let Some(rule) = policy.latency.filter(|rule| known.len() >= rule.endpoints.max(2)) {
        let most =
            median(known.iter().map(|(_, seen)| seen.latency()).collect()) * f64::from(rule.percent) / 100.0;
        let slow = known.iter().filter(|(_, seen)| seen.latency() > most);
        // The slower, the further in front, and behind those that fail.
        outliers.extend(slow.map(|(place, seen)| (1.0 + most / seen.latency(), *place, Cause::Latency)));
    }
    outliers.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    outliers.into_iter().map(|(_, place, cause)| (place, cause)).collect()
}

/// The success rate below which an endpoint stands out.
fn least_success(known: &[(usize, Interval)], deviations: f64) -> f64 {
    let count = known.len() as f64;
    let rates = || known.iter().map(|(_, seen)| seen.success_rate());
    let mean = rates().sum::<f64>() / count;
    let variance = rates().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
    mean - (variance.sqrt() * deviations).max(SUCCESS_DISTANCE_MIN)
}

/// The lower one of two in the middle: of two endpoints the faster one is the measure.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
