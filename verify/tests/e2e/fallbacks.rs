//! What callers get whose calls failed: an answer of a rule's own, or that of another part of the service.
//! It must look at who was asked, and how often: an answer alone does not tell whose it is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mesher_verify::application::{Application, answer};
use mesher_verify::http::{Message, Wire};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use serde_json::json;

use crate::guards::{Stage, metric};
use crate::routing::ask;
use crate::rules::{apply, assert_done, write_key};

/// A rule that answers.
const ANSWER: &str = "answer: {statusCode: 200, contentType: application/json, body: '{\"bmi\":null}', headers: [{name: x-from, value: mesh}]}";

/// Answers of the rule, and not of the shop.
#[track_caller]
fn assert_answered(answer: &Message, kind: &str, error: &str) {
    assert_eq!((answer.status(), answer.text().as_str()), (200, "{\"bmi\":null}"), "{answer:?}");
    let field = |name: &str| answer.head.field(name).to_owned();
    assert_eq!((field("x-from"), field("content-type")), ("mesh".to_owned(), "application/json".to_owned()));
    let status = field("proxy-status");
    let words = format!("; error={error}; details=\"Fallback shop, in place of {kind}: ");
    assert!(status.starts_with("mesher/webapp/outbound") && status.contains(&words), "{status}");
}

fn fallbacks(caller: &Proxy, outcome: &str) -> Option<f64> {
    let outcome = format!("outcome=\"{outcome}\"");
    metric(caller, &["mesher_fallbacks_total{", "peer=\"shop\"", "policy=\"Fallback shop\"", &outcome])
}

