//! Rows H1-37 to H1-42: requests in a row, expectations, tunnels, other protocols, HEAD.
//! It must pair each answer with its own request, and read nothing after the last.

use mesher_verify::application::Gate;
use mesher_verify::http::{Framing, Wire};
use mesher_verify::scale::scaled;

use crate::ground::{Door, Ground};
use crate::stimulus::{Stimulus, judge};
use crate::upstream::{Behaviour, Seen};

/// Answers with the target; to `/slow` once it may.
struct Named(Gate);

impl Behaviour for Named {
    fn answer(&self, seen: &Seen) -> Vec<u8> {
        if seen.target() == "/slow" {
            self.0.wait();
        }
        mesher_verify::application::ok(seen.target())
    }
}

/// H1-37: a hundred requests at once, the first slow, one in the middle malformed: every answer in its turn, then 400.
#[test]
fn h1_37() {
    let gate = Gate::default();
    let ground = Ground::with(Named(gate.clone()));
    let count = scaled(40, 100);
    let target = |number: usize| if number == 0 { "/slow".to_owned() } else { format!("/{number}") };
    for door in Door::ALL {
        let mark = ground.upstream.mark();
        let mut wire = ground.open(door);
        let mut requests = String::new();
        for number in 0..count {
            if number == count / 2 {
                requests.push_str("GET /bad HTTP/1.1\r\nHost: upstream\r\nContent-Length: none\r\n\r\n");
            }
            requests.push_str(&format!("GET {} HTTP/1.1\r\nHost: upstream\r\n\r\n", target(number)));
        }
        wire.send(requests).unwrap();
        gate.open();
        for number in 0..count / 2 {
            assert_eq!(wire.answer("GET").unwrap().text(), target(number), "{door:?}");
        }
        let refused = wire.answer("GET").unwrap();
        assert_eq!((refused.status(), refused.field("connection")), (400, "close"));
        assert_eq!(wire.remainder().unwrap_or_default(), b"");
        let seen = ground.upstream.requests_since(&mark);
        let targets: Vec<_> = seen.iter().map(|seen| seen.target().to_owned()).collect();
        assert_eq!(targets, (0..count / 2).map(target).collect::<Vec<_>>(), "none after the malformed one");
    }
    ground.finish();
}

/// Answers to the head: with a final status, or with 100 and then to the whole.
struct Expected;

impl Behaviour for Expected {
    fn early(&self, head: &Seen) -> Option<Vec<u8>> {
        (head.target() == "/no").then(|| mesher_verify::application::answer("403 Forbidden", "no"))
    }
}

/// H1-38: a body that is announced and never sent. The final answer is passed on and ends the connection; nobody but the
/// upstream says 100.
#[test]
fn h1_38() {
    let ground = Ground::with(Expected);
    for door in Door::ALL {
        let mark = ground.upstream.mark();
        let mut wire = ground.open(door);
        wire.send(
            "POST /no HTTP/1.1\r\nHost: upstream\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
        )
        .unwrap();
        let (head, mut body) = wire.answer_head("POST").unwrap();
        assert_eq!((head.status(), head.field("connection")), (403, "close"), "{door:?}");
        while wire.piece(&mut body).unwrap().is_some() {}
        // What comes instead of the body is no request.
        let _ = wire.send("GET /hidden HTTP/1.1\r\nHost: upstream\r\n\r\n");
        assert_eq!(wire.remainder().unwrap_or_default(), b"");
        let news = ground.upstream.since(&mark);
        assert_eq!(news.len(), 1, "{news:?}");
        assert!(!String::from_utf8_lossy(&news[0].bytes).contains("hidden"), "{news:?}");
    }
    ground.finish();
}

