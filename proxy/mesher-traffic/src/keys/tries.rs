//! `loadbalance.….retryEnabled` and what stands beside it: how often a call to a service is tried, in the words of both SDKs.
//! It must leave what is said of the calls of a match group to `retry`.
//!
//! Source: Java Chassis 2, `Configuration` of `handler-loadbalance`; Go Chassis, `core/config/model`, `resilience/retry`.

use std::time::Duration;

use mesher_model::rule::RetryBudget;

use super::items::{Check, Items, Look, Table};
use super::retry::{STATUSES, TRIES_MAX};
use crate::retry::{Pause, RetryPolicy};
use crate::statuses::Statuses;

/// The longest pause, in milliseconds.
const PAUSE_MAX: u64 = 60_000;
/// Where nothing is said of pauses. Source: Java Chassis, `waitDuration`.
const PAUSE: Duration = Duration::from_millis(1);

const ENABLED: &str = "retryEnabled";
const ON_NEXT: &str = "retryOnNext";
const ON_SAME: &str = "retryOnSame";
const KIND: &str = "backoff.kind";
const LEAST: &str = "backoff.minMs";
const MOST: &str = "backoff.maxMs";
/// Go Chassis knows the first three, and its examples write the last.
const KINDS: [&str; 4] = ["exponential", "constant", "zero", "jittered"];

pub(super) const TABLE: Table = Table(&[
    (ENABLED, Check::Flag),
    (ON_NEXT, Check::Number(0, TRIES_MAX as u64)),
    (ON_SAME, Check::Number(0, TRIES_MAX as u64)),
    (KIND, Check::OneOf(&KINDS, "kind of pauses")),
    (LEAST, Check::Number(0, PAUSE_MAX)),
    (MOST, Check::Number(0, PAUSE_MAX)),
]);

/// What holds for the calls to a service, the key that says so, and whether it is about this service alone.
pub(super) fn of<'i>(
    items: &'i Items,
    service: &'i str,
    qualified: &'i str,
) -> Option<(RetryPolicy, &'i str, bool)> {
    let look = items.look(service, qualified);
    let (key, _, is_own) = look.find(ENABLED).filter(|_| look.is_set(ENABLED) == Some(true))?;
    let same_first: u32 = look.number(ON_SAME, 0);
    let further = (same_first + look.number::<u32>(ON_NEXT, 0)).min(TRIES_MAX);
    let policy = RetryPolicy {
        hedge: None,
        tries_max: further + 1,
        same_first,
        statuses: Statuses::of(&STATUSES),
        pause: pause(look),
        takes_idempotency_key: false,
        budget: RetryBudget::default(),
    };
    Some((policy, key, is_own))
}

fn pause(look: Look<'_>) -> Pause {
    let [least, most] = [LEAST, MOST].map(|item| Duration::from_millis(look.number(item, 0)));
    let is_said = [KIND, LEAST, MOST].iter().any(|item| look.find(item).is_some());
    match look.find(KIND).map(|(_, kind, _)| kind) {
        None if !is_said => Pause::Fixed(PAUSE),
        Some("zero") => Pause::Fixed(Duration::ZERO),
        Some("constant") => Pause::Fixed(least),
        _ => Pause::DoublingUpTo(least, most.max(least)),
    }
}
