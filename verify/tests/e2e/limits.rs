//! Rate limits, from the command and from keys to what callers get: who is refused, and what they are told.
//! It must count answers alone: what a proxy says of its counts is no proof of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mesher_verify::application::Application;
use mesher_verify::http::{Kept, Message, get, get_with, send_json};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{pause, until};
use serde_json::{Value, json};

use crate::rules::{apply, assert_done, documented, write_key};

/// A shop of one instance, and who calls it.
struct Stage {
    control: Control,
    shop: Proxy,
    webapp: Proxy,
    _application: Application,
}

impl Stage {
    fn start() -> Self {
        let control = Control::start();
        let application = Application::greeting("hello");
        let shop = Proxy::beside(&control.url(), "shop", application.port());
        let webapp = caller(&control, "webapp");
        Self { control, shop, webapp, _application: application }
    }

    #[track_caller]
    fn apply(&self, documents: &str) {
        assert_done(&apply(&self.control, documents, &["--wait"]));
    }

    /// Puts the shop under limits.
    #[track_caller]
    fn limit(&self, side: &str, limits: &str) {
        self.apply(&document(side, limits));
    }

    /// How many of so many calls of webapp are let through.
    fn pass(&self, path: &str, count: usize) -> usize {
        pass(&self.webapp, (path, &[]), count)
    }
}

fn document(side: &str, limits: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: RateLimit\nmetadata: {{name: calm}}\nspec:\n  service: shop\n  side: {side}\n  limits: {limits}\n"
    )
}

fn caller(control: &Control, name: &str) -> Proxy {
    let proxy = Proxy::start(&control.url(), name, &[]);
    proxy.addresses.wait_reachable("http://shop/");
    proxy
}

#[track_caller]
fn ask(proxy: &Proxy, path: &str, fields: &[(&str, &str)]) -> Message {
    get_with(proxy.addresses.outbound, "shop", path, fields).unwrap()
}

/// How many of so many calls are let through. All others are refused as calls beyond a limit are.
#[track_caller]
fn pass(proxy: &Proxy, (path, fields): (&str, &[(&str, &str)]), count: usize) -> usize {
    let answers: Vec<_> = (0..count).map(|_| ask(proxy, path, fields).status()).collect();
    assert!(answers.iter().all(|status| [200, 429].contains(status)), "{answers:?}");
    answers.iter().filter(|status| **status == 200).count()
}

/// Waits until calls to this path are limited.
fn wait_limited(stage: &Stage, path: &str) {
    until("calls are limited", || (ask(&stage.webapp, path, &[]).status() == 429).then_some(()));
}

/// The value of a sample of a proxy's metrics.
fn sample(proxy: &Proxy, row: &str) -> Option<u64> {
    let metrics = proxy.addresses.admin("/metrics").text();
    metrics.lines().find_map(|line| line.strip_prefix(row)?.trim().parse().ok())
}

#[test]
fn a_provider_takes_so_many_calls_and_tells_when_to_come_again() {
    let stage = Stage::start();
    stage.limit("Provider", "[{name: all, requests: 5, interval: 1h}]");
    assert_eq!(stage.pass("/", 9), 5);
    let refused = ask(&stage.webapp, "/", &[]);
    assert_eq!(refused.status(), 429);
    // A fifth of an hour, less what has passed since.
    let seconds: u64 = refused.field("retry-after").parse().unwrap();
    assert!((660..=720).contains(&seconds), "{seconds}");
    assert_eq!(refused.field("ratelimit-policy"), "\"all\";q=5;w=3600");
    assert_eq!(refused.field("ratelimit"), format!("\"all\";r=0;t={seconds}"));
    let status = refused.field("proxy-status");
    assert!(status.contains("mesher/shop/inbound; error=http_request_denied"), "{status}");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("RateLimit calm, limit all allows 5 requests in 3600s"), "{detail}");
    let row =
        "mesher_rate_limited_total{direction=\"inbound\",service=\"shop\",peer=\"webapp\",policy=\"all\"} ";
    assert_eq!(sample(&stage.shop, row), Some(5));
    // Whoever looks after the proxy is none of its callers, and to ask what would become of a call is no call.
    for _ in 0..9 {
        assert_eq!(stage.shop.addresses.admin("/livez").status(), 200);
        assert_eq!(stage.shop.addresses.admin("/readyz").status(), 200);
    }
    let clusters = stage.shop.addresses.admin("/clusters").text();
    assert!(clusters.contains("RateLimit calm, limit all"), "{clusters}");
}

