//! `retry.NAME`: when a failed call is tried again, as Java Chassis' governance says it.
//! It must read what is there alone; which calls it is about stands in the match group of the same name.

use std::time::Duration;

use mesher_model::rule::RetryBudget;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::matching::pass_over;
use super::values;
use super::yaml::{self, Fault, PASSED_OVER, members};
use crate::retry::{Pause, RetryPolicy};
use crate::statuses::Statuses;

/// The most further tries that a document may ask for.
pub(super) const TRIES_MAX: u32 = 10;
/// Statuses where nothing else is said.
pub(super) const STATUSES: [u16; 2] = [502, 503];

members! {
    /// One policy. Source: Java Chassis, `RetryPolicy`.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        "maxAttempts" => attempts: String,
        "retryOnSame" => on_same: String,
        "retryOnResponseStatus" => statuses: Vec<String>,
        "waitDuration" => wait: String,
        "retryStrategy" => strategy: String,
        "initialInterval" => initial: String,
        "multiplier" => multiplier: String,
        "randomizationFactor" => spread: String,
        /// Whether a call that failed to its end throws or returns: for a proxy its last answer is its answer.
        "failAfterMaxAttempts" => fail_after: IgnoredAny,
    }
}

/// Reads a value.
pub(super) fn read(text: &str) -> Result<Frame<RetryPolicy>, Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    let item = node.value;
    let attempts = values::number(item.attempts.as_ref(), 3, 0..=TRIES_MAX)?;
    let statuses = match &item.statuses {
        None => Statuses::of(&STATUSES),
        Some(texts) => Statuses::read(texts.value.iter().map(String::as_str))
            .map_err(|text| Fault::at(texts, format!("{text:?} is no status: write 503, or 5xx")))?,
    };
    let wait = values::span(item.wait.as_ref(), Duration::from_millis(1))?;
    let pause = match item.strategy.as_ref().map(|strategy| strategy.value.trim()) {
        Some("RandomBackoff") => {
            Pause::Doubling(values::span(item.initial.as_ref(), Duration::from_secs(1))?)
        }
        _ => Pause::Fixed(wait),
    };
    for given in [&item.multiplier, &item.spread].into_iter().flatten() {
        notices.push(Fault::at(
            given,
            format!("it{PASSED_OVER}pauses double, and are drawn by chance up to that"),
        ));
    }
    let item_policy = RetryPolicy {
        tries_max: attempts + 1,
        same_first: values::number(item.on_same.as_ref(), 0, 0..=TRIES_MAX)?.min(attempts),
        statuses,
        pause,
        takes_idempotency_key: false,
        budget: RetryBudget::default(),
        hedge: None,
    };
    Ok(Frame { services: item.services, order: item.order, item: item_policy, notices })
}
