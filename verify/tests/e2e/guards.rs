//! Breakers, bulkheads and health from the command to the answers: what is refused, what passes, who is passed over.
//! It must change what the applications do and look at what callers get; no rule is believed because it was accepted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, answer};
use mesher_verify::http::{Message, Wire, send_json};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{until, until_within};
use mesher_verify::process::Process;
use serde_json::{Value, json};

use crate::routing::ask;
use crate::rules::{apply, assert_done, mesher, write_key};

/// An instance of the shop that answers as the test says.
pub(crate) struct Instance {
    proxy: Proxy,
    _application: Application,
    status: Arc<AtomicU16>,
    calls: Arc<AtomicUsize>,
}

impl Instance {
    fn start(control: &Control, version: &str) -> Self {
        let (status, calls) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (says, counts, text) = (Arc::clone(&status), Arc::clone(&calls), version.to_owned());
        let application = Application::http(move |_| {
            counts.fetch_add(1, Ordering::SeqCst);
            answer(&format!("{} Said", says.load(Ordering::SeqCst)), &text)
        });
        let port = format!("rest:{}", application.port());
        let mut command = Proxy::command(&control.url(), "shop", &["--ports", &port]);
        let proxy = Proxy::of(command.env("MESHER_VERSION", version));
        proxy.addresses.wait_ready();
        Self { proxy, _application: application, status, calls }
    }

    pub(crate) fn says(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A shop and its caller.
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) caller: Proxy,
    pub(crate) shops: Vec<Instance>,
}

impl Stage {
    pub(crate) fn start(instances: usize) -> Self {
        let control = Control::start();
        let shops = (1..=instances).map(|number| Instance::start(&control, &format!("{number}.0"))).collect();
        let caller = Proxy::start(&control.url(), "webapp", &[]);
        until("the shop's instances are known", || {
            let is_answered = ask(caller.addresses.outbound, "GET", "/", &[]).status() == 200;
            (is_answered && caller.addresses.endpoints("shop").len() == instances).then_some(())
        });
        Self { control, caller, shops }
    }

    pub(crate) fn shop(&self) -> &Instance {
        &self.shops[0]
    }

    pub(crate) fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    #[track_caller]
    pub(crate) fn apply(&self, kind: &str, spec: &str) {
        let text = format!(
            "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {{service: shop, {spec}}}\n"
        );
        assert_done(&apply(&self.control, &text, &["--wait"]));
    }

    pub(crate) fn get(&self) -> Message {
        ask(self.outbound(), "GET", "/", &[])
    }

    #[track_caller]
    pub(crate) fn assert_answers(&self, count: usize, status: u16) {
        (0..count).for_each(|_| assert_eq!(self.get().status(), status));
    }

    /// What the proxy of a side tells of the shop's rules.
    fn rules(&self, proxy: &Proxy, kind: &str) -> Value {
        let clusters = proxy.addresses.admin("/clusters").json();
        let all = clusters["clusters"].as_array().cloned().unwrap_or_default();
        let is_it = |cluster: &&Value| cluster["kind"] == kind && !cluster["rules"].is_null();
        all.iter().find(is_it).map(|cluster| cluster["rules"].clone()).unwrap_or_default()
    }

    /// The state of the caller's breaker.
    fn breaker(&self) -> String {
        self.rules(&self.caller, "service")["breakers"][0]["state"].as_str().unwrap_or_default().to_owned()
    }
}

/// The value of a metric in which all of these words stand.
pub(crate) fn metric(proxy: &Proxy, words: &[&str]) -> Option<f64> {
    let metrics = proxy.addresses.admin("/metrics").text();
    let is_it = |line: &&str| words.iter().all(|word| line.contains(word));
    metrics.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
}

/// A breaker that refused: how it says so.
#[track_caller]
fn assert_refused(answer: &Message, words: &str) {
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.text().contains(words), "{}", answer.text());
    assert!(answer.head.field("proxy-status").contains("destination_unavailable"), "{}", answer.text());
    let pause: u64 = answer.head.field("retry-after").parse().unwrap();
    assert!((1..=60).contains(&pause), "{pause}");
}