#[test]
fn counts_go_on_while_other_rules_change() {
    let stage = Stage::start();
    stage.limit("Consumer", "[{name: all, requests: 4, interval: 1h}]");
    assert_eq!(stage.pass("/", 3), 3);
    stage.apply(
        "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {name: shop}\nspec: {service: shop, request: 9s}\n",
    );
    assert_eq!(stage.pass("/", 3), 1);
    let told = stage.webapp.addresses.admin("/explain?to=shop&path=/").text();
    assert!(told.contains("rate_limit: RateLimit calm, limit all, 4 requests in 3600s"), "{told}");
    assert!(told.contains("it refuses the call"), "{told}");
    // What says another thing begins anew.
    stage.limit("Consumer", "[{name: all, requests: 6, interval: 1h}]");
    let told = stage.webapp.addresses.admin("/explain?to=shop&path=/").text();
    assert!(told.contains("6 left"), "{told}");
    assert_eq!(stage.pass("/", 9), 6);
    // And without a limit everything passes.
    assert_done(&apply(
        &stage.control,
        &document("Consumer", "[{name: all, requests: 900000}]"),
        &["--wait"],
    ));
    assert_eq!(stage.pass("/", 9), 9);
}

#[test]
fn each_caller_each_user_and_each_operation_has_its_own_limit() {
    let stage = Stage::start();
    stage.limit(
        "Provider",
        "[{name: each, requests: 4, interval: 1h, per: Caller},
    {name: users, matches: [{headers: [{name: x-user, type: Present}]}], requests: 1, interval: 1h, per: {header: X-User}},
    {name: orders, matches: [{method: GET, path: {type: Template, value: '/orders/{id}'}}], requests: 2, interval: 1h}]",
    );
    let batch = caller(&stage.control, "batch");
    // One call of it made sure that it reaches the shop.
    assert_eq!(pass(&batch, ("/", &[]), 9), 3);
    assert_eq!(pass(&stage.webapp, ("/", &[("x-user", "jason")]), 3), 1);
    assert_eq!(pass(&stage.webapp, ("/", &[("x-user", "ann")]), 3), 1);
    assert_eq!(stage.pass("/orders/7", 3), 2);
    assert_eq!(stage.pass("/", 3), 0, "webapp has had four calls, and no refusal took one from it");
}

/// control-plane-api §11.6: as Java Chassis writes it, through kie.
#[test]
fn ten_logins_of_eleven_in_a_period() {
    let stage = Stage::start();
    let labels = json!({"app": "default", "service": "shop"});
    let group = "matches:\n  - apiPath: {exact: /login}\n    method: [GET]\n";
    write_key(&stage.control, "servicecomb.matchGroup.login", group, &labels);
    let policy = |services: &str| format!("rate: 10\nlimitRefreshPeriod: 1H\nservices: \"{services}\"\n");
    write_key(&stage.control, "servicecomb.rateLimiting.login", &policy("shop:0.0.1"), &labels);
    let key = "servicecomb.rateLimiting.login";
    until("the key holds", || stage.shop.addresses.admin("/clusters").text().contains(key).then_some(()));
    assert_eq!(stage.pass("/login", 11), 10);
    assert_eq!(stage.pass("/", 3), 3);
    let refused = ask(&stage.webapp, "/login", &[]);
    assert_eq!(refused.field("ratelimit-policy"), "\"login\";q=10;w=3600");
    assert!(
        refused.text().contains("servicecomb.rateLimiting.login allows 10 requests in 3600s"),
        "{}",
        refused.text()
    );
}

/// control-plane-api §4.5: as both SDKs write it, through config-center.
#[test]
fn a_caller_of_the_older_flow_control() {
    let stage = Stage::start();
    let write = |service: &str, items: Value| {
        let body = json!({"dimensionsInfo": format!("{service}@default"), "items": items}).to_string();
        let answer =
            send_json(stage.control.address, "POST", "/v3/default/configuration/items", &body).unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
    };
    write("shop", json!({"cse.flowcontrol.Provider.qps.limit.webapp": "0"}));
    wait_limited(&stage, "/");
    let refused = ask(&stage.webapp, "/", &[]);
    assert!(refused.text().contains("cse.flowcontrol.Provider.qps.limit.webapp"), "{}", refused.text());
    write("shop", json!({"cse.flowcontrol.Provider.qps.limit.webapp": "1000"}));
    until("calls pass", || (ask(&stage.webapp, "/", &[]).status() == 200).then_some(()));
    write("webapp", json!({"servicecomb.flowcontrol.Consumer.qps.limit.shop": "0"}));
    wait_limited(&stage, "/");
    let status = ask(&stage.webapp, "/", &[]).field("proxy-status").to_owned();
    assert!(status.contains("mesher/webapp/outbound"), "{status}");
}