/// What the caller's proxy remembers of the call that was answered so.
fn explained(caller: &Proxy, answer: &Message) -> String {
    let status = answer.head.field("proxy-status").to_owned();
    let id = status.split("invocation=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    caller.addresses.admin(&format!("/explain/{id}")).text()
}

#[test]
fn a_rule_answers_where_the_service_failed_or_is_left_alone() {
    let stage = Stage::start(1);
    stage.apply("Fallback", ANSWER);
    stage.assert_answers(3, 200);
    assert_eq!(stage.get().text(), "1.0", "what works is passed on");
    stage.shop().says(404);
    stage.assert_answers(1, 404);
    stage.shop().says(503);
    let failed = stage.get();
    assert_answered(&failed, "bad_status", "http_upstream_status");
    let told = explained(&stage.caller, &failed);
    assert!(told.contains("the caller got 200, for bad_status (upstream): Fallback shop answers"), "{told}");
    assert!(told.contains("fell back on it after bad_status: answered 503"), "{told}");
    until("failure and fallback are logged", || {
        let words = "200 outcome=failed side=upstream kind=bad_status";
        let log = stage.caller.process.errors();
        let mut lines = log.lines();
        lines
            .any(|line| line.contains(words) && line.contains(" fallback=answer after=bad_status"))
            .then_some(())
    });
    assert_answered(&ask(stage.outbound(), "POST", "/", &[]), "bad_status", "http_upstream_status");
    let head = ask(stage.outbound(), "HEAD", "/", &[]);
    assert_eq!((head.status(), head.text().as_str(), head.head.field("content-length")), (200, "", "12"));
    assert_eq!(fallbacks(&stage.caller, "answered"), Some(3.0));

    // One connection carries answers of both, each for its own call.
    let mut wire = Wire::open(stage.outbound()).unwrap();
    for _ in 0..20 {
        stage.shop().says(500);
        let replaced = wire.call("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
        assert_answered(&replaced, "bad_status", "http_upstream_status");
        stage.shop().says(200);
        assert_eq!(wire.call("GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap().text(), "1.0");
    }

    // The breaker counts the failures, not what stands in their place, and what it refuses is answered, too.
    stage.apply("Breaker", "windowRequests: 4, openTime: 60s");
    stage.shop().says(503);
    (0..4).for_each(|_| assert_answered(&stage.get(), "bad_status", "http_upstream_status"));
    let before = stage.shop().calls();
    assert_answered(&stage.get(), "breaker_open", "destination_unavailable");
    assert_eq!(stage.shop().calls(), before);
    let would = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(
        would.contains("the proxy itself would answer 200, as Fallback shop says, in place of breaker_open"),
        "{would}"
    );
    assert!(would.contains("fallback: Fallback shop, answers 200 after 5xx"), "{would}");
}

#[test]
fn what_is_the_callers_own_matter_is_told_as_it_is() {
    let stage = Stage::start(1);
    stage.apply("Fallback", &format!("{ANSWER}, statuses: [503], matches: [{{method: GET}}]"));
    stage.shop().says(500);
    assert_eq!(stage.get().status(), 500, "it is no failure by this rule");
    stage.shop().says(503);
    assert_answered(&stage.get(), "bad_status", "http_upstream_status");
    assert_eq!(ask(stage.outbound(), "POST", "/", &[]).status(), 503, "the rule is not about it");
    stage.apply("RateLimit", "side: Consumer, limits: [{name: few, requests: 1, interval: 1h}]");
    until("the limit is reached", || (stage.get().status() == 429).then_some(()));
    assert_eq!(stage.get().status(), 429);
}

#[test]
fn a_call_that_takes_too_long_finds_no_place_or_nobody_is_answered() {
    let control = Control::start();
    let application = Application::start(|mut wire| {
        let first = wire.request()?;
        if first.is_some_and(|request| request.head.target() == "/slow") {
            // It never answers.
            return wire.remainder().map(|_| ());
        }
        wire.send(answer("200 OK", "works"))
    });
    let _shop = Proxy::beside(&control.url(), "shop", application.port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://shop/");
    let rule = |kind: &str, spec: &str| {
        let text = format!(
            "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {{service: shop, {spec}}}\n"
        );
        assert_done(&apply(&control, &text, &["--wait"]));
    };
    rule("Fallback", ANSWER);
    rule("Timeout", "request: 300ms");
    let outbound = caller.addresses.outbound;
    assert_answered(&ask(outbound, "POST", "/slow", &[]), "response_timeout", "http_response_timeout");
    rule("Timeout", "request: 5s");
    rule("Bulkhead", "maxConcurrent: 1");
    std::thread::scope(|scope| {
        let slow = scope.spawn(move || ask(outbound, "GET", "/slow", &[]));
        until("the only place is taken", || {
            (metric(&caller, &["mesher_bulkhead_in_flight{", "peer=\"shop\""]) == Some(1.0)).then_some(())
        });
        assert_answered(&ask(outbound, "GET", "/", &[]), "bulkhead_full", "destination_unavailable");
        assert_answered(&slow.join().unwrap(), "response_timeout", "http_response_timeout");
    });
    until("the place is free again", || {
        (metric(&caller, &["mesher_bulkhead_in_flight{", "peer=\"shop\""]) == Some(0.0)).then_some(())
    });
    drop(application);
    assert_answered(&ask(outbound, "POST", "/", &[]), "connect_refused", "connection_refused");
    let refused = metric(&caller, &["mesher_failures_total{", "peer=\"shop\"", "kind=\"connect_refused\""]);
    assert!(refused >= Some(1.0), "the failure is counted, whatever its caller got");
}

/// A shop of two versions: what goes to the second fails as the test says, and what the first was sent.
struct Versions {
    control: Control,
    caller: Proxy,
    seen: Arc<Mutex<Vec<(String, String)>>>,
    failed: Arc<AtomicUsize>,
    _shops: Vec<(Application, Proxy)>,
}

impl Versions {
    fn start() -> Self {
        let control = Control::start();
        let (seen, failed) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicUsize>::default());
        let (sees, fails) = (Arc::clone(&seen), Arc::clone(&failed));
        let good = Application::http(move |request| {
            if request.head.target() == "/warm" {
                return answer("200 OK", "warm");
            }
            sees.lock().unwrap().push((request.head.method().to_owned(), request.text()));
            let status = if request.head.target() == "/both" { "500 Broken" } else { "200 OK" };
            answer(status, "first")
        });
        let bad = Application::http(move |request| {
            if request.head.target() == "/warm" {
                return answer("200 OK", "warm");
            }
            fails.fetch_add(1, Ordering::SeqCst);
            answer("503 Broken", "second")
        });
        let shops: Vec<_> = [("0.0.1", good), ("0.0.2", bad)]
            .into_iter()
            .map(|(version, application)| {
                let port = format!("rest:{}", application.port());
                let mut command = Proxy::command(&control.url(), "shop", &["--ports", &port]);
                let proxy = Proxy::of(command.env("MESHER_VERSION", version));
                proxy.addresses.wait_ready();
                (application, proxy)
            })
            .collect();
        let caller = Proxy::start(&control.url(), "webapp", &["--workers", "1"]);
        until("both instances are known", || {
            let is_answered = ask(caller.addresses.outbound, "GET", "/warm", &[]).status() == 200;
            (is_answered && caller.addresses.endpoints("shop").len() == 2).then_some(())
        });
        let stage = Self { control, caller, seen, failed, _shops: shops };
        stage.apply("Route", "rules: [{backends: [{subset: {version: 0.0.2}}]}]");
        stage
    }

    #[track_caller]
    fn apply(&self, kind: &str, spec: &str) {
        let text = format!(
            "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {{service: shop, {spec}}}\n"
        );
        assert_done(&apply(&self.control, &text, &["--wait"]));
    }

    #[track_caller]
    fn call(&self, method: &str, target: &str, body: &str) -> (u16, String) {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: shop\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = Wire::open(self.caller.addresses.outbound).unwrap().call(request).unwrap();
        (answer.status(), answer.text())
    }

    /// What the first version was sent since the last time.
    fn seen(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn failed(&self) -> usize {
        self.failed.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn another_version_takes_a_call_that_may_be_sent_again() {
    let stage = Versions::start();
    assert_eq!(stage.call("GET", "/", ""), (503, "second".to_owned()));
    stage.apply("Fallback", "subset: {version: 0.0.1}");
    let _ = stage.failed();
    let body = "0123456789".repeat(200);
    for (method, body) in [("GET", ""), ("PUT", &*body)] {
        assert_eq!(stage.call(method, "/", body), (200, "first".to_owned()), "{method}");
        assert_eq!((stage.failed(), stage.seen()), (1, vec![(method.to_owned(), body.to_owned())]));
    }
    assert_eq!(fallbacks(&stage.caller, "rescued"), Some(2.0));
    // Both tries are told, and why there was a second one.
    let told = until("a call that was rescued is remembered", || {
        let list = stage.caller.addresses.admin("/explain?limit=100").text();
        let ids = list.lines().filter_map(|line| line.split(' ').next()).filter(|id| id.len() == 16);
        let mut told = ids.map(|id| stage.caller.addresses.admin(&format!("/explain/{id}")).text());
        told.find(|told| told.contains("this call fell back on it after bad_status: answered 503"))
    });
    assert!(
        told.contains(" ms: bad_status (upstream): answered 503") && told.contains(" answered 200"),
        "{told}"
    );
    // What may have been acted on is not sent again, nor is what is gone.
    assert_eq!(stage.call("POST", "/", "pay"), (503, "second".to_owned()));
    assert_eq!(stage.call("PUT", "/", &"x".repeat(300_000)), (503, "second".to_owned()));
    assert_eq!((stage.failed(), stage.seen()), (2, vec![]));
    assert_eq!(fallbacks(&stage.caller, "denied"), Some(2.0));
    // Once: the failure of the other version is final, and a rule of kind Retry asks for no more.
    stage.apply("Retry", "attempts: 3, codes: [500, 503], backoff: 1ms, matches: [{path: {value: /both}}]");
    assert_eq!(stage.call("GET", "/both", ""), (500, "first".to_owned()));
    assert_eq!((stage.failed(), stage.seen().len()), (4, 1), "all tries, and then one");
    assert_eq!(fallbacks(&stage.caller, "failed"), Some(1.0));
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(told.contains("fallback: Fallback shop, another try, with version 0.0.1, after 5xx"), "{told}");
    // Where nobody is of the part, the failure is told as it is.
    stage.apply("Fallback", "subset: {version: 9.9.9}");
    assert_eq!(stage.call("GET", "/", ""), (503, "second".to_owned()));
}

#[test]
fn an_open_breaker_does_not_refuse_the_other_version() {
    let stage = Versions::start();
    stage.apply("Fallback", "subset: {version: 0.0.1}");
    stage.apply("Bulkhead", "maxConcurrent: 1");
    stage.apply("Breaker", "windowRequests: 4, openTime: 60s");
    for _ in 0..4 {
        assert_eq!(stage.call("GET", "/", ""), (200, "first".to_owned()));
    }
    assert_eq!((stage.failed(), stage.seen().len()), (4, 4), "it keeps its place in the bulkhead");
    // Nothing was sent, so that any call goes there, whole; and none of that closes the breaker.
    let large = "x".repeat(300_000);
    for (method, body) in [("GET", ""), ("POST", "pay"), ("POST", &*large)].into_iter().cycle().take(30) {
        assert_eq!(stage.call(method, "/", body), (200, "first".to_owned()));
        assert_eq!((stage.failed(), stage.seen()), (0, vec![(method.to_owned(), body.to_owned())]));
    }
    let open = metric(&stage.caller, &["mesher_breaker_state{", "peer=\"shop\"", "state=\"open\""]);
    assert_eq!(open, Some(1.0));
    assert_eq!(fallbacks(&stage.caller, "rescued"), Some(34.0));
    let would = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(
        would.contains("it would go to version 0.0.1, as Fallback shop says, after breaker_open"),
        "{would}"
    );
}

#[test]
fn tries_elsewhere_come_from_the_budget() {
    let stage = Versions::start();
    stage.apply("Fallback", "subset: {version: 0.0.1}");
    stage.apply("Retry", "attempts: 0, budget: {percent: 20%, minPerSecond: 0}");
    let rescued = (0..200).filter(|_| stage.call("GET", "/", "").0 == 200).count();
    assert!((20..=50).contains(&rescued), "{rescued} of 200");
    assert_eq!(stage.seen().len(), rescued);
}

/// As Go Chassis has it: what these keys answer is a refusal, and never what the service said.
#[test]
fn keys_of_the_first_releases_replace_no_answer_of_the_service() {
    let stage = Stage::start(1);
    let labels = json!({"app": "default", "service": "webapp"});
    write_key(&stage.control, "cse.fallbackpolicy.Consumer.shop.policy", "returnnull", &labels);
    write_key(&stage.control, "cse.circuitBreaker.Consumer.shop.requestVolumeThreshold", "4", &labels);
    stage.shop().says(503);
    let (mut statuses, mut failed) = (Vec::new(), 0);
    until("the breaker is open", || {
        let answer = stage.get();
        statuses.push(answer.status());
        failed += usize::from(answer.text() == "1.0");
        (answer.status() == 200).then_some(())
    });
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), failed, "{statuses:?}");
    assert!(failed >= 4);
}
