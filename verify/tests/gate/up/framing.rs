//! Answers whose length can be read in two ways, or that have a body where none can be.
//! It must show that the next caller gets its own answer.

use std::io::ErrorKind;

use mesher_verify::application::ok;
use mesher_verify::faults::{Cut, End, Script, Scripted};
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use super::cases::{case_of, demand_clean, demand_last_use, refuse_all, target_of};
use crate::stand::Stand;

/// UP-08: a length that is none, two lengths, a length and a coding, a coding that is unknown or too new. 502.
#[test]
fn up_08() {
    let head = |fields: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}").into_bytes();
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    refuse_all(
        "up_08",
        vec![
            ("signed", head("Content-Length: +5", "hello")),
            ("negative", head("Content-Length: -5", "hello")),
            ("hexadecimal", head("Content-Length: 0x5", "hello")),
            ("two numbers", head("Content-Length: 5 5", "hello")),
            ("a list", head("Content-Length: 5, 6", "hello")),
            ("empty", head("Content-Length:", "hello")),
            ("beyond 64 bits", head("Content-Length: 99999999999999999999", "hello")),
            ("two that differ", head("Content-Length: 5\r\nContent-Length: 6", "hello")),
            ("an unknown coding", head("Transfer-Encoding: gzip", chunks)),
            ("an unknown coding below chunks", head("Transfer-Encoding: gzip, chunked", chunks)),
            ("chunks in chunks", head("Transfer-Encoding: chunked, chunked", chunks)),
            ("chunks not last", head("Transfer-Encoding: chunked, gzip", chunks)),
            ("identity", head("Transfer-Encoding: identity", "hello")),
            ("a coding with a character that looks like it", head("Transfer-Encoding: \u{b}chunked", chunks)),
            (
                "a coding in HTTP/1.0",
                format!("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into(),
            ),
            ("length and coding", head("Content-Length: 5\r\nTransfer-Encoding: chunked", chunks)),
            ("coding and length", head("Transfer-Encoding: chunked\r\nContent-Length: 5", chunks)),
        ],
    );
}

/// UP-08, the last of its stimuli: a malformed chunk. The answer is 502 or ends early; it never looks whole.
#[test]
fn up_08_chunks() {
    const CHUNKS: [&str; 13] = [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
        "5;a=\0\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    ];
    let stand = Stand::start("up_08_chunks");
    let upstream = Scripted::start(|request| {
        let (index, cut) = case_of(request.head.target());
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        Script::new(format!("{head}{}", CHUNKS[index]), End::Silence).cut(cut)
    });
    stand.register("provider", &upstream.application);
    let mut calls = 0;
    for (index, chunks) in CHUNKS.iter().enumerate() {
        for cut in Cut::all(chunks.len() + 47, scaled(40, 1)) {
            let target = target_of(index, cut);
            let answer = stand.connect().call(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n"));
            match answer {
                Ok(answer) => assert_eq!(answer.status(), 502, "{chunks:?}, {cut:?}: {:?}", answer.text()),
                Err(error) => {
                    let is_cut =
                        [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind());
                    assert!(is_cut, "{chunks:?}, {cut:?}: {error}");
                }
            }
            calls += 1;
        }
    }
    until("all connections upstream are ended", || (upstream.open() == 0).then_some(()));
    assert_eq!(upstream.seen().len() as u64, calls);
    stand.end(&[("upstream", "bad_response", calls)]);
}

/// UP-15: body bytes after an answer that can have none. They reach nobody, and their connection ends.
#[test]
fn up_15() {
    const HEADS: [(&str, &str); 8] = [
        ("HEAD", "200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("HEAD", "200 OK\r\n\r\nhello"),
        ("GET", "204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
        ("GET", "204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("GET", "304 Not Modified\r\nContent-Length: 5\r\n\r\nhello"),
        ("GET", "304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ("GET", "204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"),
    ];
    let stand = Stand::start("up_15");
    let upstream = Scripted::start(|request| match request.head.target() {
        target if target.starts_with("/clean") => Script::new(ok(target), End::Keep),
        target => {
            let (index, cut) = case_of(target);
            Script::new(format!("HTTP/1.1 {}", HEADS[index].1), End::Keep).cut(cut)
        }
    });
    stand.register("provider", &upstream.application);
    let (mut first, mut second) = (stand.connect(), stand.connect());
    for (index, (method, text)) in HEADS.iter().enumerate() {
        for cut in Cut::all(text.len() + 9, scaled(20, 1)) {
            let target = target_of(index, cut);
            let request = format!("{method} {target} HTTP/1.1\r\nHost: provider\r\n\r\n");
            let answer = first.call(request);
            // A proxy may find the bytes at once and refuse all of it.
            let answer = answer.unwrap_or_else(|error| panic!("{text:?}, {cut:?}: {error}"));
            assert_eq!(answer.body.len(), 0, "{text:?}, {cut:?}");
            assert_ne!(answer.status(), 502, "{text:?}, {cut:?}");
            demand_clean(
                [&mut second, &mut first],
                &format!("/clean{target}"),
                &format!("{text:?}, {cut:?}"),
            );
        }
    }
    demand_last_use(&upstream);
    drop((first, second));
    stand.end(&[]);
}
