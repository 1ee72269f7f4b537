//! `loadbalance.….isolation.…`: instances that are passed over for their failures, as Java Chassis 1 and 2 had it.
//! It must make of Java's words what passive health can say, and tell of those that it cannot.
//!
//! Source: Java Chassis 2, `IsolationDiscoveryFilter`, `ServiceCombServerStats`.

use std::time::Duration;

use mesher_model::rule::Percent;

use super::items::{Check, Items, Table};
use super::yaml::PASSED_OVER;
use crate::ejection::{EjectionPolicy, HealthRule};
use crate::statuses::Statuses;

/// The longest time that a key may say, in milliseconds.
const MILLISECONDS_MAX: u64 = 24 * 3600 * 1000;
/// The most calls that a key may say.
const CALLS_MAX: u64 = 100_000;
/// Answers that are failures, beside calls without one.
const STATUSES: [u16; 3] = [502, 503, 504];

const FILTER: &str = "filter.isolation.enabled";
const ENABLED: &str = "isolation.enabled";
const IN_A_ROW: &str = "isolation.continuousFailureThreshold";
const PERCENT: &str = "isolation.errorThresholdPercentage";
const LEAST_CALLS: &str = "isolation.enableRequestThreshold";
const TEST_AFTER: &str = "isolation.singleTestTime";
const LEAST_TIME: &str = "isolation.minIsolationTime";
const RECOVERS_AT_ONCE: &str = "isolation.recoverImmediatelyWhenSuccess";
const TEST_WINDOW: &str = "isolation.maxSingleTestWindow";
const PROTECTION: &str = "filter.isolation.emptyInstanceProtectionEnabled";

pub(super) const TABLE: Table = Table(&[
    (FILTER, Check::Flag),
    (ENABLED, Check::Flag),
    (IN_A_ROW, Check::Number(0, CALLS_MAX)),
    (PERCENT, Check::Number(0, 100)),
    (LEAST_CALLS, Check::Number(0, CALLS_MAX)),
    (TEST_AFTER, Check::Number(1, MILLISECONDS_MAX)),
    (LEAST_TIME, Check::Number(0, MILLISECONDS_MAX)),
    (RECOVERS_AT_ONCE, Check::Flag),
    (TEST_WINDOW, Check::Number(0, MILLISECONDS_MAX)),
    (PROTECTION, Check::Flag),
]);
/// Each of these makes a rule by itself, with Java's values for the others.
const SAYING: [&str; 7] = [IN_A_ROW, PERCENT, LEAST_CALLS, TEST_AFTER, LEAST_TIME, ENABLED, FILTER];

/// What holds for the calls to a service, the key that says so, and whether it is about this service alone.
pub(super) fn of<'i>(
    items: &'i Items,
    service: &'i str,
    qualified: &'i str,
) -> Option<(HealthRule, &'i str, bool)> {
    let look = items.look(service, qualified);
    if [FILTER, ENABLED].iter().any(|item| look.is_set(item) == Some(false)) {
        return None;
    }
    let (key, _, is_own) = SAYING.into_iter().find_map(|item| look.find(item))?;
    let percent = Percent::whole(look.number(PERCENT, 0)).filter(|percent| percent.hundredths() > 0);
    let time = look.number(TEST_AFTER, 60_000).max(look.number(LEAST_TIME, 3_000));
    let time = Duration::from_millis(time);
    let policy = EjectionPolicy {
        consecutive_failures: look.number(IN_A_ROW, 5),
        failure_share: percent,
        minimum_requests: look.number(LEAST_CALLS, 5),
        // One call finds out each time, after as long as the first time.
        base_time: time,
        time_max: time,
        // As many as fail; where all do, all are used.
        ejected_share_max: Percent::ALL,
        panic_share: Percent::whole(0).unwrap_or(Percent::ALL),
        ..EjectionPolicy::default()
    };
    let rule = HealthRule { policy, judges_calls: true, failures: Statuses::of(&STATUSES), checks: None };
    Some((rule, key, is_own))
}

/// What is said of keys that have no meaning here.
pub(super) fn notices(items: &Items) -> impl Iterator<Item = String> {
    items.all().filter_map(|(item, key, value)| {
        let is_off = value.eq_ignore_ascii_case("false");
        let words = match item {
            TEST_WINDOW => "each instance is tried by itself, however many are",
            RECOVERS_AT_ONCE if is_off => "the call that finds out and succeeds ends the isolation",
            PROTECTION if is_off => "where all instances are isolated, all are used",
            _ => return None,
        };
        Some(format!("{key}: it{PASSED_OVER}{words}"))
    })
}