#[test]
fn a_limit_that_cannot_be_counted_is_refused_with_its_place() {
    let stage = Stage::start();
    for (limits, words) in [
        ("[{name: all, requests: 0}]", "0 requests; there are 1 to 1000000"),
        ("[{name: all, requests: 1, per: Everybody}]", "unknown per \"Everybody\""),
        ("[{name: all, requests: 1, per: Caller, scope: Mesh}]", "scope: Mesh counts all calls together"),
    ] {
        let refused = apply(&stage.control, &document("Provider", limits), &[]);
        assert_eq!(refused.code, crate::rules::BAD_CONFIGURATION, "{refused:?}");
        assert!(
            refused.errors.contains("rules.yaml:7:") && refused.errors.contains(words),
            "{}",
            refused.errors
        );
    }
}

#[test]
fn the_example_of_the_manual_holds() {
    let stage = Stage::start();
    stage.apply(&documented("calculator-limits").replace("service: calculator", "service: shop"));
    // In the first moment a proxy has a part of the mesh's limit, which it does not know yet.
    until("the whole limit is the proxy's", || {
        stage.shop.addresses.admin("/clusters").text().contains("100.0% of the mesh's").then_some(())
    });
    for user in ["jason", "ann"] {
        assert_eq!(pass(&stage.webapp, ("/bmi?height=1.8", &[("x-user", user)]), 8), 5, "{user}");
    }
    assert_eq!(stage.pass("/bmi", 20), 20);
}

/// Proxies of one mesh that share a limit, each with callers of its own.
struct Fleet {
    proxies: Vec<Proxy>,
    /// Calls in a row of each, between two pauses.
    bursts: [u32; 5],
}

impl Fleet {
    /// Calls for a time; those that pass in a second.
    fn call(&self, time: Duration) -> f64 {
        let (passed, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let began = Instant::now();
        std::thread::scope(|scope| {
            for (proxy, burst) in self.proxies.iter().zip(self.bursts) {
                let (passed, is_over) = (&passed, &is_over);
                scope.spawn(move || {
                    let mut kept = Kept::to(proxy.addresses.outbound);
                    while !is_over.load(Ordering::Relaxed) {
                        for _ in 0..burst {
                            let answer = kept.call("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
                            assert!([200, 429].contains(&answer.status()), "{}", answer.text());
                            passed.fetch_add(u64::from(answer.status() == 200), Ordering::Relaxed);
                        }
                        pause();
                    }
                });
            }
            until("the time is over", || (began.elapsed() >= time).then_some(()));
            is_over.store(true, Ordering::Relaxed);
        });
        passed.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
    }
}

/// One limit of the whole mesh over proxies with uneven demand: what passes is what the limit says, also for a while after
/// the control plane has gone.
#[test]
fn proxies_of_a_mesh_share_one_limit() {
    const LIMIT: f64 = 150.0;
    let Stage { control, shop: _shop, webapp, _application } = Stage::start();
    let mut proxies = vec![webapp];
    proxies.extend(["one", "two", "three", "four"].map(|name| caller(&control, name)));
    let limits = "[{name: all, requests: 150, burst: 30, scope: Mesh}]";
    assert_done(&apply(&control, &document("Consumer", limits), &["--wait"]));
    let fleet = Fleet { proxies, bursts: [6, 3, 1, 1, 0] };
    // Until demand and parts have found each other.
    fleet.call(Duration::from_secs(2));
    let steady = fleet.call(Duration::from_secs(4));
    let error = (steady - LIMIT).abs() / LIMIT;
    println!("{steady:.1} a second of {LIMIT}");
    assert!(error <= 0.1, "{steady} a second of {LIMIT}");
    drop(control);
    let alone = fleet.call(Duration::from_secs(4));
    let error = (alone - LIMIT).abs() / LIMIT;
    println!("{alone:.1} a second of {LIMIT} without the control plane");
    assert!(error <= 0.15, "{alone} a second of {LIMIT} without the control plane");
}

/// The address is read at once, so that what follows needs no control plane.
#[test]
fn a_limit_of_the_mesh_on_one_proxy_is_the_whole_limit() {
    let stage = Stage::start();
    stage.limit("Provider", "[{name: all, requests: 20, interval: 1h, scope: Mesh}]");
    until("the whole limit is the proxy's", || {
        stage.shop.addresses.admin("/clusters").text().contains("100.0% of the mesh's").then_some(())
    });
    let outbound: SocketAddr = stage.webapp.addresses.outbound;
    let passed = (0..30).filter(|_| get(outbound, "shop", "/").unwrap().status() == 200).count();
    assert!((19..=20).contains(&passed), "{passed}");
}
