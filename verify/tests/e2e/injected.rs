//! Faults that rules put into calls, from the command and from keys to what callers see.
//! It must count exactly: a share of the calls is one, and no chance.

use std::io::{ErrorKind, Read as _};
use std::time::{Duration, Instant};

use mesher_verify::http::{Wire, get_with};
use mesher_verify::patience::until;
use serde_json::json;

use crate::routing::{Stage, ask};
use crate::rules::{apply, assert_done, documented, write_key};

const DELAY: Duration = Duration::from_millis(300);

fn document(faults: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Fault\nmetadata: {{name: storm}}\nspec:\n  service: shop\n  faults: {faults}\n"
    )
}

#[track_caller]
fn storm(stage: &Stage, faults: &str) {
    assert_done(&apply(&stage.control, &document(faults), &["--wait"]));
}

#[test]
fn a_share_of_the_calls_ends_with_a_status_and_is_told_as_such() {
    let stage = Stage::start();
    storm(&stage, "[{name: some, matches: [{path: {value: /some}}], abort: {status: 503, percent: 20%}}]");
    let outbound = stage.outbound();
    let answers: Vec<_> = (0..50).map(|_| ask(outbound, "GET", "/some", &[])).collect();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status() == 503).collect();
    assert_eq!(failed.len(), 10);
    let status = failed[0].field("proxy-status");
    assert!(status.contains("mesher/webapp/outbound; error=proxy_internal_response"), "{status}");
    assert!(
        failed[0].text().contains("Fault storm, fault some makes the call fail on purpose"),
        "{}",
        failed[0].text()
    );
    // Others are left alone.
    assert!((0..20).all(|_| ask(outbound, "GET", "/", &[]).status() == 200));
    let metrics = stage.caller.addresses.admin("/metrics").text();
    let row = "mesher_faults_injected_total{direction=\"outbound\",service=\"webapp\",peer=\"shop\",policy=\"Fault storm, fault some\"} 10";
    assert!(metrics.contains(row), "{metrics}");
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/some").text();
    assert!(told.contains("fault: Fault storm, fault some, ends 20% with status 503"), "{told}");
}

#[test]
fn calls_are_held_up_while_others_pass() {
    let stage = Stage::start();
    storm(
        &stage,
        "[{name: late, matches: [{path: {value: /late}}], delay: {time: 300ms}},
    {name: late-end, matches: [{path: {value: /end}}], delay: {time: 300ms}, abort: {status: 418}}]",
    );
    let outbound = stage.outbound();
    let began = Instant::now();
    // More of them than there are workers: none is held by a call that waits.
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(move || {
                let began = Instant::now();
                let status = ask(outbound, "GET", "/late", &[]).status();
                (status, began.elapsed())
            })
        })
        .collect();
    let quick = Instant::now();
    assert_eq!(ask(outbound, "GET", "/", &[]).status(), 200);
    assert!(quick.elapsed() < DELAY, "{:?}", quick.elapsed());
    for call in waiting {
        let (status, time) = call.join().unwrap();
        assert!(status == 200 && time >= DELAY, "{status} after {time:?}");
    }
    assert!(began.elapsed() < 10 * DELAY, "they wait beside each other: {:?}", began.elapsed());
    let began = Instant::now();
    let answer = ask(outbound, "GET", "/end", &[]);
    assert!(
        answer.status() == 418 && began.elapsed() >= DELAY,
        "{} after {:?}",
        answer.status(),
        began.elapsed()
    );
    // A call waits no longer than it may take.
    let timeout = "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {name: shop}\nspec: {service: shop, request: 50ms}\n";
    assert_done(&apply(&stage.control, timeout, &["--wait"]));
    let began = Instant::now();
    assert_eq!(ask(outbound, "GET", "/late", &[]).status(), 504);
    assert!(began.elapsed() < DELAY, "{:?}", began.elapsed());
}

#[test]
fn a_connection_is_reset_and_a_body_drips() {
    let stage = Stage::start();
    storm(
        &stage,
        "[{name: cut, matches: [{path: {value: /cut}}], abort: {reset: true}},
    {name: drip, matches: [{path: {value: /drip}}], slowBody: {bytesPerSecond: 10}}]",
    );
    let wire = Wire::open(stage.outbound()).unwrap();
    let (mut stream, _) = wire.into_parts();
    std::io::Write::write_all(&mut stream, b"GET /cut HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    let error = stream.read(&mut [0; 64]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let began = Instant::now();
    let answer = get_with(stage.outbound(), "shop", "/drip", &[]).unwrap();
    // Three bytes, of which the first comes a tenth of a second after the head.
    assert_eq!((answer.status(), answer.text().len()), (200, 3));
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
    assert_eq!(ask(stage.outbound(), "GET", "/", &[]).status(), 200);
}

#[test]
fn the_example_of_the_manual_holds() {
    let stage = Stage::start();
    let example = documented("calculator-storm").replace("service: calculator", "service: shop");
    assert_done(&apply(&stage.control, &example, &["--wait"]));
    let cut = get_with(stage.outbound(), "shop", "/", &[("x-test", "cut")]).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ask(stage.outbound(), "GET", "/", &[("x-test", "drip")]).text().len(), 3);
    assert_eq!(ask(stage.outbound(), "GET", "/", &[]).status(), 200);
}

/// control-plane-api §4.2 and §4.9: faults as keys say them.
#[test]
fn faults_of_keys_are_those_of_java() {
    let stage = Stage::start();
    let labels = json!({"app": "default", "service": "webapp"});
    let group = "matches:\n  - apiPath: {prefix: /some}\n";
    write_key(&stage.control, "servicecomb.matchGroup.some", group, &labels);
    let fault = "type: abort\npercentage: 25\nerrorCode: 503\n";
    write_key(&stage.control, "servicecomb.faultInjection.some", fault, &labels);
    let outbound = stage.outbound();
    until("the key holds", || (ask(outbound, "GET", "/some", &[]).status() == 503).then_some(()));
    let failed = (0..40).filter(|_| ask(outbound, "GET", "/some", &[]).status() == 503).count();
    assert_eq!(failed, 10);
    assert_eq!(ask(outbound, "GET", "/", &[]).status(), 200);
    let prefix = "cse.governance.Consumer.shop.policy.fault.protocols.rest";
    write_key(&stage.control, &format!("{prefix}.abort.httpStatus"), "421", &labels);
    write_key(&stage.control, &format!("{prefix}.abort.percent"), "100", &labels);
    until("the older keys hold", || (ask(outbound, "GET", "/", &[]).status() == 421).then_some(()));
}
