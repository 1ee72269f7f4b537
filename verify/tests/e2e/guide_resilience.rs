//! The guide to resilience, section by section: what stands in it is sent, and what it promises is looked for.
//! It must send the guide's own texts, byte for byte.

use std::time::{Duration, Instant};

use mesher_verify::application::{self, Application};
use mesher_verify::http::{Message, get_with};
use mesher_verify::mesh::{Proxy, QUESTION, version_of};
use mesher_verify::patience::until;

use crate::guide::{Stage, given};

const GUIDE: &str = include_str!("../../../docs/guide/resilience.md");
/// The calls that the guide's `ask` makes.
const CALLS: usize = 20;

/// The document of the guide of this kind, the first of its kind in the section with this title.
#[track_caller]
fn document(title: &str, kind: &str) -> &'static str {
    let own = documents(title, kind).into_iter().next();
    own.unwrap_or_else(|| panic!("{title} has no document of kind {kind}"))
}

/// All of them.
fn documents(title: &str, kind: &str) -> Vec<&'static str> {
    let section = GUIDE.split("\n## ").find(|section| section.starts_with(title));
    let section = section.unwrap_or_else(|| panic!("the guide has no section {title}"));
    let texts = given(GUIDE, "mesher apply").into_iter();
    texts.filter(|text| section.contains(text) && text.contains(&format!("\nkind: {kind}\n"))).collect()
}

/// One of the guide's calls.
fn call(stage: &Stage, fields: &[(&str, &str)]) -> Message {
    get_with(stage.outbound(), "calculator", QUESTION, fields).unwrap()
}

/// How the guide's `ask` ends: statuses in order.
fn ask(stage: &Stage) -> Vec<u16> {
    (0..CALLS).map(|_| call(stage, &[]).status()).collect()
}

/// Whether the guide shows this line, which a command prints.
#[track_caller]
fn assert_shown(line: &str, printed: &str) {
    assert!(GUIDE.contains(line) && printed.contains(line), "{line}: {printed}");
}

#[test]
fn a_busy_instance_fails_no_call_that_may_be_tried_again() {
    let stage = Stage::start();
    let _busy = further_calculator(&stage, "503 Busy");
    let failed = ask(&stage).iter().filter(|status| **status == 503).count();
    assert!((5..=8).contains(&failed), "{failed} of {CALLS}");
    stage.apply(document("Trying again", "Retry"));
    assert_eq!(ask(&stage), [200; CALLS]);
    assert_shown(
        "guarded by  retry: Retry calculator, up to 2 further tries, also after 503",
        &stage.explained(&[]),
    );
}

