//! Bodies beyond a limit, and answers to callers that are still sending.
//! It must show that nothing too large reaches the upstream whole, and that the caller can read why.

use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::faults::{End, Script, Scripted};
use mesher_verify::http::Wire;
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// A chunk of a body.
const CHUNK: usize = 4096;
/// How long an answer to a caller that still sends may keep its connection: two seconds, and what deadlines are late.
const LINGER_MAX: Duration = Duration::from_secs(4);

/// BL-05: a body beyond the limit. 413 before anything reaches the upstream where the length is told; otherwise the
/// upstream sees the body break off.
#[test]
fn bl_05() {
    let limit: usize = scaled(64 << 10, 16 << 20);
    let stand = Stand::with("bl_05", &[("MESHER_BODY_BYTES_MAX", &limit.to_string())]);
    let (cut, whole) = (Gate::default(), Gate::default());
    let (is_cut, is_whole) = (cut.clone(), whole.clone());
    let upstream = Application::start(move |mut wire: Wire| {
        // A reset may overtake the head.
        while let Some((head, mut body)) = wire.request_head().inspect_err(|_| is_cut.open())? {
            let (length, is_end) = wire.drain(&mut body);
            match (head.target(), is_end) {
                ("/fits", true) => wire.send(ok(&length.to_string()))?,
                (_, true) => is_whole.open(),
                (_, false) => is_cut.open(),
            }
        }
        Ok(())
    });
    stand.register("provider", &upstream);
    let told =
        stand.call(&format!("PUT / HTTP/1.1\r\nHost: provider\r\nContent-Length: {}\r\n\r\n", limit + 1));
    assert_eq!((told.status(), told.field("connection")), (413, "close"), "{}", told.text());
    assert_eq!(upstream.connections(), 0, "it went to the upstream");

    let mut wire = stand.connect();
    wire.send("PUT / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    // What follows the answer is of no matter to the caller.
    let _ = chunks(limit)
        .iter()
        .try_for_each(|chunk| wire.send(chunk))
        .and_then(|()| wire.send("1\r\nx\r\n0\r\n\r\n"));
    let crossed = wire.answer("PUT").unwrap();
    assert_eq!((crossed.status(), crossed.field("connection")), (413, "close"), "{}", crossed.text());
    until("the upstream learns of it", || (cut.is_open() || whole.is_open()).then_some(()));
    assert!(!whole.is_open(), "a part of a body was delivered as a whole one");

    let body = "x".repeat(limit);
    let mut wire = stand.connect();
    let fits =
        wire.call(format!("PUT /fits HTTP/1.1\r\nHost: provider\r\nContent-Length: {limit}\r\n\r\n{body}"));
    assert_eq!(fits.unwrap().text(), limit.to_string());
    wire.send("PUT /fits HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    chunks(limit).iter().for_each(|chunk| wire.send(chunk).unwrap());
    wire.send("0\r\n\r\n").unwrap();
    assert_eq!(wire.answer("PUT").unwrap().text(), limit.to_string());
    drop(wire);
    until("both are counted by their reason", || {
        let labels = ["message=\"request\"", "reason=\"body_too_large\""];
        (stand.metrics().sum("mesher_refusals_total", &labels) == 2).then_some(())
    });
    stand.end(&[("downstream", "bad_request", 2)]);
}

/// `length` bytes in chunks.
fn chunks(length: usize) -> Vec<String> {
    let chunk = format!("{CHUNK:x}\r\n{}\r\n", "x".repeat(CHUNK));
    vec![chunk; length / CHUNK]
}

/// BL-10: a caller is refused while it still sends a large body. It can read the answer, however much it has sent.
#[test]
fn bl_10() {
    let size: usize = scaled(8 << 20, 100 << 20);
    let stand = Stand::start("bl_10");
    let upstream = Scripted::start(|_| Script::new(ok("unasked"), End::Keep));
    stand.register("provider", &upstream.application);
    let heads = [
        format!(
            "POST / HTTP/1.1\r\nHost: provider\r\nContent-Length: {size}\r\nContent-Length: {}\r\n\r\n",
            size + 1
        ),
        format!("TRACE / HTTP/1.1\r\nHost: provider\r\nContent-Length: {size}\r\n\r\n"),
    ];
    let block = vec![b'x'; 64 << 10];
    let rounds = scaled(5, 200);
    for number in 0..rounds {
        for (head, status) in heads.iter().zip([400, 405]) {
            let begun = Instant::now();
            let mut wire = stand.connect();
            wire.send(head).unwrap();
            // It may be cut off on the way, once it has sent more than anybody reads.
            let sent = (0..size / block.len()).take_while(|_| wire.send(&block).is_ok()).count();
            let answer =
                wire.answer("POST").unwrap_or_else(|error| panic!("{number}, {sent} blocks: {error}"));
            assert_eq!((answer.status(), answer.field("connection")), (status, "close"));
            assert!(answer.json()["detail"].is_string(), "{}", answer.text());
            drop(wire);
            assert!(begun.elapsed() < LINGER_MAX, "{:?}", begun.elapsed());
        }
    }
    assert_eq!(upstream.seen(), [], "something of it reached the upstream");
    assert_eq!(upstream.garbled(), 0);
    stand.end(&[("downstream", "bad_request", rounds), ("downstream", "method_not_allowed", rounds)]);
}
