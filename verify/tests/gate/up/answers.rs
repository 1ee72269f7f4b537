//! What comes in the place of an answer, and what comes after one.
//! It must reach nobody: not the caller that asked, and least of all the next.

use mesher_verify::application::{answer, ok};
use mesher_verify::faults::{Cut, End, Script, Scripted};
use mesher_verify::scale::scaled;

use super::cases::{demand_clean, demand_last_use, refuse_all};
use crate::stand::Stand;

/// A head as large as the row says.
const HUGE: usize = 10 << 20;
/// Fields in a head, as many as the row says.
const FIELDS: usize = 10_000;

/// UP-07: no answer at all: noise, HTTP/0.9, broken status lines, another protocol. 502, and the connection ends.
#[test]
fn up_07() {
    refuse_all(
        "up_07",
        vec![
            ("noise", b"\x00\xff\xfe\x01\r\n\r\n".to_vec()),
            ("HTTP/0.9", b"<html>hello</html>\r\n".to_vec()),
            ("two digits", b"HTTP/1.1 99 X\r\n\r\n".to_vec()),
            ("four digits", b"HTTP/1.1 1000 X\r\n\r\n".to_vec()),
            ("four digits, no reason", b"HTTP/1.1 1000\r\n\r\n".to_vec()),
            ("letters", b"HTTP/1.1 abc\r\n\r\n".to_vec()),
            ("no status", b"HTTP/1.1\r\n\r\n".to_vec()),
            ("status 000", b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n".to_vec()),
            ("signed", b"HTTP/1.1 +200 OK\r\n\r\n".to_vec()),
            ("version 9.9", b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
            ("version 2", b"HTTP/2 200\r\n\r\n".to_vec()),
            ("small letters", b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
            ("an empty line first", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
            ("a request", b"GET / HTTP/1.1\r\nHost: provider\r\n\r\n".to_vec()),
            ("SMTP", b"220 mail.example ESMTP\r\n".to_vec()),
            ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            ("HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00".to_vec()),
        ],
    );
}

/// UP-09: heads with control characters, folded lines, and far too large ones. 502.
#[test]
fn up_09() {
    let head = |fields: &[u8]| {
        let begin = &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"[..];
        [begin, fields, b"\r\n"].concat()
    };
    let large = format!("X-Large: {}\r\n", "x".repeat(HUGE));
    let many: String = (0..FIELDS).map(|number| format!("X-{number}: y\r\n")).collect();
    refuse_all(
        "up_09",
        vec![
            ("CR in a value", head(b"X-A: a\rb\r\n")),
            ("CR, then a field", head(b"X-A: a\rContent-Length: 5\r\n")),
            ("NUL in a value", head(b"X-A: a\0b\r\n")),
            ("NUL in a name", head(b"X-\0A: a\r\n")),
            ("LF alone", head(b"X-A: a\nX-B: b\r\n")),
            ("LF alone after the status", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n".to_vec()),
            ("a folded line", head(b"X-A: a\r\n b\r\n")),
            ("a folded first line", b"HTTP/1.1 200 OK\r\n X-A: a\r\nContent-Length: 0\r\n\r\n".to_vec()),
            ("space before the colon", head(b"X-A : a\r\n")),
            ("no colon", head(b"X-A\r\n")),
            ("no name", head(b": a\r\n")),
            ("a byte above ASCII in a name", head(b"X-\xe9: a\r\n")),
            ("DEL in a value", head(b"X-A: \x7f\r\n")),
            ("10 MiB", head(large.as_bytes())),
            ("10,000 fields", head(many.as_bytes())),
        ],
    );
}

/// UP-13: something follows a whole answer. It is thrown away with its connection; the next call never sees it.
#[test]
fn up_13() {
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let stand = Stand::start("up_13");
    let smuggled = answer("200 OK", "smuggled");
    let extras = [smuggled, b"x".to_vec(), b"\r\n".to_vec(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()];
    let count = extras.len();
    let upstream = Scripted::start(move |request| {
        let target = request.head.target();
        let (is_torn, number) = match (target.strip_prefix("/poison/"), target.strip_prefix("/torn/")) {
            (Some(number), _) => (false, number),
            (_, Some(number)) => (true, number),
            _ => return Script::new(ok(target), End::Keep),
        };
        let number: usize = number.parse().unwrap();
        let first = if (number / count).is_multiple_of(2) { ok("hi") } else { CHUNKED.to_vec() };
        let extra = extras[number % count].clone();
        // The first byte too many comes with the answer. What comes later than the next call is CP-03's, or cannot be told
        // from an answer to it.
        let length = if is_torn { first.len() + 1 } else { first.len() + extra.len() };
        let whole = [first, extra].concat();
        let (begin, rest) = whole.split_at(length);
        let parts = vec![begin.to_vec(), rest.to_vec()];
        Script { parts, cut: Cut::Whole, end: End::Keep }
    });
    stand.register("provider", &upstream.application);
    let (mut first, mut second) = (stand.connect(), stand.connect());
    for number in 0..scaled(4, 1000) * count * 2 {
        for kind in ["poison", "torn"] {
            let poisoned = first.call(format!("GET /{kind}/{number} HTTP/1.1\r\nHost: provider\r\n\r\n"));
            let poisoned = poisoned.unwrap();
            assert_eq!((poisoned.status(), poisoned.text().as_str()), (200, "hi"), "{kind} {number}");
            demand_clean([&mut second, &mut first], &format!("/clean/{number}"), &format!("{kind} {number}"));
        }
    }
    demand_last_use(&upstream);
    drop((first, second));
    stand.end(&[]);
}
