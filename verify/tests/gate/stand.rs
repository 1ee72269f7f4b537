//! What every row stands on: one proxy between the row's callers and its upstreams, and a canary beside them.
//! It must hold what all rows inherit (R1 to R4): alive, others unharmed, counted once with a reason, nothing kept.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use mesher_verify::application::Application;
use mesher_verify::http::{Message, Wire, send_json};
use mesher_verify::machine::own_memory;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{pause, until, until_within};
use mesher_verify::resolver::Resolver;
use serde_json::json;

use crate::canary::Canary;

/// How long a proxy may take to give back what a row took.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
/// Descriptors of the proxy's own that come and go: its connections to the registry, and that of the scrape.
const DESCRIPTORS_OWN: i64 = 4;
/// What an allocator may keep of memory that was given back, beside the two hundredths of the rule.
const MEMORY_SLACK: u64 = 4 << 20;
/// Seconds between heartbeats of an instance that nobody heartbeats: longer than any run.
const LEASE_SECONDS: u32 = 7200;

/// A failure as the proxy counts it: whose, which kind, how often.
pub(crate) type Failures<'a> = &'a [(&'a str, &'a str, u64)];

/// One proxy under test with all that a row needs around it.
pub(crate) struct Stand {
    row: &'static str,
    begun: Instant,
    control: Control,
    pub(crate) proxy: Proxy,
    canary: Canary,
    descriptors: i64,
    memory: u64,
    figures: Vec<String>,
}

impl Stand {
    /// A proxy as it comes.
    pub(crate) fn start(row: &'static str) -> Self {
        Self::with(row, &[])
    }

    /// A proxy with settings, each under its name in the environment.
    pub(crate) fn with(row: &'static str, settings: &[(&str, &str)]) -> Self {
        Self::with_flags(row, settings, &[])
    }

    /// As [`Self::with`], and with flags.
    pub(crate) fn with_flags(row: &'static str, settings: &[(&str, &str)], flags: &[&str]) -> Self {
        let begun = Instant::now();
        let control = Control::start();
        let mut command = Proxy::command(&control.url(), "webapp", flags);
        command.envs(settings.iter().copied());
        Self::of(row, begun, control, &mut command)
    }

    /// A proxy that asks a name server of the row's own.
    pub(crate) fn asking(row: &'static str, resolver: &Resolver) -> Self {
        let begun = Instant::now();
        let control = Control::start();
        let mut command = resolver.command(&Proxy::command(&control.url(), "webapp", &[]));
        Self::of(row, begun, control, &mut command)
    }

    fn of(row: &'static str, begun: Instant, control: Control, command: &mut Command) -> Self {
        let proxy = Proxy::of(command);
        proxy.addresses.wait_ready();
        let canary = Canary::start(&control, proxy.addresses.outbound);
        let metrics = Metrics::of(&proxy);
        let (descriptors, memory) = (metrics.descriptors(), own_memory(proxy.process.pid()));
        Self { row, begun, control, proxy, canary, descriptors, memory, figures: Vec::new() }
    }

    /// Names `application` as an instance of `service`. Returns the path of its record.
    pub(crate) fn register(&self, service: &str, application: &Application) -> String {
        register(&self.control, service, &format!("rest://{}", application.address))
    }

    /// As [`Self::register`], with an endpoint of the row's own, such as `tcp://127.0.0.1:7`.
    pub(crate) fn register_at(&self, service: &str, endpoint: &str) -> String {
        register(&self.control, service, endpoint)
    }

    /// Takes away a record that [`Self::register`] made.
    pub(crate) fn deregister(&self, record: &str) {
        let address = self.control.address;
        let answer = send_json(address, "DELETE", record, "").unwrap();
        assert_eq!(answer.status(), 200, "{record}: {}", answer.text());
    }

    /// A caller's connection.
    pub(crate) fn connect(&self) -> Wire {
        Wire::open(self.proxy.addresses.outbound).unwrap()
    }

    /// One call on a connection of its own.
    pub(crate) fn call(&self, request: &str) -> Message {
        self.connect().call(request).unwrap()
    }

