//! `bulkhead.NAME` and `instanceBulkhead.NAME`: how many calls may be under way, as Java Chassis' governance says it.
//! It must read what is there alone; which calls it is about stands in the match group of the same name.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::matching::pass_over;
use super::values;
use super::yaml::{self, Fault, members};
use crate::bulkhead::{BulkheadPolicy, BulkheadRule};

/// Calls that may be under way.
const CONCURRENT_MAX: u32 = 100_000;

members! {
    /// One policy. Source: Java Chassis, `BulkheadPolicy`.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        "maxConcurrentCalls" => calls: String,
        "maxWaitDuration" => wait: String,
    }
}

/// Reads a value.
pub(super) fn read(text: &str) -> Result<Frame<BulkheadRule>, Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    let item = node.value;
    let policy = BulkheadPolicy::Fixed(values::number(item.calls.as_ref(), 1000, 0..=CONCURRENT_MAX)?);
    let wait = values::span(item.wait.as_ref(), Duration::ZERO)?;
    if let Some(given) = item.wait.as_ref().filter(|_| !wait.is_zero()) {
        notices.push(Fault::at(given, "it is passed over: a call that finds no place is refused at once"));
    }
    let rule = BulkheadRule { policy, stand_in: None };
    Ok(Frame { services: item.services, order: item.order, item: rule, notices })
}
