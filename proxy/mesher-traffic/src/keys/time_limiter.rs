//! `timeLimiter.NAME`: how long calls may take, as Java's governance says it.
//! It must read what is there alone; which calls it is about stands in the match group of the same name.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::matching::pass_over;
use super::values;
use super::yaml::{self, Fault, members};

/// The kind.
pub(super) const KIND: &str = "timeLimiter";
/// Where nothing else is said.
const TIME: Duration = Duration::from_secs(1);

members! {
    /// One policy. Source: Java Chassis, `TimeLimiterPolicy`.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        "timeoutDuration" => time: String,
        /// Whether a thread is interrupted: a proxy has none that waits.
        "cancelRunningFuture" => cancel: IgnoredAny,
    }
}

/// Reads a value.
pub(super) fn read(text: &str) -> Result<Frame<Duration>, Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    let Item { services, order, time: given, .. } = node.value;
    let time = values::span(given.as_ref(), TIME)?;
    match given.filter(|_| time.is_zero()) {
        Some(given) => Err(Fault::at(&given, "no call takes no time; write at least 1 ms")),
        None => Ok(Frame { services, order, item: time, notices }),
    }
}
