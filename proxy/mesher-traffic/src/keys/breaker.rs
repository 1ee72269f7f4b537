//! `circuitBreaker.NAME` and `instanceIsolation.NAME`: when calls are refused, as Java Chassis' governance says it.
//! It must read what is there alone; which calls it is about stands in the match group of the same name.

use std::time::Duration;

use mesher_model::rule::{BreakerMode, Percent};
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::matching::pass_over;
use super::values;
use super::yaml::{self, Fault, members};
use crate::breaker::{BreakerPolicy, BreakerRule, Span};
use crate::statuses::Statuses;

/// Calls of a window, or seconds of one.
const WINDOW_MAX: u32 = 10_000;
/// Calls that find out.
const PROBES_MAX: u32 = 1_000;
/// Statuses where nothing else is said.
const STATUSES: [u16; 2] = [502, 503];

members! {
    /// One policy. Source: Java Chassis, `CircuitBreakerPolicy`.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        "failureRateThreshold" => failure_rate: String,
        "slowCallRateThreshold" => slow_rate: String,
        "slowCallDurationThreshold" => slow_duration: String,
        "waitDurationInOpenState" => open_time: String,
        "permittedNumberOfCallsInHalfOpenState" => probes: String,
        "minimumNumberOfCalls" => minimum: String,
        "slidingWindowType" => window_type: String,
        "slidingWindowSize" => window_size: String,
        "recordFailureStatus" => statuses: Vec<String>,
        "forceClosed" => force_closed: String,
        "forceOpen" => force_open: String,
    }
}

/// Reads a value.
pub(super) fn read(text: &str) -> Result<Frame<BreakerRule>, Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    let item = node.value;
    let size = item.window_size.as_ref();
    let span = match item.window_type.as_ref().map(|word| word.value.trim()) {
        Some("COUNT_BASED") => Span::Calls(values::number(size, 100, 1..=WINDOW_MAX)?),
        _ => Span::Time(seconds(size)?),
    };
    let minute = Duration::from_secs(60);
    let open_time = values::span(item.open_time.as_ref(), minute)?;
    let policy = BreakerPolicy::new(span, percent(item.failure_rate.as_ref(), 50)?, open_time)
        .with_minimum_calls(values::number(item.minimum.as_ref(), 100, 1..=u32::MAX)?)
        .with_probes(values::number(item.probes.as_ref(), 10, 1..=PROBES_MAX)?)
        .with_slow_calls(
            percent(item.slow_rate.as_ref(), 100)?,
            values::span(item.slow_duration.as_ref(), minute)?,
        )
        .with_mode(mode(item.force_open.as_ref(), item.force_closed.as_ref())?);
    let failures = match &item.statuses {
        None => Statuses::of(&STATUSES),
        Some(texts) => Statuses::read(texts.value.iter().map(String::as_str))
            .map_err(|text| Fault::at(texts, format!("{text:?} is no status: write 503, or 5xx")))?,
    };
    let rule = BreakerRule { policy, failures, stand_in: None };
    Ok(Frame { services: item.services, order: item.order, item: rule, notices })
}

/// A window of time: digits alone are seconds.
fn seconds(given: Option<&Spanned<String>>) -> Result<Duration, Fault> {
    match given.map(|given| given.value.trim()) {
        Some(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => {
            values::span(given, Duration::from_secs(100))
        }
        _ => values::number(given, 100, 1..=WINDOW_MAX).map(|seconds| Duration::from_secs(seconds.into())),
    }
}

fn percent(given: Option<&Spanned<String>>, default: u8) -> Result<Percent, Fault> {
    let Some(given) = given else { return Ok(Percent::whole(default).unwrap_or(Percent::ALL)) };
    let text = format!("{}%", given.value.trim().trim_end_matches('%'));
    Percent::try_from(text.as_str())
        .map_err(|_| Fault::at(given, format!("{:?} is no percentage from 0 to 100", given.value)))
}

/// A breaker that is forced both ways is open.
fn mode(open: Option<&Spanned<String>>, closed: Option<&Spanned<String>>) -> Result<BreakerMode, Fault> {
    Ok(match (values::flag(open)?, values::flag(closed)?) {
        (true, _) => BreakerMode::ForcedOpen,
        (false, true) => BreakerMode::ForcedClosed,
        (false, false) => BreakerMode::Automatic,
    })
}
