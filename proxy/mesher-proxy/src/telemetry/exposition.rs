//! The metrics as Prometheus reads them.
//! It must only supply numbers: the encoder of the Prometheus project writes the text.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::bootstrap::PortProtocol;
use crate::request::invocation::{Code, Direction};
use crate::snapshot::{ClusterKind, Snapshot};
use crate::status::Status;
use crate::telemetry::counters::{ConnectResult, Labels, Report};
use crate::telemetry::counts::{CodeLabel, Counts};
use crate::telemetry::names::{BOUNDARY_COUNT, LOWEST_EXPONENT};
use crate::telemetry::overload::Overload;
use crate::telemetry::{guards, tries};

/// The content type of [`render`]'s text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that one scrape tells.
#[derive(Debug)]
struct Scrape {
    service: String,
    report: Report,
    snapshot: std::sync::Arc<Snapshot>,
    snapshot_age: Duration,
    knowledge_age: Option<Duration>,
    registry_requests: Vec<(&'static str, u64)>,
    skipped: Vec<(&'static str, u64)>,
    overload: Overload,
    started_at: SystemTime,
}

/// The whole exposition, as OpenMetrics text.
pub(crate) async fn render(status: &Status) -> Result<String, fmt::Error> {
    let scrape = Scrape {
        service: status.bootstrap.identity.service.clone(),
        report: status.report().await,
        snapshot: status.snapshot(),
        snapshot_age: status.snapshot_age(),
        knowledge_age: status.knowledge_age(),
        registry_requests: status.registry_requests().into_iter().collect(),
        skipped: status.skipped().into_iter().collect(),
        overload: Overload::of(&status.pressure),
        started_at: status.started_at,
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    let mut output = String::new();
    text::encode(&mut output, &registry)?;
    Ok(output)
}

pub(super) type Pairs<'a> = Vec<(&'static str, &'a str)>;

/// One family: its name, then one sample for each set of labels.
pub(super) struct Family<'e> {
    metric: MetricEncoder<'e>,
}

impl<'e> Family<'e> {
    pub(super) fn begin(
        encoder: &'e mut DescriptorEncoder<'_>,
        (name, help): (&'e str, &'static str),
        unit: Option<&'e Unit>,
        kind: MetricType,
    ) -> Result<Self, fmt::Error> {
        let metric = encoder.encode_descriptor(name, help, unit, kind)?;
        Ok(Self { metric })
    }

    pub(super) fn counter(&mut self, labels: &Pairs<'_>, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.metric.encode_family(&labels.as_slice())?)
    }

    pub(super) fn gauge(&mut self, labels: &Pairs<'_>, value: i64) -> fmt::Result {
        ConstGauge::new(value).encode(self.metric.encode_family(&labels.as_slice())?)
    }
}

impl Scrape {
    /// The labels that all request metrics share.
    fn shared<'a>(&'a self, labels: &'a Labels) -> Pairs<'a> {
        vec![("direction", labels.direction.as_str()), ("service", &self.service), ("peer", &labels.peer)]
    }

    fn rows(&self) -> impl Iterator<Item = (&Labels, &Counts)> {
        self.report.rows.iter()
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = ("mesher_requests", "Invocations that ended, by what the caller got");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for (labels, counts) in self.rows() {
            for (code, count) in &counts.by_code {
                let code = code_label(*code);
                let mut pairs = self.shared(labels);
                pairs.extend([("protocol", labels.protocol.as_str()), ("code", code.as_str())]);
                family.counter(&pairs, *count)?;
            }
        }
        Ok(())
    }

    fn durations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = ("mesher_request_duration", "Time from the call's arrival to its end");
        let mut family = Family::begin(encoder, name, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, counts) in self.rows() {
            let mut pairs = self.shared(labels);
            pairs.push(("protocol", labels.protocol.as_str()));
            let bound = |index: usize| if index < BOUNDARY_COUNT { boundary(index) } else { f64::INFINITY };
            let buckets: Vec<_> =
                counts.by_duration.iter().enumerate().map(|(index, count)| (bound(index), *count)).collect();
            let count = counts.by_duration.iter().sum();
            let pairs = pairs.as_slice();
            let mut metric = family.metric.encode_family(&pairs)?;
            metric.encode_histogram::<NoLabelSet>(counts.duration.as_secs_f64(), count, &buckets, None)?;
        }
        Ok(())
    }

    fn failures(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = ("mesher_failures", "Invocations that failed, by whose fault and how");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for (labels, counts) in self.rows() {
            for ((side, kind), count) in &counts.failures {
                let mut pairs = self.shared(labels);
                pairs.extend([("side", side.as_str()), ("kind", kind)]);
                family.counter(&pairs, *count)?;
            }
        }
        Ok(())
    }

    /// What the gate refused or left out. The one place where each such message is counted by its reason.
    fn gate(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = ("mesher_refusals", "Messages that were refused, by whose they were and why");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for ((direction, message, reason), count) in &self.report.refusals {
            let pairs = vec![
                ("direction", direction.as_str()),
                ("service", self.service.as_str()),
                ("message", message.as_str()),
                ("reason", reason),
            ];
            family.counter(&pairs, *count)?;
        }
        let name = ("mesher_dropped_fields", "Header and trailer fields that were not passed on, by why");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for ((direction, reason), count) in &self.report.dropped_fields {
            let pairs = vec![
                ("direction", direction.as_str()),
                ("service", self.service.as_str()),
                ("reason", reason.as_str()),
            ];
            family.counter(&pairs, *count)?;
        }
        Ok(())
    }

    /// A family with one sample for each direction and peer, protocols together.
    fn by_peer(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: (&'static str, &'static str),
        kind: MetricType,
        value: impl Fn(&Counts) -> i64,
    ) -> fmt::Result {
        let unit = name.0.ends_with("_bytes").then_some(Unit::Bytes);
        let short = name.0.strip_suffix("_bytes").unwrap_or(name.0);
        let is_counter = matches!(kind, MetricType::Counter);
        let mut family = Family::begin(encoder, (short, name.1), unit.as_ref(), kind)?;
        let mut sums: Vec<(Pairs<'_>, i64)> = Vec::new();
        for (labels, counts) in self.rows() {
            let pairs = self.shared(labels);
            match sums.iter_mut().find(|(other, _)| *other == pairs) {
                Some((_, sum)) => *sum += value(counts),
                None => sums.push((pairs, value(counts))),
            }
        }
        for (pairs, sum) in sums {
            match is_counter {
                true => family.counter(&pairs, sum.unsigned_abs())?,
                false => family.gauge(&pairs, sum)?,
            }
        }
        Ok(())
    }

    fn copies(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = ("mesher_mirrored", "Copies of calls, by whom they were for and what became of them");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for ((peer, result), count) in &self.report.copies {
            let pairs = vec![("service", self.service.as_str()), ("peer", peer), ("result", result.as_str())];
            family.counter(&pairs, *count)?;
        }
        Ok(())
    }

    /// Kept upstream connections that were found closed, and what became of the calls that met them.
    fn stale(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name =
            ("mesher_upstream_stale", "Kept connections that their peer was closing when a call took them");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for (labels, counts) in self.rows().filter(|(_, counts)| counts.stale != [0, 0]) {
            for (result, count) in ["repeated", "failed"].into_iter().zip(counts.stale) {
                let mut pairs = self.shared(labels);
                pairs.push(("result", result));
                family.counter(&pairs, count)?;
            }
        }
        Ok(())
    }

    /// Upstream connections in use, by peer. Those to the local application lead to the service itself.
    fn connections_in_use(&self) -> BTreeMap<&str, i64> {
        let mut sums = BTreeMap::<&str, i64>::new();
        for (labels, counts) in self.rows() {
            let peer =
                if labels.direction == Direction::Inbound { self.service.as_str() } else { &labels.peer };
            *sums.entry(peer).or_default() += counts.connections;
        }
        sums
    }

    fn connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = ("mesher_downstream_connections", "Connections of callers that are open");
        let mut family = Family::begin(encoder, name, None, MetricType::Gauge)?;
        for (direction, count) in
            [Direction::Inbound, Direction::Outbound].into_iter().zip(self.report.downstream)
        {
            family.gauge(&vec![("direction", direction.as_str())], count)?;
        }
        let name = ("mesher_upstream_connections", "Connections to endpoints, in use and waiting for a call");
        let mut family = Family::begin(encoder, name, None, MetricType::Gauge)?;
        for (peer, count) in self.connections_in_use() {
            family.gauge(&vec![("peer", peer), ("state", "active")], count)?;
        }
        for (peer, count) in &self.report.idle {
            family.gauge(&vec![("peer", peer), ("state", "idle")], *count)?;
        }
        let name = ("mesher_upstream_waiting", "Calls that wait for a connection to an endpoint");
        let mut family = Family::begin(encoder, name, None, MetricType::Gauge)?;
        family.gauge(&Vec::new(), self.report.waiting)?;
        let name = ("mesher_upstream_connects", "Connections to endpoints that were tried");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for ((peer, result), count) in &self.report.connects {
            let result = match result {
                ConnectResult::Ok => "ok",
                ConnectResult::Refused => "refused",
                ConnectResult::Timeout => "timeout",
            };
            family.counter(&vec![("peer", peer), ("result", result)], *count)?;
        }
        Ok(())
    }

    fn snapshot(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = ("mesher_endpoints", "Endpoints that may be chosen");
        let mut family = Family::begin(encoder, name, None, MetricType::Gauge)?;
        for cluster in self.snapshot.clusters().filter(|cluster| cluster.kind == ClusterKind::Service) {
            let kept = cluster.endpoints.iter().filter(|endpoint| endpoint.is_kept).count();
            let health = cluster.governance.as_ref().and_then(|governance| governance.guards.health.as_ref());
            let ejected = health.map_or(0, |health| health.watch.outside().0);
            let healthy = cluster.endpoints.len().saturating_sub(kept + ejected);
            for (state, count) in [("healthy", healthy), ("kept", kept), ("ejected", ejected)] {
                // A set that nobody doubts has one row, as it always had.
                if state == "healthy" || count > 0 {
                    let pairs =
                        vec![("service", self.service.as_str()), ("peer", &*cluster.name), ("state", state)];
                    family.gauge(&pairs, i64::try_from(count).unwrap_or(i64::MAX))?;
                }
            }
        }
        let name = ("mesher_snapshot_revision", "Number of the snapshot that is served with");
        let mut family = Family::begin(encoder, name, None, MetricType::Gauge)?;
        family
            .gauge(&vec![("source", "registry")], i64::try_from(self.snapshot.number).unwrap_or(i64::MAX))?;
        let name = ("mesher_snapshot_age", "Time since the snapshot was last changed");
        let mut family = Family::begin(encoder, name, Some(&Unit::Seconds), MetricType::Gauge)?;
        family.gauge(
            &vec![("source", "registry")],
            i64::try_from(self.snapshot_age.as_secs()).unwrap_or(i64::MAX),
        )?;
        let name = ("mesher_snapshot_confirmed_age", "Time since the registry last confirmed the snapshot");
        let mut family = Family::begin(encoder, name, Some(&Unit::Seconds), MetricType::Gauge)?;
        if let Some(age) = self.knowledge_age {
            let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            family.gauge(&vec![("source", "registry")], seconds)?;
        }
        let name = ("mesher_registry_requests", "Calls to the registry, by how they ended");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for (result, count) in &self.registry_requests {
            family.counter(&vec![("result", result)], *count)?;
        }
        let name = ("mesher_discovery_skipped", "Items that a source named and that cannot be used");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for (source, count) in &self.skipped {
            family.counter(&vec![("source", source)], *count)?;
        }
        Ok(())
    }

    fn balance(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let clusters: Vec<_> = self
            .snapshot
            .clusters()
            .filter_map(|cluster| Some((cluster, cluster.governance.as_ref()?.guards.balance.as_ref()?)))
            .collect();
        let name = ("mesher_balance_picks", "Endpoints that a rule of kind Balance chose");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        for (cluster, balancing) in &clusters {
            for (rule, _, calls) in balancing.rules() {
                let pairs =
                    vec![("service", self.service.as_str()), ("peer", &*cluster.name), ("rule", rule)];
                family.counter(&pairs, calls)?;
            }
        }
        let name = ("mesher_balance_avoided_endpoints", "Endpoints that asked to be left alone for a time");
        let mut family = Family::begin(encoder, name, None, MetricType::Gauge)?;
        for (cluster, balancing) in &clusters {
            let pairs = vec![("service", self.service.as_str()), ("peer", &*cluster.name)];
            family.gauge(&pairs, i64::try_from(balancing.avoided_count()).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }

    fn own(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name =
            ("mesher_label_overflow", "Times that a peer was counted as _other because there are too many");
        let mut family = Family::begin(encoder, name, None, MetricType::Counter)?;
        family.counter(&vec![("family", "peer")], self.report.overflow)?;
        let name = ("mesher_access_log_dropped", "Blocks of log lines that found no place");
        Family::begin(encoder, name, None, MetricType::Counter)?
            .counter(&Vec::new(), self.report.log_blocks_dropped)?;
        let name = ("mesher_panics", "Connections that ended in a panic");
        Family::begin(encoder, name, None, MetricType::Counter)?.counter(&Vec::new(), self.report.panics)?;
        let name = ("mesher_build_info", "The build of this proxy");
        let mut family = Family::begin(encoder, name, None, MetricType::Gauge)?;
        family.gauge(
            &vec![("version", env!("CARGO_PKG_VERSION")), ("commit", crate::COMMIT), ("rust", crate::RUST)],
            1,
        )?;
        let started = self.started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let process = mesher_net::process::usage();
        let gauge = |encoder: &mut DescriptorEncoder<'_>, name, unit, value: u64| {
            let mut family = Family::begin(encoder, name, unit, MetricType::Gauge)?;
            family.gauge(&Vec::new(), i64::try_from(value).unwrap_or(i64::MAX))
        };
        gauge(
            encoder,
            ("process_start_time", "Start of the process, unix time"),
            Some(&Unit::Seconds),
            started,
        )?;
        gauge(
            encoder,
            ("process_resident_memory", "Resident memory"),
            Some(&Unit::Bytes),
            process.resident_bytes,
        )?;
        gauge(encoder, ("process_open_fds", "Open file descriptors"), None, process.open_descriptors)?;
        let name = ("process_cpu", "Processor time that was used");
        let metric = encoder.encode_descriptor(name.0, name.1, Some(&Unit::Seconds), MetricType::Counter)?;
        ConstCounter::new(process.processor_time.as_secs_f64()).encode(metric)
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        self.requests(encoder)?;
        self.durations(encoder)?;
        self.failures(encoder)?;
        self.gate(encoder)?;
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.by_peer(
            encoder,
            ("mesher_active_requests", "Invocations under way"),
            MetricType::Gauge,
            |counts| counts.active,
        )?;
        let name = ("mesher_request_bytes", "Bytes of bodies from callers");
        self.by_peer(encoder, name, MetricType::Counter, |counts| signed(counts.request_bytes))?;
        let name = ("mesher_response_bytes", "Bytes of bodies to callers");
        self.by_peer(encoder, name, MetricType::Counter, |counts| signed(counts.response_bytes))?;
        tries::encode(encoder, &self.service, &self.report)?;
        self.copies(encoder)?;
        let name = ("mesher_upgrades", "Connections that went over to another protocol");
        self.by_peer(encoder, name, MetricType::Counter, |counts| signed(counts.upgrades))?;
        let name = ("mesher_active_upgrades", "Connections that speak another protocol");
        self.by_peer(encoder, name, MetricType::Gauge, |counts| counts.active_upgrades)?;
        self.stale(encoder)?;
        self.connections(encoder)?;
        self.snapshot(encoder)?;
        self.balance(encoder)?;
        guards::encode(encoder, &self.service, &self.snapshot)?;
        self.overload.encode(encoder, &self.service)?;
        self.own(encoder)
    }
}

/// An upper boundary of the duration histogram, in seconds.
pub(crate) fn boundary(index: usize) -> f64 {
    2_f64.powi(LOWEST_EXPONENT + i32::try_from(index).unwrap_or(i32::MAX))
}

fn code_label(label: CodeLabel) -> String {
    match label {
        CodeLabel::One(Code::Status(status)) => status.to_string(),
        CodeLabel::One(Code::Connected) => "ok".to_owned(),
        CodeLabel::One(Code::None) => "none".to_owned(),
        CodeLabel::Other => "other".to_owned(),
    }
}

/// The metrics that boards of the Go Mesher read, in its names: all calls, both directions.
pub(crate) async fn render_compatible(status: &Status) -> String {
    let report = status.report().await;
    let own = &status.bootstrap.identity;
    let labels =
        format!("{{service_name=\"{}\",app=\"{}\",version=\"{}\"}}", own.service, own.app, own.version);
    let in_range = |range: std::ops::RangeInclusive<u16>| -> u64 {
        let codes = report.rows.values().flat_map(|counts| &counts.by_code);
        codes
            .filter(
                |(code, _)| matches!(code, CodeLabel::One(Code::Status(status)) if range.contains(status)),
            )
            .map(|(_, count)| count)
            .sum()
    };
    let total: u64 = report.rows.values().flat_map(|counts| &counts.by_code).map(|(_, count)| count).sum();
    let (client, server) = (in_range(400..=451), in_range(500..=511));
    let seconds: f64 = report.rows.values().map(|counts| counts.duration.as_secs_f64()).sum();
    let started = status.started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut text = String::new();
    for (name, kind, value) in [
        ("requests_total", "counter", total.to_string()),
        ("successes_total", "counter", in_range(200..=226).to_string()),
        ("failures_total", "counter", (client + server).to_string()),
        ("status_4xx", "counter", client.to_string()),
        ("status_5xx", "counter", server.to_string()),
        ("start_time_seconds", "gauge", started.to_string()),
    ] {
        text.push_str(&format!("# TYPE {name} {kind}\n{name}{labels} {value}\n"));
    }
    text.push_str("# TYPE request_latency_seconds summary\n");
    text.push_str(&format!(
        "request_latency_seconds_sum{labels} {seconds}\nrequest_latency_seconds_count{labels} {total}\n"
    ));
    text
}

/// What the endpoints of a cluster speak, for views.
pub(crate) fn protocol_word(protocol: PortProtocol) -> &'static str {
    protocol.as_str()
}