#[test]
fn a_breaker_opens_after_its_window_and_stays_as_it_is_when_other_rules_change() {
    let stage = Stage::start(1);
    stage.apply("Breaker", "windowRequests: 10, failureRate: 50%, openTime: 60s");
    // What is the caller's fault does not count.
    stage.shop().says(404);
    stage.assert_answers(20, 404);
    stage.shop().says(500);
    // Five of the last ten.
    stage.assert_answers(5, 500);
    let answered = stage.shop().calls();
    assert_refused(&stage.get(), "Breaker shop is open: 5 of the last 10 calls failed; it is tried again in");
    assert_eq!(stage.breaker(), "open");
    let state = |state: &str| {
        let state = format!("state=\"{state}\"");
        metric(&stage.caller, &["mesher_breaker_state{", "peer=\"shop\"", "policy=\"Breaker shop\"", &state])
    };
    assert_eq!((state("open"), state("closed"), state("half_open")), (Some(1.0), Some(0.0), Some(0.0)));
    assert_eq!(metric(&stage.caller, &["mesher_breaker_opened_total{", "peer=\"shop\""]), Some(1.0));
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(
        told.contains("breaker: Breaker shop, open: 5 of the last 10") && told.contains("refuses"),
        "{told}"
    );
    assert!(told.contains("the caller would get 503"), "{told}");

    stage.shop().says(200);
    stage.apply("Timeout", "request: 5s");
    stage.apply("Bulkhead", "maxConcurrent: 100");
    assert_refused(&stage.get(), "is open");
    let mut wire = Wire::open(stage.outbound()).unwrap();
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let began = Instant::now();
            let answer = wire.call("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
            assert_eq!(answer.status(), 503);
            began.elapsed()
        })
        .collect();
    times.sort();
    println!("a refused call takes {:?} in the middle of 200, seen by its caller", times[100]);
    assert!(times[100] < Duration::from_millis(20), "{:?}", times[100]);
    assert_eq!(stage.shop().calls(), answered, "the shop is left alone");
    assert_eq!(metric(&stage.caller, &["mesher_breaker_rejected_total{", "peer=\"shop\""]), Some(202.0));

    // A person decides.
    stage.apply("Breaker", "mode: ForcedClosed");
    stage.assert_answers(3, 200);
    stage.apply("Breaker", "mode: ForcedOpen");
    assert_refused(&stage.get(), "Breaker shop is forced open");
    assert_done(&Process::run(&mut mesher(&stage.control, &["delete", "Breaker", "shop"])));
    until("nothing is forced any more", || (stage.get().status() == 200).then_some(()));
}

#[test]
fn a_breaker_finds_out_and_closes() {
    let stage = Stage::start(1);
    stage.apply("Breaker", "windowRequests: 4, failureRate: 100%, openTime: 300ms");
    stage.shop().says(503);
    stage.assert_answers(4, 503);
    let before = stage.shop().calls();
    // Each open time one call finds out that it still fails.
    until_within(Duration::from_secs(10), "two probes were sent", || {
        let _ = stage.get();
        (stage.shop().calls() >= before + 2).then_some(())
    });
    stage.shop().says(200);
    until("the breaker closes", || (stage.get().status() == 200).then_some(()));
    assert_eq!(stage.breaker(), "closed");
    stage.assert_answers(20, 200);
    assert_eq!(metric(&stage.caller, &["mesher_breaker_closed_total{", "peer=\"shop\""]), Some(1.0));
    // What it counts may be said, and be about some calls alone.
    stage.apply(
        "Breaker",
        "windowRequests: 4, openTime: 60s, failureStatuses: [418], matches: [{method: PUT}]",
    );
    stage.shop().says(418);
    let put = || ask(stage.outbound(), "PUT", "/", &[]);
    (0..4).for_each(|_| assert_eq!(put().status(), 418));
    assert_refused(&put(), "is open");
    stage.assert_answers(8, 418);
}

#[test]
fn a_breaker_of_the_provider_refuses_at_its_instance() {
    let stage = Stage::start(1);
    stage.apply("Breaker", "side: Provider, windowRequests: 5, openTime: 60s");
    stage.shop().says(500);
    stage.assert_answers(5, 500);
    let answer = stage.get();
    assert_refused(&answer, "Breaker shop is open");
    assert!(
        answer.head.field("proxy-status").contains("mesher/shop/inbound"),
        "{}",
        answer.head.field("proxy-status")
    );
    assert_eq!(stage.rules(&stage.shop().proxy, "local")["breakers"][0]["state"], "open");
    assert_eq!(stage.rules(&stage.caller, "service")["breakers"][0]["state"], Value::Null);
}

