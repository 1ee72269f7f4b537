//! Endpoints that cannot be connected to, or that end a connection before a byte of an answer.
//! It must count what the upstream saw: a call that may have acted is sent once.

use std::time::{Duration, Instant};

use mesher_verify::application::{Application, ok};
use mesher_verify::faults::{Blackhole, End, Script, Scripted, reset};
use mesher_verify::http::Wire;
use mesher_verify::machine::free_port;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// Answers after a refusal come at once: no timer is waited for.
const AT_ONCE: Duration = Duration::from_millis(50);
/// Tries of one call, the first included.
const TRIES_MAX: i64 = 3;

/// UP-01: the endpoint refuses. The next one is tried at once; where all refuse, 502 in less than 50 ms.
#[test]
fn up_01() {
    let mut stand = Stand::start("up_01");
    let good = Application::greeting("good");
    stand.register("half", &good);
    stand.register_at("half", &format!("rest://127.0.0.1:{}", free_port()));
    stand.register_at("none", &format!("rest://127.0.0.1:{}", free_port()));
    let calls = scaled(20, 2000);
    let mut wire = stand.connect();
    for _ in 0..calls {
        for method in ["GET", "POST"] {
            let answer = wire.call(format!("{method} / HTTP/1.1\r\nHost: half\r\n\r\n")).unwrap();
            assert_eq!((answer.status(), answer.text().as_str()), (200, "good"), "{method}");
        }
    }
    let mut times = Vec::new();
    for _ in 0..calls {
        let begun = Instant::now();
        let answer = wire.call("GET / HTTP/1.1\r\nHost: none\r\n\r\n").unwrap();
        times.push(begun.elapsed());
        assert_eq!((answer.status(), &answer.json()["error"]), (502, &"connection_refused".into()));
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    assert!(median < AT_ONCE, "half of the refusals took {median:?} and longer");
    let tried =
        stand.metrics().sum("mesher_upstream_connects_total", &["peer=\"none\"", "result=\"refused\""]);
    assert!(tried <= TRIES_MAX * calls, "{tried} tries for {calls} calls");
    stand.note(format!("a refusal takes {median:.1?}"));
    drop(wire);
    stand.end(&[("upstream", "connect_refused", calls.unsigned_abs())]);
}

/// UP-02: the endpoint drops the question for a connection. After the limit the next is tried; where none is left, 504.
#[test]
fn up_02() {
    let limit = Duration::from_millis(scaled(200, 1000));
    let stand = Stand::with("up_02", &[("MESHER_CONNECT_TIME_MAX", &format!("{}ms", limit.as_millis()))]);
    let (hole, good) = (Blackhole::start(), Application::greeting("good"));
    stand.register("half", &good);
    stand.register_at("half", &format!("rest://{}", hole.address));
    stand.register_at("none", &format!("rest://{}", hole.address));
    let mut slowest = Duration::ZERO;
    for _ in 0..2 {
        let begun = Instant::now();
        let answer = stand.call("POST / HTTP/1.1\r\nHost: half\r\n\r\n");
        slowest = slowest.max(begun.elapsed());
        assert_eq!((answer.status(), answer.text().as_str()), (200, "good"));
    }
    assert!(slowest >= limit, "the endpoint was never tried");
    assert!(slowest < limit * 3, "one endpoint cost {slowest:?}");
    let begun = Instant::now();
    let answer = stand.call("GET / HTTP/1.1\r\nHost: none\r\n\r\n");
    let took = begun.elapsed();
    assert_eq!((answer.status(), &answer.json()["error"]), (504, &"connection_timeout".into()));
    assert!(took < limit * 5, "{took:?}");
    stand.end(&[("upstream", "connect_timeout", 1)]);
}

/// UP-03: the endpoint accepts and closes at once, or breaks, or speaks TLS. Another one is tried, as after a refusal.
#[test]
fn up_03() {
    const ALERT: &[u8] = b"\x15\x03\x01\x00\x02\x02\x28";
    let stand = Stand::start("up_03");
    let good = Application::greeting("good");
    let closing = Application::start(|_| Ok(()));
    let breaking = Application::start(|wire: Wire| {
        reset(wire);
        Ok(())
    });
    let secure = Application::start(|mut wire: Wire| wire.send(ALERT).and_then(|()| wire.finish()));
    let calls = scaled(10, 1000);
    for (service, bad) in [("closing", &closing), ("breaking", &breaking), ("secure", &secure)] {
        stand.register(service, &good);
        stand.register(service, bad);
        for number in 0..calls {
            let answer = stand.call(&format!("GET /{number} HTTP/1.1\r\nHost: {service}\r\n\r\n"));
            assert_eq!((answer.status(), answer.text().as_str()), (200, "good"), "{service}, call {number}");
        }
        assert!(bad.connections() > 0, "{service} was never tried");
    }
    stand.end(&[]);
}

/// UP-04: a fresh connection closes before any byte of an answer. A GET is tried again, a POST reaches nobody twice.
#[test]
fn up_04() {
    let stand = Stand::start("up_04");
    for end in [End::Finish, End::Reset] {
        let once = Scripted::start(move |request| match request.head.target() {
            "/first" => Script::new("", end),
            _ => Script::new(ok("second"), End::Finish),
        });
        let service = format!("provider-{end:?}");
        stand.register(&service, &once.application);
        let call = |method: &str, target: &str| {
            stand.call(&format!("{method} {target} HTTP/1.1\r\nHost: {service}\r\nContent-Length: 0\r\n\r\n"))
        };
        let posts = scaled(5, 1000);
        for _ in 0..posts {
            let answer = call("POST", "/first");
            assert_eq!((answer.status(), &answer.json()["error"]), (502, &"connection_terminated".into()));
        }
        assert_eq!(once.seen().len(), posts, "a POST came twice");
    }
    let stubborn = Scripted::start(|_| Script::new("", End::Finish));
    stand.register("stubborn", &stubborn.application);
    let answer = stand.call("GET / HTTP/1.1\r\nHost: stubborn\r\n\r\n");
    assert_eq!(answer.status(), 502);
    let tries = stubborn.seen().len();
    assert!((2..=3).contains(&tries), "a GET was tried {tries} times");
    let moody = std::sync::atomic::AtomicBool::new(false);
    let recovering = Scripted::start(move |_| {
        let was_asked = moody.swap(true, std::sync::atomic::Ordering::Relaxed);
        if was_asked { Script::new(ok("recovered"), End::Finish) } else { Script::new("", End::Finish) }
    });
    stand.register("recovering", &recovering.application);
    let answer = stand.call("GET / HTTP/1.1\r\nHost: recovering\r\n\r\n");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "recovered"));
    assert_eq!(recovering.seen().len(), 2);
    stand.end(&[("upstream", "terminated", scaled(5, 1000) * 2 + 1)]);
}
