//! Answers that end: too early, at the end of their connection, or before the question does.
//! It must never take a part for the whole, and a whole for a part.

use std::io::ErrorKind;

use mesher_verify::application::{Application, Gate, answer, ok};
use mesher_verify::faults::{End, Script, Scripted};
use mesher_verify::http::{Framing, Wire};
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// Parts of answers.
const PARTS: [(&str, &str); 9] = [
    ("a head with a length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
    ("one byte short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123456789"),
    ("a head with chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("amid a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12345"),
    ("amid a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na"),
    ("no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"),
    ("amid the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n"),
    ("amid a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\nX-A: b\r\n"),
    ("amid a head", "HTTP/1.1 200 OK\r\nContent-Len"),
];
/// An answer that ends with its connection, which breaks. Nobody can know that it was whole.
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\n12345";

/// UP-05: the answer breaks off. The caller sees that it is not whole, whatever it speaks.
#[test]
fn up_05() {
    let stand = Stand::start("up_05");
    let upstream = Scripted::start(|request| {
        let (end, index) = request.head.target().trim_start_matches('/').split_once('/').unwrap();
        let end = if end == "Reset" { End::Reset } else { End::Finish };
        let part = PARTS.get(index.parse::<usize>().unwrap()).map_or(UNTIL_CLOSE, |(_, part)| part);
        Script::new(part, end)
    });
    stand.register("provider", &upstream.application);
    let mut calls = 0;
    let cases = || (0..PARTS.len()).flat_map(|index| [(index, End::Finish), (index, End::Reset)]);
    let rounds = scaled(1, 200);
    for _ in 0..rounds {
        for (index, end) in cases().chain([(PARTS.len(), End::Reset)]) {
            let name = PARTS.get(index).map_or("until close", |(name, _)| name);
            for version in ["1.1", "1.0"] {
                let request = format!("GET /{end:?}/{index} HTTP/{version}\r\nHost: provider\r\n\r\n");
                let answer = stand.connect().call(request);
                match answer {
                    Ok(answer) => {
                        assert_eq!(answer.status(), 502, "{name}, {end:?}, {version}: {:?}", answer.text())
                    }
                    Err(error) => {
                        let is_cut =
                            [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind());
                        assert!(is_cut, "{name}, {end:?}, {version}: {error}");
                    }
                }
                calls += 1;
            }
        }
    }
    stand.end(&[("upstream", "terminated", calls)]);
}

/// UP-06: the answer ends with its connection, as it should. It is whole, and the caller's connection goes on.
#[test]
fn up_06() {
    let stand = Stand::start("up_06");
    let sizes = [0, 1, 1000, scaled(1 << 20, 64 << 20)];
    let upstream = Scripted::start(move |request| {
        let (version, size) = request.head.target().trim_start_matches('/').split_once('/').unwrap();
        let body = "x".repeat(size.parse().unwrap());
        Script::new(format!("HTTP/{version} 200 OK\r\nConnection: close\r\n\r\n{body}"), End::Finish)
    });
    stand.register("provider", &upstream.application);
    let mut wire = stand.connect();
    for size in sizes {
        for version in ["1.0", "1.1"] {
            let answer =
                wire.call(format!("GET /{version}/{size} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
            assert_eq!((answer.status(), answer.body.len()), (200, size), "HTTP/{version}");
            assert_eq!(answer.framing, Framing::Chunked, "HTTP/{version}, {size} bytes");
            let old =
                stand.connect().call(format!("GET /{version}/{size} HTTP/1.0\r\nHost: provider\r\n\r\n"));
            assert_eq!(old.unwrap().body.len(), size, "HTTP/{version} to HTTP/1.0");
        }
    }
    drop(wire);
    stand.end(&[]);
}

/// UP-12: the answer comes before the question is over. It is passed on at once, the upload stops, and neither
/// connection carries anything more that could be taken for something else.
#[test]
fn up_12() {
    const UPLOAD: usize = 64 << 20;
    let stand = Stand::start("up_12");
    let (early, taken) = (Gate::default(), std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let (ended, counted) = (early.clone(), std::sync::Arc::clone(&taken));
    let application = Application::start(move |mut wire: Wire| {
        while let Some((head, mut body)) = wire.request_head()? {
            if head.target() != "/early" {
                while wire.piece(&mut body)?.is_some() {}
                wire.send(ok(head.target()))?;
                continue;
            }
            wire.send(answer("401 Unauthorized", "who are you"))?;
            // It goes on reading: a connection that is used again would show the next call within this body.
            let rest = loop {
                match wire.piece(&mut body) {
                    Ok(Some(piece)) => counted.fetch_add(piece.len(), std::sync::atomic::Ordering::Relaxed),
                    Ok(None) => break "whole",
                    Err(_) => break "cut",
                };
            };
            assert_eq!(rest, "cut", "the upload went on to its end");
            ended.open();
        }
        Ok(())
    });
    stand.register("provider", &application);
    let mut caller = stand.connect();
    let head = format!("PUT /early HTTP/1.1\r\nHost: provider\r\nContent-Length: {UPLOAD}\r\n\r\n");
    caller.send(head).unwrap();
    caller.send(vec![b'x'; 64 << 10]).unwrap();
    let refused = caller.answer("PUT").unwrap();
    assert_eq!((refused.status(), refused.text().as_str()), (401, "who are you"));
    // The rest is sent all the same, and is taken or not.
    let block = vec![b'x'; 64 << 10];
    let _ = (1..UPLOAD / block.len()).try_for_each(|_| caller.send(&block));
    until("the upload is stopped", || early.is_open().then_some(()));
    let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
    assert!(taken < UPLOAD / 2, "{taken} bytes went up after the answer");
    for number in 0..scaled(10, 100) {
        let target = format!("/next/{number}");
        let next = stand.call(&format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n"));
        assert_eq!((next.status(), next.text()), (200, target));
    }
    // A caller that goes on with a small rest gets its next answer, or a closed connection; never another's.
    let mut caller = stand.connect();
    caller.send("PUT /early HTTP/1.1\r\nHost: provider\r\nContent-Length: 10\r\n\r\n12345").unwrap();
    assert_eq!(caller.answer("PUT").unwrap().status(), 401);
    let _ = caller.send("67890GET /after HTTP/1.1\r\nHost: provider\r\n\r\n");
    if let Ok(after) = caller.answer("GET") {
        assert_eq!((after.status(), after.text().as_str()), (200, "/after"));
    }
    drop(caller);
    stand.end(&[]);
}
