//! Active health checks: proxies ask the instances that they call whether they are well, and pass over those that are not.
//! It must tell checks from calls by what the applications see, and must believe no state that no call shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use mesher_verify::application::{Application, answer};
use mesher_verify::http::Wire;
use mesher_verify::machine::free_port;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{throughout, until, until_within};
use mesher_verify::process::Process;
use serde_json::Value;

use crate::routing::ask;
use crate::rules::{apply, assert_done, mesher};

/// Calls after which each of three instances has had some.
const MANY: usize = 30;

/// An instance of the shop whose word on its health is the test's. It answers calls with 200 and its name, whatever it says.
struct Instance {
    _proxy: Proxy,
    _application: Application,
    health: Arc<AtomicU16>,
    checks: Arc<AtomicUsize>,
}

impl Instance {
    fn start(control: &Control, version: &str) -> Self {
        let (health, checks) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (says, counts, name) = (Arc::clone(&health), Arc::clone(&checks), version.to_owned());
        let application = Application::http(move |request| match request.head.target() {
            "/health?deep=1" => {
                assert_eq!(request.field("user-agent"), "mesher-health-check");
                assert_eq!((request.field("host"), request.field("x-cse-context")), ("shop", ""));
                counts.fetch_add(1, Ordering::SeqCst);
                answer(&format!("{} Said", says.load(Ordering::SeqCst)), "")
            }
            _ => answer("200 OK", &name),
        });
        let port = format!("rest:{}", application.port());
        let mut command = Proxy::command(&control.url(), "shop", &["--ports", &port]);
        let proxy = Proxy::of(command.env("MESHER_VERSION", version));
        proxy.addresses.wait_ready();
        Self { _proxy: proxy, _application: application, health, checks }
    }

    fn says(&self, status: u16) {
        self.health.store(status, Ordering::SeqCst);
    }

    fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }
}

/// A shop of three and its caller.
struct Stage {
    control: Control,
    caller: Proxy,
    shops: Vec<Instance>,
    calls: AtomicUsize,
}

const CHECKS: &str =
    "active: {path: '/health?deep=1', interval: 100ms, unhealthyThreshold: 3, healthyThreshold: 2}";

impl Stage {
    fn start() -> Self {
        let control = Control::start();
        let shops: Vec<_> =
            ["1.0", "2.0", "3.0"].map(|version| Instance::start(&control, version)).into_iter().collect();
        let caller = Proxy::start(&control.url(), "webapp", &[]);
        let stage = Self { control, caller, shops, calls: AtomicUsize::new(0) };
        stage.wait_known(3);
        stage
    }

    /// Waits until the caller knows so many instances.
    fn wait_known(&self, count: usize) {
        until("the shop's instances are known", || {
            self.call();
            (self.caller.addresses.endpoints("shop").len() == count).then_some(())
        });
    }

    fn apply(&self, spec: &str) {
        assert_done(&apply(&self.control, &document("Health", spec), &["--wait"]));
    }

    /// Who answered a call.
    fn call(&self) -> String {
        self.calls.fetch_add(1, Ordering::SeqCst);
        ask(self.caller.addresses.outbound, "GET", "/", &[]).text()
    }

    /// Whether anybody of this name answers one of many calls.
    fn is_called(&self, version: &str) -> bool {
        (0..MANY).filter(|_| self.call() == version).count() > 0
    }

    fn wait_passed_over(&self, version: &str) {
        until(&format!("{version} is passed over"), || (!self.is_called(version)).then_some(()));
    }

    fn explained(&self) -> String {
        self.caller.addresses.admin("/explain?to=shop&path=/").text()
    }

    /// What the caller's proxy tells of the shop's health.
    fn health(&self) -> Value {
        let clusters = self.caller.addresses.admin("/clusters").json();
        let all = clusters["clusters"].as_array().cloned().unwrap_or_default();
        let shop = all.iter().find(|cluster| cluster["name"] == "shop");
        shop.map(|shop| shop["rules"]["health"].clone()).unwrap_or_default()
    }

