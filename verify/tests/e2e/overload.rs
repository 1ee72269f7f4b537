//! A proxy that has too much to do itself: what it refuses, what passes all the same, and that it recovers.
//! It must bring the proxy there by what callers send and by the time that it gets, and not by a word to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mesher_verify::application::{Application, ok};
use mesher_verify::http::{Message, Wire, get_with};
use mesher_verify::machine::own_memory;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{pause, throughout, until};
use mesher_verify::process::Signal;

use crate::routing::ask;

/// Memory that callers can fill before the proxy refuses calls.
const ROOM: u64 = 64 << 20;
/// Bytes of a head that never ends.
const HEAD_BYTES: usize = 120 << 10;

/// A shop beside a proxy with settings.
struct Shop {
    proxy: Proxy,
    _applications: [Application; 2],
    calls: Arc<AtomicUsize>,
    /// Memory that its proxy may have.
    limit: u64,
}

impl Shop {
    fn start(control: &Control, settings: &[(&str, &str)]) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&calls);
        let application = Application::http(move |request| {
            if request.head.target() != "/health" {
                counts.fetch_add(1, Ordering::SeqCst);
            }
            ok("sold")
        });
        let flows = Application::start(|mut wire: Wire| wire.send("flows"));
        let ports = format!("rest:{},tcp:{}", application.port(), flows.port());
        let mut command = Proxy::command(&control.url(), "shop", &["--ports", &ports]);
        command.envs([("MESHER_HEALTH_CHECK", "/health"), ("MESHER_WORKERS", "1")]);
        let proxy = Proxy::of(command.envs(settings.iter().copied()));
        proxy.addresses.wait_ready();
        Self { proxy, _applications: [application, flows], calls, limit: u64::MAX }
    }

    /// One whose memory callers can fill: it may have little more than it has, and heads may be long.
    fn of_little_memory(control: &Control) -> Self {
        let elsewhere = Control::start();
        let like = Self::start(&elsewhere, &[]);
        let limit = own_memory(like.proxy.process.pid()) + ROOM;
        let settings = [
            ("MESHER_MEMORY_MAX", &*limit.to_string()),
            ("MESHER_HEAD_BYTES_MAX", "1048576"),
            ("MESHER_HEAD_TIME_MAX", "300s"),
        ];
        Self { limit, ..Self::start(control, &settings) }
    }

    fn open(&self) -> Wire {
        Wire::open(self.proxy.addresses.inbound.unwrap()).unwrap()
    }

    /// What a flow to the application's TCP port brings.
    fn flow(&self) -> Vec<u8> {
        let mut wire = Wire::open(self.proxy.addresses.tcp_inbound[0]).unwrap();
        wire.remainder().unwrap_or_default()
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> Message {
        get_with(self.proxy.addresses.inbound.unwrap(), "shop", path, fields).unwrap()
    }

    /// The sum of a metric over all series in which these words stand.
    fn sum(&self, words: &[&str]) -> f64 {
        let metrics = self.proxy.addresses.admin("/metrics").text();
        let wanted = metrics.lines().filter(|line| words.iter().all(|word| line.contains(word)));
        wanted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn level(&self) -> f64 {
        self.sum(&["mesher_overload_level{", "reason=\"memory\""])
    }

    /// Fills the memory with heads that do not end, until calls are refused and that stays so.
    fn fill(&self) -> Vec<Wire> {
        let mut held = Vec::new();
        let part = format!("GET / HTTP/1.1\r\nHost: shop\r\nX-Long: {}", "x".repeat(HEAD_BYTES));
        loop {
            assert!(
                held.len() < 1000,
                "the memory is not filled: {}",
                self.proxy.addresses.admin("/config").text()
            );
            let mut wire = self.open();
            wire.send(&part).unwrap();
            held.push(wire);
            // What lies in the system's buffers fills nothing yet.
            pause();
            if own_memory(self.proxy.process.pid()) < self.limit / 10 * 8 {
                continue;
            }
            // Memory is looked at twenty times a second, and what is free is given back each second.
            throughout(Duration::from_millis(if self.level() >= 1.0 { 150 } else { 0 }), || Ok(()));
            if self.level() >= 2.0 && self.is_shedding_for(Duration::from_millis(2500)) {
                assert_eq!(self.level(), 2.0, "it was filled too fast");
                return held;
            }
        }
    }

    /// Whether it refuses calls the whole time.
    fn is_shedding_for(&self, time: Duration) -> bool {
        let mut is_so = true;
        throughout(time, || {
            is_so &= self.level() >= 2.0;
            Ok(())
        });
        is_so
    }

    /// How often a line with these words stands in the log.
    fn said(&self, words: &str) -> usize {
        self.proxy.process.errors().lines().filter(|line| line.contains(words)).count()
    }
}

#[track_caller]
fn assert_shed(answer: &Message, words: &str) {
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(
        (answer.field("retry-after"), answer.field("connection")),
        ("1", "close"),
        "{:?}",
        answer.head
    );
    let told = answer.field("proxy-status");
    assert!(
        told.starts_with("mesher/shop/inbound; error=proxy_internal_response; overloaded; details="),
        "{told}"
    );
    assert!(answer.text().contains(words), "{}", answer.text());
}

#[test]
fn a_proxy_short_of_memory_refuses_calls_early_and_recovers() {
    let control = Control::start();
    let shop = Shop::of_little_memory(&control);
    assert_eq!(shop.get("/", &[]).status(), 200);
    assert_eq!(shop.flow(), b"flows");
    assert!(shop.sum(&["mesher_memory_limit_bytes"]) > ROOM as f64);
    let held = shop.fill();
    let before = shop.calls.load(Ordering::SeqCst);
    assert_shed(&shop.get("/", &[]), "too little memory left for a further call");
    let post =
        "POST / HTTP/1.1\r\nHost: shop\r\nUser-Agent: mesher-health-check\r\nContent-Length: 2\r\n\r\nhi";
    assert_shed(&shop.open().call(post).unwrap(), "MESHER_MEMORY_MAX");
    assert_eq!(shop.calls.load(Ordering::SeqCst), before, "a call went on");
    assert_eq!(shop.flow(), b"", "a flow went on");
    // By these others learn whether the application works.
    let health = shop.get("/health", &[]);
    assert_eq!((health.status(), health.field("connection")), (200, "close"), "kept, where memory is short");
    assert_eq!(shop.get("/", &[("User-Agent", "mesher-health-check")]).status(), 200);
    assert_eq!(shop.proxy.addresses.admin("/readyz").status(), 200, "the admin answers");
    assert!(shop.sum(&["mesher_overload_shed_total{direction=\"inbound\"", "reason=\"memory\""]) >= 3.0);
    assert!(shop.sum(&["mesher_failures_total{", "kind=\"overloaded\""]) >= 3.0);
    let config = shop.proxy.addresses.admin("/config").json();
    assert_eq!(config["overload"]["level"], "new calls are refused", "{config}");
    drop(held);
    until("calls are taken again", || (shop.get("/", &[]).status() == 200).then_some(()));
    until("nothing is left out", || (shop.level() == 0.0).then_some(()));
    let health = shop.get("/health", &[("Connection", "keep-alive")]);
    assert_eq!(health.status(), 200);
    // Once each, and nothing for each call.
    until("the end is told", || (shop.said("there is memory again") == 1).then_some(()));
    assert_eq!(shop.said("memory is nearly used up"), 1);
    assert_eq!(shop.said("request refused"), 0, "{}", shop.proxy.process.errors());
}

#[test]
fn what_one_proxy_sheds_another_one_takes() {
    let control = Control::start();
    let full = Shop::of_little_memory(&control);
    let other = Shop::start(&control, &[]);
    let caller = Proxy::start(&control.url(), "webapp", &["--workers", "1"]);
    until("both are known, by two ports each", || {
        let _ = ask(caller.addresses.outbound, "GET", "/", &[]);
        (caller.addresses.endpoints("shop").len() == 4).then_some(())
    });
    let _held = full.fill();
    let (before, of_other) = (full.calls.load(Ordering::SeqCst), other.calls.load(Ordering::SeqCst));
    // Nothing was acted on, so that any call may be tried again.
    for number in 0..20 {
        let method = if number % 2 == 0 { "POST" } else { "GET" };
        let answer = ask(caller.addresses.outbound, method, "/", &[]);
        assert_eq!((answer.status(), answer.text().as_str()), (200, "sold"), "{method} {number}");
    }
    assert_eq!(full.calls.load(Ordering::SeqCst), before);
    assert_eq!(other.calls.load(Ordering::SeqCst), of_other + 20);
    let metrics = caller.addresses.admin("/metrics").text();
    let retried = metrics
        .lines()
        .find(|line| line.starts_with("mesher_retries_total{") && line.contains("reason=\"overloaded\""));
    assert!(retried.is_some(), "{metrics}");
}

/// A process that gets a moment of processor time now and then is late at each look.
#[test]
fn a_worker_whose_work_is_late_refuses_calls_until_it_has_caught_up() {
    let control = Control::start();
    let shop = Shop::start(&control, &[("MESHER_LAG_MAX", "50ms")]);
    assert_eq!(shop.get("/", &[]).status(), 200);
    let (shed, health) = until("calls are refused", || {
        shop.proxy.process.signal(Signal::STOP);
        let (mut call, mut check) = (shop.open(), shop.open());
        call.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
        check.send("GET /health HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
        throughout(Duration::from_millis(400), || Ok(()));
        shop.proxy.process.signal(Signal::CONT);
        let answers = [call, check].map(|mut wire| wire.answer("GET").unwrap());
        let [call, check] = answers;
        (call.status() == 503).then_some((call, check))
    });
    assert_shed(&shed, "MESHER_LAG_MAX");
    assert_eq!(health.status(), 200, "checks pass");
    until("calls are taken again", || (shop.get("/", &[]).status() == 200).then_some(()));
    assert!(shop.sum(&["mesher_overload_shed_total{direction=\"inbound\"", "reason=\"lag\""]) >= 1.0);
    assert_eq!(shop.sum(&["mesher_overload_level{", "reason=\"lag\""]), 0.0);
    assert!(shop.said("work is late by more than MESHER_LAG_MAX") >= 1);
    assert!(shop.said("work is done in time again") >= 1);
}