    /// What the proxy counts now.
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::of(&self.proxy)
    }

    /// The proxy's own memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        own_memory(self.proxy.process.pid())
    }

    /// A figure that is printed at the end.
    pub(crate) fn note(&mut self, figure: String) {
        self.figures.push(figure);
    }

    /// Ends the row. The proxy must have counted exactly these failures, and logged each once.
    pub(crate) fn end(self, failures: Failures<'_>) {
        let wanted: BTreeMap<_, _> = failures
            .iter()
            .filter(|(_, _, count)| *count > 0)
            .map(|(side, kind, count)| ((*side).to_owned(), (*kind).to_owned(), *count))
            .map(|(side, kind, count)| ((side, kind), count))
            .collect();
        let mut last = BTreeMap::new();
        let deadline = Instant::now() + SETTLED_WITHIN;
        while Instant::now() < deadline && last != wanted {
            last = self.metrics().failures();
        }
        assert_eq!(last, wanted, "{}: failures by side and kind", self.row);
        self.settle(Some(wanted));
    }

    /// Ends a row in which chance decides how often a call fails.
    pub(crate) fn end_whatever_failed(self) {
        self.settle(None);
    }

    fn settle(mut self, failures: Option<BTreeMap<(String, String), u64>>) {
        let canary = self.canary.end();
        let proxy = &self.proxy;
        until_within(SETTLED_WITHIN, "all calls and callers' connections are over", || {
            let metrics = Metrics::of(proxy);
            let active = metrics.sum("mesher_active_requests", &[]);
            let in_use = metrics.sum("mesher_upstream_connections", &["state=\"active\""]);
            let callers = metrics.sum("mesher_downstream_connections", &[]);
            (active == 0 && in_use == 0 && callers == 0).then_some(())
        });
        let most = self.descriptors + DESCRIPTORS_OWN;
        until_within(SETTLED_WITHIN, &format!("{}: {most} descriptors beside connections", self.row), || {
            (Metrics::of(proxy).descriptors() <= most).then_some(())
        });
        let most = self.memory + self.memory / 50 + MEMORY_SLACK;
        let deadline = Instant::now() + SETTLED_WITHIN;
        while self.memory() > most && Instant::now() < deadline {
            pause();
        }
        let memory = self.memory();
        assert!(memory <= most, "{}: {memory} bytes held, {} before", self.row, self.memory);
        assert_eq!(Metrics::of(&self.proxy).sum("mesher_panics_total", &[]), 0, "{}", self.row);
        assert_eq!(self.proxy.process.stop(), Some(0), "{}: the proxy ends in good order", self.row);
        if let Some(failures) = failures {
            self.check_log(&failures);
        }
        let errors = self.proxy.process.errors();
        assert!(!errors.contains("panicked"), "{}: {errors}", self.row);
        self.print(&canary);
    }

    /// Each failed call has one line. What never became a call has none: it is in the metrics alone.
    fn check_log(&self, failures: &BTreeMap<(String, String), u64>) {
        for ((side, kind), count) in failures {
            let begin = format!(" outcome=failed side={side} kind={kind} ");
            let lines =
                || self.proxy.process.errors().lines().filter(|line| line.contains(&begin)).count() as u64;
            let is_never_a_call =
                matches!(kind.as_str(), "bad_request" | "head_timeout" | "method_not_allowed");
            if is_never_a_call {
                assert!(lines() <= *count, "{}: {kind} is logged {} times", self.row, lines());
            } else {
                until(&format!("{}: {count} lines with{begin}", self.row), || {
                    (lines() == *count).then_some(())
                });
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "the figures of a row are the result of a run at full scale")]
    fn print(&self, canary: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let figures = self.figures.join("; ");
        let separator = if figures.is_empty() { "" } else { "; " };
        println!("row {}: {seconds:.1} s; {canary}{separator}{figures}", self.row);
    }
}

/// Names an endpoint as an instance of `service` whose lease outlasts the run. Returns the path of its record.
pub(crate) fn register(control: &Control, service: &str, endpoint: &str) -> String {
    let id = control.register_service(service, "1.0.0");
    let health = json!({"mode": "push", "interval": LEASE_SECONDS, "times": 3});
    let record = json!({"instance": {
        "endpoints": [endpoint], "hostName": "by-hand", "status": "UP", "healthCheck": health,
    }});
    let path = format!("/v4/default/registry/microservices/{id}/instances");
    let answer = send_json(control.address, "POST", &path, &record.to_string()).unwrap();
    let instance = answer.json()["instanceId"].as_str().map(str::to_owned);
    format!("{path}/{}", instance.unwrap_or_else(|| panic!("no instance was made: {}", answer.text())))
}

/// What a proxy counts, at one moment.
pub(crate) struct Metrics(String);

impl Metrics {
    fn of(proxy: &Proxy) -> Self {
        Self(proxy.addresses.admin("/metrics").text())
    }

    /// The sum of all samples of `name` whose labels hold all of `labels`.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> i64 {
        let samples = self.0.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
        let wanted = samples.filter(|(own, _)| {
            (own.is_empty() || own.starts_with('{')) && labels.iter().all(|label| own.contains(label))
        });
        #[expect(clippy::cast_possible_truncation, reason = "counts are whole and small")]
        wanted.map(|(_, value)| value.parse::<f64>().unwrap() as i64).sum()
    }

    /// Failures by side and kind.
    pub(crate) fn failures(&self) -> BTreeMap<(String, String), u64> {
        let mut found = BTreeMap::new();
        for line in self.0.lines().filter(|line| line.starts_with("mesher_failures_total{")) {
            let label = |name: &str| {
                let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap();
                rest.split('"').next().unwrap().to_owned()
            };
            let count: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            if count > 0 {
                *found.entry((label("side"), label("kind"))).or_default() += count;
            }
        }
        found
    }

    /// Descriptors that are no connection of a caller or to an endpoint.
    fn descriptors(&self) -> i64 {
        let connections =
            self.sum("mesher_downstream_connections", &[]) + self.sum("mesher_upstream_connections", &[]);
        self.sum("process_open_fds", &[]) - connections
    }
}
