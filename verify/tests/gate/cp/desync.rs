//! Connections that still carry something of one call when another takes them.
//! It must give every answer a name of its own, so that a wrong one is seen.

use std::sync::Mutex;
use std::time::Duration;

use mesher_verify::application::{Application, answer, ok};
use mesher_verify::faults::reset;
use mesher_verify::http::Wire;
use mesher_verify::ledger::{self, Plan};
use mesher_verify::patience::{LIMIT, throughout, until};
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// CP-03: the upstream says 408 or 400 on a connection that waits. It is dropped, and is no answer to the next call.
#[test]
fn cp_03() {
    let stand = Stand::start("cp_03");
    let (sent, sends) = std::sync::mpsc::channel();
    let sent = Mutex::new(sent);
    let upstream = Application::start(move |mut wire: Wire| {
        while let Some(request) = wire.request()? {
            wire.send(ok(request.head.target()))?;
            let unasked = match request.head.target() {
                "/408" => answer("408 Request Timeout", "late"),
                "/408-close" => {
                    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate"
                        .to_vec()
                }
                "/400" => answer("400 Bad Request", "late"),
                "/200" => ok("late"),
                "/crlf" => b"\r\n".to_vec(),
                _ => continue,
            };
            // Only once the first answer has reached its caller.
            throughout(Duration::from_millis(20), || Ok(()));
            wire.send(unasked)?;
            // It lies in the proxy's buffer now.
            sent.lock().unwrap().send(()).unwrap();
        }
        Ok(())
    });
    stand.register("provider", &upstream);
    let (mut first, mut second) = (stand.connect(), stand.connect());
    for number in 0..scaled(2, 100) {
        for poison in ["/408", "/408-close", "/400", "/200", "/crlf"] {
            let call = |wire: &mut Wire, target: &str| {
                let answer = wire.call(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
                assert_eq!((answer.status(), answer.text().as_str()), (200, target), "{poison}, {number}");
            };
            call(&mut first, poison);
            sends.recv_timeout(LIMIT).unwrap();
            call(&mut second, &format!("/clean/{number}"));
            call(&mut first, &format!("/clean/{number}"));
        }
    }
    drop((first, second));
    stand.end(&[]);
}

/// CP-04: a caller leaves in the middle of its answer. The rest of that answer reaches nobody.
#[test]
fn cp_04() {
    let stand = Stand::start("cp_04");
    let upstream = Application::http(|request| {
        let target = request.head.target();
        match target.split('/').nth(1) {
            Some("large") => ok(&"x".repeat(200_000)),
            Some("chunks") => {
                let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
                let body = chunk.repeat(50);
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n").into_bytes()
            }
            // Its body looks like an answer.
            Some("nested") => ok(&String::from_utf8(ok("smuggled")).unwrap().repeat(2000)),
            _ => ok(target),
        }
    });
    stand.register("provider", &upstream);
    let mut left = 0;
    for number in 0..scaled(10, 2000) {
        for kind in ["large", "chunks", "nested"] {
            let mut cancelled = stand.connect();
            cancelled.send(format!("GET /{kind}/{number} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
            if number % 3 > 0 {
                let (_, mut body) = cancelled.answer_head("GET").unwrap();
                cancelled.piece(&mut body).unwrap();
            }
            match number % 2 {
                0 => drop(cancelled),
                _ => reset(cancelled),
            }
            left += 1;
            for _ in 0..2 {
                let target = format!("/clean/{kind}/{number}");
                let clean = stand.call(&format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n"));
                assert_eq!((clean.status(), clean.text()), (200, target));
            }
        }
    }
    until("all calls are over", || {
        (stand.metrics().sum("mesher_active_requests", &["peer=\"provider\""]) == 0).then_some(())
    });
    let failures = stand.metrics().failures();
    let other: Vec<_> = failures.keys().filter(|(side, _)| side != "downstream").collect();
    assert!(other.is_empty(), "{left} callers left: {failures:?}");
    stand.end_whatever_failed();
}

/// CP-05: thousands of calls with ids through one proxy, one in a hundred aborted by the upstream, callers that pipeline,
/// leave, speak HTTP/1.0. None is lost, none comes twice that must not, none gets another's answer, none a part as a whole.
#[test]
fn cp_05() {
    let mut stand = Stand::start("cp_05");
    let plan = Plan { seed: 5, calls: scaled(4_000, 10_000_000), connections: scaled(64, 256) };
    let upstream = ledger::Upstream::start(plan.seed, plan.calls);
    stand.register_at("ledger", &format!("rest://{}", upstream.address));
    let report = ledger::run(&plan, stand.proxy.addresses.outbound, &upstream);
    stand.note(report.to_string());
    assert_eq!(report.violations(), [0; 4], "{report}");
    assert_eq!(report.refused_without_cause, 0, "{report}");
    assert!(report.has_met_all(), "a kind of fault was never met: {report:?}");
    stand.end_whatever_failed();
}