/// H1-39: expectations that nobody here knows. In another case it is the same one (RFC 9110 section 10.1.1), and white
/// space at the end of a line is not part of its value.
#[test]
fn h1_39() {
    let ground = Ground::start();
    let post = |version: &str, fields: &str| {
        format!("POST / HTTP/{version}\r\nHost: upstream\r\nContent-Length: 2\r\n{fields}\r\n\r\nhi")
    };
    let bad = [
        "Expect: 200-ok",
        "Expect: 100-continue, x",
        "Expect: \"100-continue\"",
        "Expect: 100-continue;a=b",
        "Expect: 100 -continue",
        "Expect: 100_continue",
        "Expect: ",
        "Expect: 100-continue\r\nExpect: 100-continue",
    ]
    .map(|fields| Stimulus::refused(post("1.1", fields), &[417], "expectation"));
    let good = ["Expect: 100-continue", "Expect: 100-Continue "].map(|fields| {
        Stimulus::passed(post("1.1", fields), 1, |seen: &[Seen]| {
            assert_eq!(seen[0].body, b"hi");
            assert!(seen[0].values("expect")[0].eq_ignore_ascii_case("100-continue"));
        })
    });
    let old = ["Expect: 100-continue", "Expect: 200-ok"].map(|fields| {
        let judged =
            |seen: &[Seen]| assert_eq!(seen[0].values("expect"), [""; 0], "the old version knows none");
        Stimulus::passed(post("1.0", fields), 1, judged).then_closed()
    });
    judge(&ground, bad.into_iter().chain(good).chain(old));
    ground.finish();
}

/// H1-40: tunnels and echoes are refused, and nothing after them is read (RFC 9931).
#[test]
fn h1_40() {
    let ground = Ground::start();
    let hidden = "GET /hidden HTTP/1.1\r\nHost: upstream\r\n\r\n";
    let requests = [
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "CONNECT upstream:80 HTTP/1.1\r\nHost: upstream:80\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: upstream\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\nhello",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: upstream\r\n\r\n",
    ];
    let refused = |request| Stimulus::refused(format!("{request}{hidden}"), &[405], "method_not_allowed");
    let both =
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    let both = Stimulus::bad(format!("{both}{hidden}"), "length_and_coding");
    judge(&ground, requests.map(refused).into_iter().chain([both]));
    ground.finish();
}

/// Bytes without a pattern, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// H1-41: other protocols on a port of HTTP/1.
#[test]
fn h1_41() {
    const STATUSES: &[u16] = &[400, 414, 431, 501, 505];
    let ground = Ground::start();
    let hello = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &noise(7, 506)].concat();
    let known = [b"\x16\x03".to_vec(), hello, b"\0\0\0\x0c\0\x04\0\0\0\0\0\0".to_vec()]
        .map(|bytes| Stimulus::bad(bytes, "not_http"));
    let banner = Stimulus::bad("SSH-2.0-OpenSSH_9.2p1\r\n", "start_line");
    let noise =
        (0..scaled(2, 32)).map(|seed| Stimulus::garbage(noise(seed * 31, scaled(64, 1024) * 1024), STATUSES));
    judge(&ground, known.into_iter().chain([banner]).chain(noise));
    ground.finish();
}

/// H1-42: a HEAD with a body: the body is read, the answer has none, and the connection goes on.
#[test]
fn h1_42() {
    let ground = Ground::start();
    for door in Door::ALL {
        let mark = ground.upstream.mark();
        let mut wire = ground.open(door);
        let answer =
            wire.call("HEAD /a HTTP/1.1\r\nHost: upstream\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        assert_eq!(
            (answer.status(), answer.framing, answer.field("content-length")),
            (200, Framing::Empty, "2")
        );
        assert_eq!(next(&mut wire), "ok", "{door:?}");
        let seen = ground.upstream.requests_since(&mark);
        let seen: Vec<_> = seen.iter().map(|seen| (seen.method(), seen.body.as_slice())).collect();
        assert_eq!(seen, [("HEAD", &b"hello"[..]), ("GET", b"")]);
    }
    ground.finish();
}

fn next(wire: &mut Wire) -> String {
    wire.call("GET /b HTTP/1.1\r\nHost: upstream\r\n\r\n").unwrap().text()
}
