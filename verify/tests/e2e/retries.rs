//! Further tries: which calls get them, how many, and that a failure far down is not multiplied on its way up.
//! It must count what applications were asked, for a caller sees the last try alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mesher_verify::application::{self, Application};
use mesher_verify::http::{Message, Wire, get_by_proxy, get_with, send_json};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use serde_json::json;

use crate::rules::{apply, assert_done, write_key};

/// Calls of which a part fails at first.
const CALLS: usize = 40;
/// Calls over which a budget is looked at.
const MANY: usize = 500;

/// An application that answers with a status, and counts.
struct Told {
    application: Application,
    asked: Arc<AtomicUsize>,
    _proxy: Proxy,
}

impl Told {
    /// It answers 200, or what `answer` says instead.
    fn start(
        control: &Control,
        service: &str,
        answer: impl Fn(&Message) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&asked);
        let application = Application::http(move |request| {
            if request.head.target() != "/warm" {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            answer(request).unwrap_or_else(|| application::ok(&request.text()))
        });
        let proxy = Proxy::beside(&control.url(), service, application.port());
        Self { application, asked, _proxy: proxy }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// One instance that answers 503 to everything but `/warm`, and one that works.
struct Stage {
    control: Control,
    caller: Proxy,
    bad: Told,
    good: Told,
}

impl Stage {
    fn start() -> Self {
        let control = Control::start();
        let bad = Told::start(&control, "shop", |request| {
            (request.head.target() != "/warm").then(|| application::answer("503 Busy", "busy"))
        });
        let good = Told::start(&control, "shop", |_| None);
        // One worker takes instances strictly in turn.
        let caller = Proxy::start(&control.url(), "webapp", &["--workers", "1"]);
        let stage = Self { control, caller, bad, good };
        until("both instances are known", || {
            let is_answered = stage.call("GET", "/warm", &[], "").status() == 200;
            (is_answered && stage.caller.addresses.endpoints("shop").len() == 2).then_some(())
        });
        stage
    }

    #[track_caller]
    fn call(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Message {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: shop\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        Wire::open(self.caller.addresses.outbound).unwrap().call(request).unwrap()
    }

    /// How many of many calls end with 200.
    fn good_of(&self, method: &str, fields: &[(&str, &str)]) -> usize {
        (0..CALLS).filter(|_| self.call(method, "/", fields, "").status() == 200).count()
    }

    #[track_caller]
    fn rule(&self, spec: &str) {
        assert_done(&apply(&self.control, &rule("shop", spec), &["--wait"]));
    }
}

fn rule(service: &str, spec: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Retry\nmetadata: {{name: {service}}}\nspec:\n  service: {service}\n{spec}"
    )
}

#[test]
fn an_answer_that_a_rule_names_is_tried_again_elsewhere() {
    let stage = Stage::start();
    assert_eq!(stage.good_of("GET", &[]), CALLS / 2, "an answer is an answer, as long as no rule says else");
    stage.rule("  attempts: 1\n  codes: [503]\n  backoff: 1ms\n");
    assert_eq!(stage.good_of("GET", &[]), CALLS);
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(told.contains("Retry shop") && told.contains("up to 1 further tries, also after 503"), "{told}");
    let metrics = stage.caller.addresses.admin("/metrics").text();
    assert!(metrics.contains("reason=\"bad_status\""), "{metrics}");
    // What may have been acted on is not asked for twice.
    let before = (stage.bad.asked(), stage.good.asked());
    assert_eq!(stage.good_of("POST", &[]), CALLS / 2);
    assert_eq!(stage.bad.asked() + stage.good.asked() - before.0 - before.1, CALLS);
    assert_eq!(stage.good_of("POST", &[("Idempotency-Key", "\"1\"")]), CALLS / 2, "no rule takes keys");
    stage.rule("  attempts: 1\n  codes: [503]\n  backoff: 1ms\n  idempotencyKey: true\n");
    assert_eq!(stage.good_of("POST", &[("Idempotency-Key", "\"1\"")]), CALLS);
    assert_eq!(stage.good_of("POST", &[]), CALLS / 2, "it carries no key");
}

#[test]
fn the_body_of_a_further_try_is_whole() {
    let stage = Stage::start();
    stage.rule("  attempts: 1\n  codes: [503]\n  backoff: 1ms\n");
    let mut wire = Wire::open(stage.caller.addresses.outbound).unwrap();
    for number in 0..CALLS {
        let body = format!("{number}-").repeat(200);
        let request = format!("PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = wire.call(request).unwrap();
        assert_eq!((answer.status(), answer.text()), (200, body));
    }
    // One that does not come whole with its head cannot be sent again.
    let statuses: Vec<_> = (0..8)
        .map(|_| {
            let mut wire = Wire::open(stage.caller.addresses.outbound).unwrap();
            wire.send("PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n")
                .unwrap();
            wire.send("x".repeat(100_000)).unwrap();
            wire.answer("PUT").unwrap().status()
        })
        .collect();
    assert!(statuses.contains(&503) && statuses.contains(&200), "{statuses:?}");
}

#[test]
fn further_tries_stay_within_the_budget_of_their_service() {
    let control = Control::start();
    let shop = Told::start(&control, "shop", |request| {
        (request.head.target() != "/warm").then(|| application::answer("503 Busy", "busy"))
    });
    let caller = Proxy::start(&control.url(), "webapp", &["--workers", "1"]);
    caller.addresses.wait_reachable("http://shop/warm");
    let text = rule(
        "shop",
        "  attempts: 3\n  codes: [503]\n  backoff: 1ms\n  budget: {percent: 20%, minPerSecond: 0}\n",
    );
    assert_done(&apply(&control, &text, &["--wait"]));
    for _ in 0..MANY {
        assert_eq!(get_by_proxy(caller.addresses.outbound, "http://shop/").unwrap().status(), 503);
    }
    let further = shop.asked() - MANY;
    assert!((MANY / 10..=MANY / 4).contains(&further), "{further} further tries of {MANY} calls");
    let metrics = caller.addresses.admin("/metrics").text();
    assert!(metrics.contains("mesher_retries_denied_total{"), "{metrics}");
    assert!(shop.application.connections() < MANY, "connections go on after answers that are given up");
}

#[test]
fn pauses_grow_and_end_with_the_time_of_the_call() {
    let stage = Stage::start();
    let only_bad = "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {name: shop}\nspec: {service: shop, request: 400ms}\n";
    stage.rule("  attempts: 10\n  codes: [503]\n  backoff: 60s\n");
    assert_done(&apply(&stage.control, only_bad, &["--wait"]));
    let before = Instant::now();
    let statuses: Vec<_> = (0..4).map(|_| stage.call("GET", "/", &[], "").status()).collect();
    assert!(
        statuses.contains(&503),
        "a pause that is longer than what is left is not waited for: {statuses:?}"
    );
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
}

#[test]
fn keys_of_both_servers_say_the_same() {
    let stage = Stage::start();
    let labels = json!({"app": "default", "service": "webapp"});
    let group = "matches:\n  - apiPath: {prefix: /again}\n";
    write_key(&stage.control, "servicecomb.matchGroup.again", group, &labels);
    let policy = "maxAttempts: 1\nretryOnResponseStatus: [50x]\nwaitDuration: 1\n";
    write_key(&stage.control, "servicecomb.retry.again", policy, &labels);
    let good = |path: &str| (0..8).filter(|_| stage.call("GET", path, &[], "").status() == 200).count();
    until("the key of kie holds", || (good("/again") == 8).then_some(()));
    assert_eq!(good("/other"), 4, "it is about the calls of its group");
    let items = json!({
        "servicecomb.matchGroup.more": "matches:\n  - apiPath: {prefix: /more}\n",
        "servicecomb.retry.more": policy,
    });
    let body = json!({"dimensionsInfo": "webapp@default", "items": items}).to_string();
    let answer = send_json(stage.control.address, "POST", "/v3/default/configuration/items", &body).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    until("the key of config-center holds", || (good("/more") == 8).then_some(()));
}

/// Services in a row, each of which calls the next one, and a leaf that answers 503.
#[test]
fn a_dead_leaf_is_not_asked_more_because_there_are_many_above_it() {
    const CALLS: usize = 300;
    const SERVICES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let control = Control::start();
    let leaf = Told::start(&control, "e", |request| {
        (request.head.target() != "/warm").then(|| application::answer("503 Dead", "dead"))
    });
    // Each asks its own proxy for the next, and passes on what that answers.
    let mut above: Vec<(Application, Proxy)> = Vec::new();
    for pair in SERVICES.windows(2).rev() {
        let [service, next] = pair else { continue };
        let outbound = Arc::new(std::sync::Mutex::new(None::<SocketAddr>));
        let (known, next) = (Arc::clone(&outbound), (*next).to_owned());
        let application = Application::http(move |request| {
            let outbound = known.lock().unwrap().unwrap();
            let answer = get_with(outbound, &next, request.head.target(), &[]);
            let status = answer.map(|answer| answer.status()).unwrap_or(599);
            application::answer(&format!("{status} As Below"), "")
        });
        let proxy = Proxy::beside(&control.url(), service, application.port());
        *outbound.lock().unwrap() = Some(proxy.addresses.outbound);
        above.push((application, proxy));
    }
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://a/warm");
    let rules: Vec<_> = SERVICES
        .map(|service| rule(service, "  attempts: 2\n  codes: [502, 503, 504]\n  backoff: 1ms\n  budget: {percent: 20%, minPerSecond: 1}\n"))
        .into();
    assert_done(&apply(&control, &rules.join("---\n"), &["--wait"]));
    for _ in 0..CALLS {
        let answer = get_by_proxy(caller.addresses.outbound, "http://a/").unwrap();
        assert_eq!(answer.status(), 503);
    }
    let asked = leaf.asked() as f64 / CALLS as f64;
    println!("load on a dead leaf below four services: {asked:.3} of what is offered");
    assert!(asked <= 1.3, "{asked} times the calls that were made");
}