    /// The sum of a metric over all series in which these words stand.
    fn sum(&self, words: &[&str]) -> f64 {
        let metrics = self.caller.addresses.admin("/metrics").text();
        let wanted = metrics.lines().filter(|line| words.iter().all(|word| line.contains(word)));
        wanted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

fn document(kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {{service: shop, {spec}}}\n"
    )
}

#[test]
fn an_instance_that_says_it_is_not_well_gets_no_calls_until_it_is() {
    let stage = Stage::start();
    stage.apply(CHECKS);
    assert!(stage.is_called("2.0"));
    stage.shops[1].says(503);
    stage.wait_passed_over("2.0");
    let told = stage.explained();
    assert!(
        told.contains("it is passed over: ") && told.contains("checks of /health?deep=1 in a row failed"),
        "{told}"
    );
    assert!(told.contains("in a row failed: it answered 503"), "{told}");
    assert_eq!(stage.sum(&["mesher_health_unhealthy{", "peer=\"shop\""]), 1.0);
    assert_eq!(stage.sum(&["mesher_endpoints{", "peer=\"shop\"", "state=\"ejected\""]), 1.0);
    assert!(stage.sum(&["mesher_health_checks_total{", "peer=\"shop\"", "outcome=\"bad_status\""]) >= 3.0);
    assert!(stage.sum(&["mesher_health_checks_total{", "peer=\"shop\"", "outcome=\"ok\""]) >= 1.0);
    // What is known stays when other rules change.
    assert_done(&apply(&stage.control, &document("Timeout", "request: 5s"), &["--wait"]));
    assert!(!stage.is_called("2.0"), "it was forgotten");
    assert_done(&apply(
        &stage.control,
        &document("Health", &format!("passive: {{}}, {CHECKS}")),
        &["--wait"],
    ));
    assert!(!stage.is_called("2.0"), "it was forgotten where passive health came to it");
    // No check counts as a call.
    let calls = stage.calls.load(Ordering::SeqCst) as f64;
    assert_eq!(stage.sum(&["mesher_requests_total{direction=\"outbound\"", "peer=\"shop\""]), calls);
    assert!(
        stage.sum(&["mesher_request_duration_seconds_count{direction=\"outbound\"", "peer=\"shop\""])
            <= calls
    );

    stage.shops[1].says(204);
    until("the instance takes calls again", || (stage.call() == "2.0").then_some(()));
    assert_eq!(stage.health()["ejected"], 0);
}

#[test]
fn checks_begin_with_a_call_and_end_with_their_rule() {
    let stage = Stage::start();
    stage.apply(CHECKS);
    let checks = || stage.shops.iter().map(Instance::checks).collect::<Vec<_>>();
    throughout(Duration::from_millis(400), || match checks().as_slice() {
        [0, 0, 0] => Ok(()),
        checks => Err(format!("checks of a service that nobody calls: {checks:?}")),
    });
    stage.call();
    until("all are checked", || checks().iter().all(|checks| *checks >= 2).then_some(()));
    // Every hundred milliseconds and a little, each by itself.
    let before = checks();
    until("all are checked again", || {
        checks().iter().zip(&before).all(|(now, before)| *now >= before + 5).then_some(())
    });
    stage.shops[0].says(500);
    stage.wait_passed_over("1.0");
    assert_done(&Process::run(&mut mesher(&stage.control, &["delete", "Health", "shop"])));
    until("nobody is passed over without a rule", || stage.is_called("1.0").then_some(()));
    // One may be on its way.
    let last: usize = checks().iter().sum();
    throughout(Duration::from_millis(400), || match checks().iter().sum::<usize>() {
        sum if sum <= last + 3 => Ok(()),
        sum => Err(format!("{sum} checks after {last}, when the rule had gone")),
    });
}

#[test]
fn where_all_are_unwell_all_are_used() {
    let stage = Stage::start();
    stage.apply(CHECKS);
    stage.call();
    stage.shops.iter().for_each(|shop| shop.says(503));
    until("all are known to be unwell", || (stage.health()["checks"]["unhealthy"] == 3).then_some(()));
    assert_eq!((&stage.health()["ejected"], &stage.health()["uses_all"]), (&3.into(), &true.into()));
    for version in ["1.0", "2.0", "3.0"] {
        assert!(stage.is_called(version), "{version} gets no calls: {}", stage.health());
    }
    stage.shops[2].says(200);
    stage.shops[1].says(200);
    stage.wait_passed_over("1.0");
    assert!(stage.is_called("2.0") && stage.is_called("3.0"));
}

#[test]
fn one_that_does_not_answer_holds_up_no_check_of_others() {
    let stage = Stage::start();
    // It takes what it is sent, and says nothing.
    let silent = Application::start(|mut wire: Wire| wire.remainder().map(|_| ()));
    let service = stage.control.register_service("shop", "4.0");
    stage.control.register_instance(&service, &[format!("rest://{}", silent.address)]);
    until("four are known", || (stage.caller.addresses.endpoints("shop").len() == 4).then_some(()));
    stage.apply(&CHECKS.replace("interval: 100ms", "interval: 100ms, timeout: 20s"));
    // A rule that keeps calls from it: they would wait for it, too.
    let only = "rules: [{backends: [{subset: {version: '1.0'}}, {subset: {version: '2.0'}}, {subset: {version: '3.0'}}]}]";
    assert_done(&apply(&stage.control, &document("Route", only), &["--wait"]));
    stage.call();
    until("the silent one is asked", || (silent.connections() > 0).then_some(()));
    stage.shops[0].says(503);
    until_within(Duration::from_secs(10), "another one is found out meanwhile", || {
        (stage.health()["checks"]["unhealthy"] == 1).then_some(())
    });
    assert_eq!(silent.connections(), 1, "one question at a time");
}

/// Flows are kept from a port that takes no connection, and a check of the port finds out before a flow does.
#[test]
fn a_flow_goes_past_an_instance_whose_port_is_dead() {
    let control = Control::start();
    let living = Application::start(|mut wire: Wire| wire.send("alive"));
    for (version, port) in [("1.0", living.port()), ("2.0", free_port())] {
        let service = control.register_service("shop", version);
        control.register_instance(&service, &[format!("tcp://127.0.0.1:{port}")]);
    }
    let caller = Proxy::start(&control.url(), "webapp", &["--tcp-outbound", "127.0.0.1:0=shop"]);
    caller.addresses.wait_ready();
    let rule = document("Health", "active: {tcp: true, interval: 100ms, timeout: 2s}");
    assert_done(&apply(&control, &rule, &[]));
    let flow = || Wire::open(caller.addresses.tcp_outbound[0]).and_then(|mut wire| wire.remainder());
    let unhealthy = || {
        let metrics = caller.addresses.admin("/metrics").text();
        metrics.lines().any(|line| line.starts_with("mesher_health_unhealthy{") && line.ends_with(" 1"))
    };
    until("the dead one is found out", || {
        let _ = flow();
        unhealthy().then_some(())
    });
    (0..10).for_each(|_| assert_eq!(flow().unwrap(), b"alive"));
    let clusters = caller.addresses.admin("/clusters").text();
    assert!(clusters.contains("accepted no connection"), "{clusters}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_place() {
    let control = Control::start();
    for (spec, words) in [
        ("", "it has passive, active, or both"),
        ("active: {}", "active has either a path, or tcp: true"),
        ("active: {path: /a, tcp: true}", "active has either a path, or tcp: true"),
        ("active: {path: a}", "is no path to ask for"),
        ("active: {path: /a, interval: 50ms}", "an interval of 50ms between checks"),
        ("active: {path: /a, timeout: 2m}", "a timeout of 2m for a check"),
        ("active: {path: /a, healthyThreshold: 0}", "0 checks in a row"),
        ("active: {tcp: true, expectedStatuses: [200]}", "a connection has no status"),
        ("active: {path: /a, expectedStatuses: [700]}", "is no status"),
    ] {
        let ended = apply(&control, &document("Health", spec), &[]);
        assert_eq!(ended.code, Some(78), "{spec}: {ended:?}");
        assert!(format!("{ended:?}").contains(words), "{spec}: {ended:?}");
    }
}