#[test]
fn a_bulkhead_refuses_what_has_no_place_and_frees_each() {
    let control = Control::start();
    let gate = Gate::default();
    let held = gate.clone();
    let application = Application::http(move |request| {
        if request.head.target() == "/slow" {
            held.wait();
        }
        answer("200 OK", "done")
    });
    let _shop = Proxy::beside(&control.url(), "shop", application.port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://shop/");
    let text = "apiVersion: mesher/v1\nkind: Bulkhead\nmetadata: {name: shop}\nspec: {service: shop, maxConcurrent: 2}\n";
    assert_done(&apply(&control, text, &["--wait"]));
    let outbound = caller.addresses.outbound;
    thread::scope(|scope| {
        let slow: Vec<_> = (0..2).map(|_| scope.spawn(move || ask(outbound, "GET", "/slow", &[]))).collect();
        until("both calls are under way", || {
            (metric(&caller, &["mesher_bulkhead_in_flight{", "peer=\"shop\""]) == Some(2.0)).then_some(())
        });
        let refused = ask(outbound, "GET", "/", &[]);
        gate.open();
        assert_refused(&refused, "Bulkhead shop is full: 2 calls are under way");
        slow.into_iter().for_each(|call| assert_eq!(call.join().unwrap().status(), 200));
    });
    (0..5).for_each(|_| assert_eq!(ask(outbound, "GET", "/", &[]).status(), 200));
    assert_eq!(metric(&caller, &["mesher_bulkhead_limit{", "peer=\"shop\""]), Some(2.0));
    assert_eq!(metric(&caller, &["mesher_bulkhead_rejected_total{", "peer=\"shop\""]), Some(1.0));
}

#[test]
fn an_instance_that_fails_is_passed_over_until_it_works_again() {
    let stage = Stage::start(3);
    stage.apply("Health", "passive: {consecutiveFailures: 3, baseEjectionTime: 400ms}");
    stage.shops[1].says(500);
    let failures = (0..60).filter(|_| stage.get().status() == 500).count();
    assert!((3..=12).contains(&failures), "{failures} of 60 calls went to the instance that fails");
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(told.contains("calls to it failed one after the other"), "{told}");
    assert!(metric(&stage.caller, &["mesher_ejections_total{", "peer=\"shop\""]) >= Some(1.0));
    assert_eq!(
        metric(&stage.caller, &["mesher_endpoints{", "peer=\"shop\"", "state=\"ejected\""]),
        Some(1.0)
    );
    assert_eq!(
        metric(&stage.caller, &["mesher_endpoints{", "peer=\"shop\"", "state=\"healthy\""]),
        Some(2.0)
    );
    stage.shops[1].says(200);
    until("the instance takes calls again", || (stage.get().text() == "2.0").then_some(()));
    until("nobody is passed over", || {
        let _ = stage.get();
        (stage.rules(&stage.caller, "service")["health"]["ejected"] == 0).then_some(())
    });
    // Where all fail, all are used: the callers get what the service says.
    stage.shops.iter().for_each(|shop| shop.says(500));
    stage.assert_answers(30, 500);
}

#[test]
fn a_bad_breaker_is_refused_with_its_place() {
    let control = Control::start();
    for (kind, spec, words) in [
        ("Breaker", "windowRequests: 0", "it has 1 to 10000"),
        ("Breaker", "failureStatuses: [5yy]", "is no status: write for example 503"),
        ("Breaker", "openTime: 0s", "would never refuse"),
        ("Bulkhead", "maxConcurrent: 0", "there may be 1 to"),
        ("Bulkhead", "side: Provider", "missing field `maxConcurrent`"),
        ("Health", "passive: {interval: 0s}", "write at least 1ms"),
        ("Health", "passive: {maxEjectionPercent: 120%}", "is no percentage"),
    ] {
        let text = format!(
            "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{service: shop, {spec}}}\n"
        );
        let ended = apply(&control, &text, &[]);
        assert_eq!(ended.code, Some(78), "{spec}: {ended:?}");
        assert!(format!("{ended:?}").contains(words), "{spec}: {ended:?}");
    }
}

/// Keys of Java Chassis: a breaker at the provider.
#[test]
fn a_breaker_of_java_chassis_by_its_match_group() {
    let stage = Stage::start(1);
    let labels = json!({"app": "default", "service": "shop"});
    let group = "matches:\n  - apiPath: {exact: /pay}\n";
    write_key(&stage.control, "servicecomb.matchGroup.pay", group, &labels);
    let breaker = "failureRateThreshold: 50\nminimumNumberOfCalls: 4\nslidingWindowType: COUNT_BASED\nslidingWindowSize: 4\nwaitDurationInOpenState: 60000\n";
    write_key(&stage.control, "servicecomb.circuitBreaker.pay", breaker, &labels);
    until("the key holds", || {
        (stage.rules(&stage.shop().proxy, "local")["breakers"][0]["rule"] == "servicecomb.circuitBreaker.pay")
            .then_some(())
    });
    stage.shop().says(503);
    let pay = || ask(stage.outbound(), "GET", "/pay", &[]);
    (0..4).for_each(|_| assert_eq!(pay().text(), "1.0"));
    assert_refused(&pay(), "servicecomb.circuitBreaker.pay is open");
    stage.assert_answers(6, 503);
    assert_eq!(stage.get().text(), "1.0");
}

/// What the first releases took from Hystrix, through config-center: a breaker at the caller, and its fallback.
#[test]
fn a_breaker_of_the_first_releases_with_its_fallback() {
    let stage = Stage::start(1);
    let write = |items: Value| {
        let body = json!({"dimensionsInfo": "webapp@default", "items": items}).to_string();
        let answer =
            send_json(stage.control.address, "POST", "/v3/default/configuration/items", &body).unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
    };
    let holds = |key: &str| {
        until(&format!("{key} holds"), || {
            (stage.rules(&stage.caller, "service")["breakers"][0]["rule"] == key).then_some(())
        });
    };
    let volume = "cse.circuitBreaker.Consumer.shop.requestVolumeThreshold";
    write(json!({volume: "4", "cse.fallbackpolicy.Consumer.policy": "throwexception"}));
    holds(volume);
    stage.shop().says(503);
    stage.assert_answers(4, 503);
    let refused = stage.get();
    let said = "API shop:: is isolated because of error: circuit open";
    assert_eq!((refused.status(), refused.text().as_str()), (503, said));
    assert!(
        refused.head.field("proxy-status").contains("Breaker")
            || refused.head.field("proxy-status").contains(volume)
    );
    write(json!({"cse.fallbackpolicy.Consumer.policy": "returnnull"}));
    until("nothing is answered in place of the refusal", || {
        let answer = stage.get();
        (answer.status() == 200 && answer.text().is_empty()).then_some(())
    });
}

/// Keys of Java Chassis: a breaker for each instance, at the caller, through kie.
#[test]
fn an_instance_is_isolated_by_java_chassis_keys() {
    let stage = Stage::start(2);
    let labels = json!({"app": "default", "service": "webapp"});
    write_key(&stage.control, "servicecomb.matchGroup.all", "matches:\n  - apiPath: {prefix: /}\n", &labels);
    let value = "minimumNumberOfCalls: 3\nslidingWindowType: COUNT_BASED\nslidingWindowSize: 3\nwaitDurationInOpenState: 60000\n";
    write_key(&stage.control, "servicecomb.instanceIsolation.all", value, &labels);
    until("the key holds", || {
        let told = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
        told.contains("servicecomb.instanceIsolation.all").then_some(())
    });
    stage.shops[0].says(503);
    let failed = (0..40).filter(|_| stage.get().status() == 503).count();
    assert_eq!(failed, 3, "then it is passed over");
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(
        told.contains("servicecomb.instanceIsolation.all is open: 3 of the last 3 calls failed"),
        "{told}"
    );
    // Where all are isolated, callers are told so.
    stage.shops[1].says(503);
    stage.assert_answers(3, 503);
    assert_refused(&stage.get(), "servicecomb.instanceIsolation.all is open");
}

/// mesher-behaviour W-52: an application that says it is not well leaves the registry's eligible instances, and comes back.
#[test]
fn an_application_that_is_not_well_is_down_until_it_is_again() {
    let control = Control::start();
    let (status, asked) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
    let (says, counts) = (Arc::clone(&status), Arc::clone(&asked));
    let application = Application::http(move |request| match request.head.target() {
        "/health" => {
            counts.fetch_add(1, Ordering::SeqCst);
            answer(&format!("{} Said", says.load(Ordering::SeqCst)), "")
        }
        _ => answer("200 OK", "works"),
    });
    let port = format!("rest:{}", application.port());
    let mut command = Proxy::command(&control.url(), "shop", &["--ports", &port]);
    command.envs([("MESHER_HEALTH_CHECK", "/health"), ("MESHER_HEALTH_CHECK_INTERVAL", "50ms")]);
    let shop = Proxy::of(&mut command);
    shop.addresses.wait_ready();
    let is = |wanted: &str| {
        until(&format!("the instance is {wanted}"), || {
            let rows = control.instances("shop");
            (rows.len() == 1 && rows[0]["status"] == wanted).then_some(())
        });
    };
    is("UP");
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://shop/");
    let before = asked.load(Ordering::SeqCst);
    status.store(500, Ordering::SeqCst);
    is("DOWN");
    assert!(asked.load(Ordering::SeqCst) >= before + 3, "one bad check does not decide");
    status.store(200, Ordering::SeqCst);
    is("UP");
    caller.addresses.wait_reachable("http://shop/");

    // One that is not well at the start is never UP before it is.
    status.store(503, Ordering::SeqCst);
    let mut command = Proxy::command(&control.url(), "late", &["--ports", &port]);
    command.envs([("MESHER_HEALTH_CHECK", "/health"), ("MESHER_HEALTH_CHECK_INTERVAL", "50ms")]);
    let _late = Proxy::of(&mut command);
    until("it is registered", || (control.instances("late").len() == 1).then_some(()));
    assert_eq!(control.instances("late")[0]["status"], "DOWN");
}
