//! Where the gate's rows run: a proxy with one worker, entered from the application's side or from the network's, both
//! leading to an upstream that keeps every byte.
//! It must end with a look at the proxy: alive, quiet, its descriptors given back, others' calls unharmed.

use std::collections::BTreeMap;
use std::time::Instant;

use mesher_verify::application::Application;
use mesher_verify::http::Wire;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;
use mesher_verify::traffic::Traffic;

use crate::upstream::{Behaviour, Plain, Upstream};

/// Lines that a worker may write in one second about requests that never became a call.
const LOG_LINES_MAX: u64 = 4;

/// The listener that a stimulus is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// That of the application's own calls.
    Outbound,
    /// That of calls to the application.
    Inbound,
}

impl Door {
    pub(crate) const ALL: [Self; 2] = [Self::Outbound, Self::Inbound];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

/// A mesh of one proxy. Its upstream is the service `upstream` of outbound calls and the application of inbound ones.
pub(crate) struct Ground {
    pub(crate) upstream: Upstream,
    pub(crate) proxy: Proxy,
    begun: Instant,
    descriptors: usize,
    background: Option<Traffic>,
    _canary: Application,
    _control: Control,
}

impl Ground {
    pub(crate) fn start() -> Self {
        Self::with(Plain)
    }

    pub(crate) fn with(behaviour: impl Behaviour) -> Self {
        let upstream = Upstream::start(behaviour);
        let canary = Application::greeting("canary");
        let control = Control::start();
        for (service, port) in [("upstream", upstream.port()), ("canary", canary.port())] {
            let id = control.register_service(service, "1.0.0");
            control.register_instance(&id, &[format!("rest://127.0.0.1:{port}")]);
        }
        let ports = format!("rest:{}", upstream.port());
        let mut command = Proxy::command(&control.url(), "gate", &["--ports", &ports]);
        let proxy = Proxy::of(command.env("MESHER_WORKERS", "1"));
        proxy.addresses.wait_ready();
        let mut ground = Self {
            upstream,
            proxy,
            begun: Instant::now(),
            descriptors: 0,
            background: None,
            _canary: canary,
            _control: control,
        };
        ground.canary();
        for door in Door::ALL {
            let warm = ground.open(door).call("GET /warm HTTP/1.1\r\nHost: upstream\r\n\r\n").unwrap();
            assert_eq!(warm.status(), 200, "{door:?}: {}", warm.text());
        }
        ground.descriptors = ground.descriptors_when_quiet(usize::MAX);
        ground.background = scaled(None, Some(ground.traffic()));
        ground
    }

    /// Opens a connection of a caller.
    pub(crate) fn open(&self, door: Door) -> Wire {
        let addresses = &self.proxy.addresses;
        Wire::open(match door {
            Door::Outbound => addresses.outbound,
            Door::Inbound => addresses.inbound.unwrap(),
        })
        .unwrap()
    }

    /// One call of somebody else, which must go well.
    #[track_caller]
    pub(crate) fn canary(&self) {
        let answer = self.proxy.addresses.get("http://canary/").unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "canary"));
    }

    fn traffic(&self) -> Traffic {
        Traffic::get(self.proxy.addresses.outbound, "http://canary/")
    }

    /// Requests refused at this door so far, by reason.
    pub(crate) fn refusals(&self, door: Door) -> BTreeMap<String, u64> {
        let prefix = format!(
            "mesher_refusals_total{{direction=\"{}\",service=\"gate\",message=\"request\",reason=\"",
            door.word()
        );
        let metrics = self.proxy.addresses.admin("/metrics").text();
        let samples = metrics.lines().filter_map(|line| line.strip_prefix(&prefix)?.split_once("\"} "));
        samples.map(|(reason, count)| (reason.to_owned(), count.parse().unwrap())).collect()
    }

    /// Fields left out at this door so far, for a reason.
    pub(crate) fn dropped_fields(&self, door: Door, reason: &str) -> u64 {
        let prefix = format!(
            "mesher_dropped_fields_total{{direction=\"{}\",service=\"gate\",reason=\"{reason}\"}} ",
            door.word()
        );
        let metrics = self.proxy.addresses.admin("/metrics").text();
        metrics.lines().find_map(|line| line.strip_prefix(&prefix)?.parse().ok()).unwrap_or_default()
    }

    /// The proxy's open descriptors, once there are no more than `most` and none is a caller's.
    fn descriptors_when_quiet(&self, most: usize) -> usize {
        until("the proxy's descriptors are given back", || {
            let metrics = self.proxy.addresses.admin("/metrics").text();
            let mut callers =
                metrics.lines().filter(|line| line.starts_with("mesher_downstream_connections{"));
            let is_quiet = callers.all(|line| line.ends_with(" 0"));
            let folder = format!("/proc/{}/fd", self.proxy.process.pid());
            let count = std::fs::read_dir(folder).unwrap().count();
            (is_quiet && count <= most).then_some(count)
        })
    }

    /// The last look.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        if let Some(background) = self.background.take() {
            background.end_without_failure();
        }
        self.canary();
        self.descriptors_when_quiet(self.descriptors);
        let metrics = self.proxy.addresses.admin("/metrics").text();
        assert!(metrics.lines().any(|line| line == "mesher_panics_total 0"), "a connection ended in a panic");
        assert!(self.proxy.process.is_running());
        let errors = self.proxy.process.errors();
        assert!(!errors.contains("panicked"), "{errors}");
        let is_plain = |character: char| matches!(character, '\n' | ' '..='~');
        assert!(errors.chars().all(is_plain), "a caller's bytes stand in the log: {errors:?}");
        let lines = errors.lines().filter(|line| line.contains("request refused")).count() as u64;
        let most = LOG_LINES_MAX * (self.begun.elapsed().as_secs() + 2);
        assert!(lines <= most, "{lines} lines of refused requests in the log: {errors}");
        let is_logged = |line: &str| line.contains("request refused") || line.contains("kind=bad_request");
        let refused = Door::ALL.iter().any(|door| !self.refusals(*door).is_empty());
        until("what was refused stands in the log", || {
            (!refused || self.proxy.process.errors().lines().any(is_logged)).then_some(())
        });
    }
}
