//! Metrics of calls that did not just go to an instance and come back: tried again, refused, touched, fallen back.
//! It must read what was counted and change nothing of it.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use crate::handlers::fallback::FellBack;
use crate::request::hedge::HedgeCame;
use crate::request::invocation::Direction;
use crate::telemetry::counters::Report;
use crate::telemetry::exposition::Family;

/// Adds them.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, service: &str, report: &Report) -> fmt::Result {
    retries(encoder, service, report)?;
    hedges(encoder, service, report)?;
    fallbacks(encoder, service, report)?;
    guarded(encoder, service, report)
}

fn retries(encoder: &mut DescriptorEncoder<'_>, service: &str, report: &Report) -> fmt::Result {
    let name = ("mesher_retries", "Further tries, by why the one before failed");
    let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
    // Protocols together: the name has no label for them.
    let mut sums = BTreeMap::<(&str, &str), u64>::new();
    for (labels, counts) in report.rows.iter().filter(|(labels, _)| labels.direction == Direction::Outbound) {
        for (reason, count) in &counts.retries {
            *sums.entry((&labels.peer, reason)).or_default() += count;
        }
    }
    for ((peer, reason), count) in sums {
        family.counter(&vec![("service", service), ("peer", peer), ("reason", reason)], count)?;
    }
    let name =
        ("mesher_retries_denied", "Calls that were not tried again: the budget of their service was spent");
    let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
    let mut sums = BTreeMap::<&str, u64>::new();
    for (labels, counts) in report.rows.iter().filter(|(_, counts)| counts.retries_denied > 0) {
        *sums.entry(&labels.peer).or_default() += counts.retries_denied;
    }
    for (peer, count) in sums {
        family.counter(&vec![("service", service), ("peer", peer)], count)?;
    }
    Ok(())
}

fn hedges(encoder: &mut DescriptorEncoder<'_>, service: &str, report: &Report) -> fmt::Result {
    let name = ("mesher_hedges", "Second tries beside a first that took long, by what came of them");
    let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
    let mut sums = BTreeMap::<(&str, HedgeCame), u64>::new();
    for (labels, counts) in &report.rows {
        for (came, count) in &counts.hedges {
            *sums.entry((&labels.peer, *came)).or_default() += count;
        }
    }
    for ((peer, came), count) in sums {
        family.counter(&vec![("service", service), ("peer", peer), ("outcome", came.as_str())], count)?;
    }
    Ok(())
}

fn fallbacks(encoder: &mut DescriptorEncoder<'_>, service: &str, report: &Report) -> fmt::Result {
    let name =
        ("mesher_fallbacks", "Calls that failed and had something to fall back on, by what came of it");
    let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
    let mut sums = BTreeMap::<(&str, &str, FellBack), u64>::new();
    for (labels, counts) in &report.rows {
        for ((came, rule), count) in &counts.fallbacks {
            *sums.entry((&labels.peer, rule, *came)).or_default() += count;
        }
    }
    for ((peer, rule, came), count) in sums {
        let pairs = vec![("service", service), ("peer", peer), ("policy", rule), ("outcome", came.as_str())];
        family.counter(&pairs, count)?;
    }
    Ok(())
}

/// What rules refused, or touched, by the handler that did.
fn guarded(encoder: &mut DescriptorEncoder<'_>, service: &str, report: &Report) -> fmt::Result {
    let families = [
        ("rate_limit", "mesher_rate_limited", "Calls that a rate limit refused"),
        ("fault", "mesher_faults_injected", "Calls that a fault was put into"),
    ];
    for (handler, name, help) in families {
        let mut family = Family::begin(encoder, (name, help), None, MetricType::Counter)?;
        let mut sums = BTreeMap::<(Direction, &str, &str), u64>::new();
        for (labels, counts) in &report.rows {
            for ((_, rule), count) in counts.guarded.iter().filter(|((by, _), _)| *by == handler) {
                *sums.entry((labels.direction, &labels.peer, rule)).or_default() += count;
            }
        }
        for ((direction, peer, rule), count) in sums {
            let direction = ("direction", direction.as_str());
            family
                .counter(&vec![direction, ("service", service), ("peer", peer), ("policy", rule)], count)?;
        }
    }
    Ok(())
}
