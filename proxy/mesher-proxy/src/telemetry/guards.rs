//! Metrics of the rules that stand between a call and its endpoint: breakers, bulkheads, health.
//! It must read what they remember and change nothing of it.

use std::fmt;

use mesher_traffic::breaker::Standing;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use crate::clock;
use crate::handlers::breaker::standing_word;
use crate::request::invocation::Direction;
use crate::snapshot::guards::Guards;
use crate::snapshot::{Cluster, ClusterKind, Snapshot};
use crate::telemetry::exposition::{Family, Pairs};

/// Adds them.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, service: &str, snapshot: &Snapshot) -> fmt::Result {
    let guarded: Vec<_> = snapshot
        .clusters()
        .filter_map(|cluster| Some((labels(service, cluster), &cluster.governance.as_ref()?.guards)))
        .collect();
    breakers(encoder, &guarded)?;
    bulkheads(encoder, &guarded)?;
    let name = ("mesher_ejections", "Times that an endpoint was passed over for what became of its calls");
    let mut counts = Family::begin(encoder, name, None, MetricType::Counter)?;
    for (labels, health) in
        guarded.iter().filter_map(|(labels, guards)| Some((labels, guards.health.as_ref()?)))
    {
        counts.counter(labels, health.watch.ejections())?;
    }
    checks(encoder, service, snapshot)
}

/// What active checks were made, and what they say.
fn checks(encoder: &mut DescriptorEncoder<'_>, service: &str, snapshot: &Snapshot) -> fmt::Result {
    let all = || {
        snapshot.clusters().filter_map(|cluster| {
            let checked = cluster.governance.as_ref()?.guards.checked()?;
            Some((vec![("service", service), ("peer", &*cluster.name)], checked))
        })
    };
    let name = ("mesher_health_checks", "Checks of instances that rules wanted, by how they ended");
    let mut counts = Family::begin(encoder, name, None, MetricType::Counter)?;
    for (labels, checked) in all() {
        for (outcome, count) in checked.counts().filter(|(_, count)| *count > 0) {
            counts.counter(&with(&labels, "outcome", outcome.as_str()), count)?;
        }
    }
    let name = ("mesher_health_unhealthy", "Instances that do not work, as checks say");
    let mut values = Family::begin(encoder, name, None, MetricType::Gauge)?;
    for (labels, checked) in all() {
        values.gauge(&labels, i64::try_from(checked.unhealthy_count()).unwrap_or(i64::MAX))?;
    }
    Ok(())
}

fn labels<'a>(service: &'a str, cluster: &'a Cluster) -> Pairs<'a> {
    let (direction, peer) = match cluster.kind {
        ClusterKind::Local => (Direction::Inbound, service),
        _ => (Direction::Outbound, &*cluster.name),
    };
    vec![("direction", direction.as_str()), ("service", service), ("peer", peer)]
}

fn with<'a>(labels: &Pairs<'a>, name: &'static str, value: &'a str) -> Pairs<'a> {
    labels.iter().copied().chain([(name, value)]).collect()
}

fn breakers(encoder: &mut DescriptorEncoder<'_>, guarded: &[(Pairs<'_>, &Guards)]) -> fmt::Result {
    let all = || {
        guarded.iter().flat_map(|(labels, guards)| {
            let breakers = guards.breakers.iter().flat_map(|breakers| breakers.all());
            breakers.map(move |(entry, breaker)| {
                (with(labels, "policy", &entry.name), breaker.told(clock::now()))
            })
        })
    };
    let name = ("mesher_breaker_state", "1 for the state that a breaker is in");
    let mut states = Family::begin(encoder, name, None, MetricType::Gauge)?;
    for (labels, told) in all() {
        for standing in [Standing::Closed, Standing::Open, Standing::HalfOpen] {
            let pairs = with(&labels, "state", standing_word(standing));
            states.gauge(&pairs, i64::from(told.standing == standing))?;
        }
    }
    let name = ("mesher_breaker_opened", "Times that a breaker opened");
    let mut counts = Family::begin(encoder, name, None, MetricType::Counter)?;
    for (labels, told) in all() {
        counts.counter(&labels, told.opened)?;
    }
    let name = ("mesher_breaker_closed", "Times that a breaker closed again");
    let mut counts = Family::begin(encoder, name, None, MetricType::Counter)?;
    for (labels, told) in all() {
        counts.counter(&labels, told.closed)?;
    }
    let name = ("mesher_breaker_rejected", "Calls that a breaker refused");
    let mut counts = Family::begin(encoder, name, None, MetricType::Counter)?;
    for (labels, told) in all() {
        counts.counter(&labels, told.refused)?;
    }
    Ok(())
}

fn bulkheads(encoder: &mut DescriptorEncoder<'_>, guarded: &[(Pairs<'_>, &Guards)]) -> fmt::Result {
    let all = || {
        guarded.iter().flat_map(|(labels, guards)| {
            let bulkheads = guards.bulkheads.iter().flat_map(|bulkheads| bulkheads.all());
            bulkheads.map(move |(entry, bulkhead)| (with(labels, "policy", &entry.name), bulkhead.told()))
        })
    };
    let name = ("mesher_bulkhead_in_flight", "Calls in a bulkhead");
    let mut values = Family::begin(encoder, name, None, MetricType::Gauge)?;
    for (labels, told) in all() {
        values.gauge(&labels, told.in_flight.into())?;
    }
    let name = ("mesher_bulkhead_limit", "Calls that may be in a bulkhead at once");
    let mut values = Family::begin(encoder, name, None, MetricType::Gauge)?;
    for (labels, told) in all() {
        values.gauge(&labels, told.limit.into())?;
    }
    let name = ("mesher_bulkhead_rejected", "Calls that a bulkhead refused");
    let mut counts = Family::begin(encoder, name, None, MetricType::Counter)?;
    for (labels, told) in all() {
        counts.counter(&labels, told.refused)?;
    }
    Ok(())
}