#[test]
fn a_call_that_takes_long_is_not_waited_for() {
    let stage = Stage::start();
    let application = Application::http(|_| {
        let (_never, work) = std::sync::mpsc::channel::<()>();
        let _ = work.recv_timeout(Duration::from_secs(2));
        application::answer("200 OK", "late")
    });
    let _slow = beside(&stage, application);
    let texts = given(GUIDE, "mesher apply");
    stage.apply(texts.iter().find(|text| text.contains("hedge: {delay: 50ms}")).unwrap());
    for _ in 0..CALLS {
        let began = Instant::now();
        assert_eq!(call(&stage, &[]).status(), 200);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    let metrics = stage.caller.addresses.admin("/metrics").text();
    assert!(metrics.lines().any(|line| line.starts_with("mesher_hedges_total{") && line.contains("won")));
}

#[test]
fn a_call_whose_time_is_over_is_not_begun() {
    let stage = Stage::start();
    stage.apply(document("How long a call may take", "Timeout"));
    assert_eq!(ask(&stage), [200; CALLS]);
    let late = call(&stage, &[("x-mesher-timeout", "0m")]);
    assert_eq!(late.status(), 504);
    assert_shown(
        "{\"error\":\"http_response_timeout\",\"detail\":\"the time of the call, 0 ms, was over before it could begin\"",
        &late.text(),
    );
}

#[test]
fn calls_go_where_fewer_are_on_their_way_and_users_stay() {
    let stage = Stage::start();
    stage.apply(document("Which instance", "Balance"));
    assert_eq!(ask(&stage), [200; CALLS]);
    assert_shown("guarded by  balance: Balance calculator, LeastRequest", &stage.explained(&[]));
    let texts = given(GUIDE, "mesher apply");
    stage.apply(texts.iter().find(|text| text.contains("sessionPersistence")).unwrap());
    let first = call(&stage, &[]);
    let cookie = first.field("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("calculator-session="), "{cookie}");
    let instance = |answer: &Message| answer.json()["instance"].as_str().unwrap().to_owned();
    for _ in 0..CALLS {
        let answer = call(&stage, &[("cookie", &cookie)]);
        assert_eq!((instance(&answer), answer.field("set-cookie")), (instance(&first), ""));
    }
}

/// Applications that answer as is said, each with its proxy, and all of them known to the caller.
fn further_calculator(stage: &Stage, status: &'static str) -> (Application, Proxy) {
    beside(stage, Application::http(move |_| application::answer(status, "")))
}

/// One of these, with its proxy, known to the caller.
fn beside(stage: &Stage, application: Application) -> (Application, Proxy) {
    let port = format!("rest:{}", application.port());
    let mut command = Proxy::command(&stage.control.url(), "calculator", &["--ports", &port]);
    let proxy = Proxy::of(command.env("MESHER_VERSION", "0.0.3"));
    proxy.addresses.wait_ready();
    until("the third is known", || (stage.caller.addresses.endpoints("calculator").len() == 3).then_some(()));
    (application, proxy)
}

#[test]
fn a_service_is_left_alone_and_a_person_may_decide_so() {
    let stage = Stage::start();
    let [automatic, forced] = ["Automatic", "ForcedOpen"].map(|mode| {
        let own = documents("Leaving a service alone", "Breaker");
        let is_of_mode = |text: &&str| text.contains("mode: ForcedOpen") == (mode == "ForcedOpen");
        own.into_iter().find(is_of_mode).unwrap_or_else(|| panic!("no Breaker of mode {mode}"))
    });
    stage.apply(automatic);
    assert_eq!(ask(&stage), [200; CALLS]);
    assert_shown("guarded by  breaker: Breaker calculator, closed: ", &stage.explained(&[]));
    stage.apply(forced);
    assert_eq!(ask(&stage), [503; CALLS]);
}

#[test]
fn a_bound_that_follows_the_latency_is_in_nobodys_way() {
    let stage = Stage::start();
    stage.apply(document("Bounding what is under way", "Bulkhead"));
    assert_eq!(ask(&stage), [200; CALLS]);
    let metrics = stage.caller.addresses.admin("/metrics").text();
    assert!(
        metrics.lines().any(|line| line.starts_with("mesher_bulkhead_limit{") && line.ends_with(" 20")),
        "{metrics}"
    );
}

#[test]
fn callers_get_something_else_where_nobody_is_asked() {
    let stage = Stage::start();
    let title = "What callers get instead";
    stage.apply(document(title, "Fallback"));
    assert_eq!(ask(&stage), [200; CALLS]);
    stage.apply(document(title, "Breaker"));
    let answer = call(&stage, &[]);
    assert_eq!((answer.status(), answer.text().as_str()), (200, "{\"result\":null}"));
    let status = answer.field("proxy-status");
    let words = status.split("; invocation=").next().unwrap_or_default();
    assert_shown(&format!("Proxy-Status: {words}"), &format!("Proxy-Status: {status}"));
    let texts = given(GUIDE, "mesher apply");
    stage.apply(texts.iter().find(|text| text.contains("subset: {version: 0.0.1}")).unwrap());
    for _ in 0..CALLS {
        let answer = call(&stage, &[]);
        assert_eq!((answer.status(), version_of(&answer)), (200, "0.0.1".to_owned()));
    }
}

#[test]
fn an_instance_that_fails_is_passed_over() {
    let stage = Stage::start();
    let _third = further_calculator(&stage, "500 Broken");
    stage.apply(document("Passing over an instance", "Health"));
    let _ = ask(&stage);
    assert_eq!(ask(&stage), [200; CALLS]);
}

#[test]
fn an_instance_that_says_it_is_not_well_is_passed_over() {
    let stage = Stage::start();
    let _third = further_calculator(&stage, "500 Broken");
    let texts = given(GUIDE, "mesher apply").into_iter();
    let active: Vec<_> = texts.filter(|text| text.contains("\n  active: ")).collect();
    assert_eq!(active.len(), 1, "{active:?}");
    stage.apply(active[0]);
    until("no call fails any more", || (ask(&stage) == [200; CALLS]).then_some(()));
    let told = stage.explained(&[]);
    assert!(told.contains("it is passed over: "), "{told}");
    assert_shown(" checks of /health in a row failed: it answered 500", &told);
    let metrics = stage.caller.addresses.admin("/metrics").text();
    let is_told = |line: &str| line.starts_with("mesher_health_unhealthy{") && line.ends_with(" 1");
    assert!(metrics.lines().any(is_told), "{metrics}");
}

#[test]
fn each_user_has_a_limit_and_is_told_when_to_come_again() {
    let stage = Stage::start();
    stage.apply(document("Not more calls", "RateLimit"));
    for user in ["uma", "eve"] {
        let passed = (0..CALLS).filter(|_| call(&stage, &[("x-user", user)]).status() == 200).count();
        assert_eq!(passed, 6, "{user}");
    }
    let refused = call(&stage, &[("x-user", "uma")]);
    assert_eq!(refused.status(), 429);
    let policy = refused.field("ratelimit-policy");
    assert_shown("RateLimit-Policy: \"each-user\";q=6;w=60", &format!("RateLimit-Policy: {policy}"));
    assert!(refused.field("retry-after").parse::<u64>().is_ok_and(|seconds| seconds <= 10), "{refused:?}");
    assert_shown(
        "guarded by  rate_limit: RateLimit calculator, limit each-user, 6 requests in 60s for each value of x-user, none left for ",
        &stage.explained(&["-H", "x-user: uma"]),
    );
}

#[test]
fn a_fifth_of_the_calls_fails_on_purpose() {
    let stage = Stage::start();
    stage.apply(document("What comes of it", "Fault"));
    let answers: Vec<_> = (0..CALLS).map(|_| call(&stage, &[("x-test", "storm")])).collect();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status() == 418).collect();
    assert_eq!((failed.len(), answers.iter().filter(|answer| answer.status() == 200).count()), (4, 16));
    let words = "Fault calculator, fault\nstorm makes the call fail on purpose, with status 418";
    assert!(GUIDE.contains(words) && failed[0].text().contains(&words.replace('\n', " ")), "{:?}", failed[0]);
    assert_eq!(ask(&stage), [200; CALLS]);
}
