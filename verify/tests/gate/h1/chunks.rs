//! Rows H1-15 to H1-22: chunks, their extensions, and trailers.
//! It must never let half a body look like a whole one.

use std::collections::BTreeMap;

use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use crate::ground::{Door, Ground};
use crate::stimulus::{Stimulus, judge};
use crate::upstream::{Behaviour, Seen, requests_of};

fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = b"POST / HTTP/1.1\r\nHost: upstream\r\nTransfer-Encoding: chunked\r\n\r\n";
    [head, body.as_ref()].concat()
}

/// Each of these bodies is refused for this reason, and of each at most `allowed` goes on.
#[track_caller]
fn judge_broken(allowed: &str, reason: &'static str, bodies: impl IntoIterator<Item = String>) {
    let ground = Ground::start();
    judge(&ground, bodies.into_iter().map(|body| Stimulus::broken(chunked(body), allowed, reason)));
    ground.finish();
}

/// Begins to answer before the body is whole.
struct Hasty;

impl Behaviour for Hasty {
    fn early(&self, head: &Seen) -> Option<Vec<u8>> {
        let begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n";
        (head.target() == "/hasty").then(|| begun.to_vec())
    }
}

/// H1-15: sizes that are no plain hexadecimal number. Where the answer is on its way already, both connections end.
#[test]
fn h1_15() {
    let ground = Ground::with(Hasty);
    let sizes = ["0x5", "+5", "-5", " 5", "5 ", "5_0", "", "Z", "5these"];
    let bodies = sizes.map(|size| chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")));
    judge(&ground, bodies.map(|bytes| Stimulus::broken(bytes, "", "chunk")));
    for door in Door::ALL {
        let (mark, before) = (ground.upstream.mark(), ground.refusals(door));
        let mut wire = ground.open(door);
        let head = "POST /hasty HTTP/1.1\r\nHost: upstream\r\nTransfer-Encoding: chunked\r\n\r\n";
        wire.send(format!("{head}5\r\nhello\r\n")).unwrap();
        let (head, mut body) = wire.answer_head("POST").unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(wire.piece(&mut body).unwrap().unwrap(), b"begun");
        wire.send("Z\r\n").unwrap();
        assert!(wire.piece(&mut body).is_err(), "the answer must not look whole");
        until("the upstream's connection ends", || {
            ground.upstream.since(&mark).iter().all(|connection| connection.has_ended).then_some(())
        });
        let news = ground.upstream.since(&mark);
        assert_eq!((news.len(), requests_of(&news[0].bytes).0.len()), (1, 0), "{door:?}: {news:?}");
        until("it is counted", || {
            let counted = |all: &BTreeMap<String, u64>| all.get("chunk").copied().unwrap_or_default();
            (counted(&ground.refusals(door)) == counted(&before) + 1).then_some(())
        });
    }
    ground.finish();
}

/// H1-16: sizes that no number holds, and a number with 4,096 zeros in front.
#[test]
fn h1_16() {
    let sizes =
        ["ffffffffffffffff".to_owned(), "10000000000000000".to_owned(), format!("{}5", "0".repeat(4096))];
    judge_broken("", "chunk", sizes.map(|size| format!("{size}\r\nhello\r\n0\r\n\r\n")));
}

/// H1-17: lines of chunks that do not end with CRLF.
#[test]
fn h1_17() {
    let bodies = ["5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\rXhello\r\n0\r\n\r\n"];
    judge_broken("hello", "chunk", bodies.map(str::to_owned));
    judge_broken("hello", "trailer", ["5\r\nhello\r\n0\r\n\nX: y\r\n\r\n".to_owned()]);
}

/// H1-18: extensions with bytes that have no place there, and too many of them; good ones end here.
#[test]
fn h1_18() {
    let ground = Ground::start();
    let many = format!("1;{}\r\nx\r\n", "e".repeat(1024)).repeat(scaled(64, 10_000));
    let bodies = [
        ("5;\nhello\r\n0\r\n\r\n".to_owned(), ""),
        ("5;a=b\r\rX\r\n0\r\n\r\n".to_owned(), ""),
        (format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(64 * 1024)), ""),
        (format!("{many}0\r\n\r\n"), "xxxxxxxxxxxxxxxx"),
    ];
    let broken = bodies.into_iter().map(|(body, allowed)| Stimulus::broken(chunked(body), allowed, "chunk"));
    let good = chunked("5;a=b;c=\"d e\"\r\nhello\r\n1;f\r\n!\r\n0;last\r\n\r\n");
    let good = Stimulus::passed(good, 1, |seen: &[Seen]| assert_eq!(seen[0].body, b"hello!"));
    judge(&ground, broken.chain([good]));
    ground.finish();
}

/// H1-19: more data than was declared, and less.
#[test]
fn h1_19() {
    let bodies = ["5\r\nhello!!\r\n0\r\n\r\n", "5\r\nhel\r\n0\r\n\r\n"];
    judge_broken("hello", "chunk", [bodies[0].to_owned()]);
    judge_broken("hel\r\n0\r\n\r\n", "chunk", [bodies[1].to_owned()]);
}

/// H1-20: the end of the connection before the last chunk. Nobody makes up the last chunk.
#[test]
fn h1_20() {
    let ground = Ground::start();
    let bodies = ["5\r\nhello\r\n", "5\r\nhel", "5\r\nhello\r\n0\r\n", "5\r\nhello\r\n0\r\nX: y\r\n"];
    let broken = |body| Stimulus::broken(chunked(body), "hello", "body_truncated").then_end();
    let length = "POST / HTTP/1.1\r\nHost: upstream\r\nContent-Length: 10\r\n\r\nhello";
    let short = Stimulus::broken(length, "hello", "body_truncated").then_end();
    judge(&ground, bodies.map(broken).into_iter().chain([short]));
    ground.finish();
}

/// H1-21: trailers that would frame or route the message are refused; those that would vouch for it are left out.
#[test]
fn h1_21() {
    let ground = Ground::start();
    let with = |trailer: &str| chunked(format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"));
    let bad = ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: other"];
    let bad = bad.map(|line| Stimulus::broken(with(line), "hello", "trailer"));
    let lines = [
        "Authorization: Basic eA==",
        "Content-Type: text/plain",
        "Connection: close",
        "X-Forwarded-For: 1.2.3.4",
        "x-cse-context: {}",
        "X-Cse-Src-Microservice: root",
        "x_cse_context: {}",
        "Transfer_Encoding: chunked",
    ];
    let trailers = with(&format!("{}\r\nX-Sum: 1", lines.join("\r\n")));
    let left_out = Stimulus::passed(&trailers, 1, |seen: &[Seen]| {
        assert_eq!((seen.len(), seen[0].body.as_slice()), (1, &b"hello"[..]));
        assert_eq!(seen[0].trailers, b"X-Sum: 1\r\n");
        for name in ["authorization", "content-type", "x-forwarded-for", "x-sum"] {
            assert!(seen[0].values(name).is_empty(), "{name} became a field of the head");
        }
    });
    judge(&ground, bad.into_iter().chain([left_out]));
    for door in Door::ALL {
        let before = ground.dropped_fields(door, "trailer");
        assert_eq!(ground.open(door).call(&trailers).unwrap().status(), 200);
        until("every trailer is counted", || {
            (ground.dropped_fields(door, "trailer") - before == lines.len() as u64).then_some(())
        });
    }
    ground.finish();
}

/// H1-22: floods of trailers. (A trailer section that stalls is a slow client: its rows are those of bodies.)
#[test]
fn h1_22() {
    let many = format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    let large = format!("5\r\nhello\r\n0\r\nX: {}\r\n\r\n", "y".repeat(scaled(64 * 1024, 1024 * 1024)));
    let few = format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(101));
    judge_broken("hello", "trailer", [many, large, few]);
}
