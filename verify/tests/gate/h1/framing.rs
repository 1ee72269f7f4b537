//! Rows H1-01 to H1-14: fields that frame a body, and bodies that look like requests.
//! It must never let two readers disagree about where a request ends.

use crate::ground::{Door, Ground};
use crate::stimulus::{Stimulus, judge};
use crate::upstream::Seen;

/// A request that must never be taken for one.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: upstream\r\n\r\n";

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: upstream\r\n{fields}\r\n\r\n{body}")
}

/// Each of these fields, with this body, is refused for this reason.
#[track_caller]
fn judge_bad(reason: &'static str, body: &str, fields: &[&str]) {
    let ground = Ground::start();
    judge(&ground, fields.iter().map(|fields| Stimulus::bad(post(fields, body), reason)));
    ground.finish();
}

fn sees(method: &'static str, body: &'static str) -> impl Fn(&[Seen]) {
    move |seen| {
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!((seen[0].method(), seen[0].body.as_slice()), (method, body.as_bytes()));
    }
}

/// H1-01: length and coding together, either first.
#[test]
fn h1_01() {
    judge_bad(
        "length_and_coding",
        "0\r\n\r\nX",
        &[
            "Content-Length: 6\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 6",
        ],
    );
}

/// H1-02: two lengths that differ, either first.
#[test]
fn h1_02() {
    judge_bad(
        "content_length",
        "X",
        &["Content-Length: 1\r\nContent-Length: 0", "Content-Length: 0\r\nContent-Length: 1"],
    );
}

/// H1-03: the same length twice, in two lines or in one.
#[test]
fn h1_03() {
    judge_bad(
        "content_length",
        "hello",
        &["Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 5", "Content-Length: 5,5"],
    );
}

/// H1-04: lengths that are no plain number.
#[test]
fn h1_04() {
    let ground = Ground::start();
    let values: [&[u8]; 11] =
        [b"", b"+5", b"-5", b"-0", b"0x5", b"5 5", b"1_0", b"5;", "\u{ff15}".as_bytes(), b"5\xa0", b"\x0b5"];
    judge(
        &ground,
        values.iter().map(|value| {
            let head = b"POST / HTTP/1.1\r\nHost: upstream\r\nContent-Length: ";
            let bytes = [head, *value, b"\r\n\r\nhello"].concat();
            // A control character is none of any value.
            let reason = if value.contains(&0x0b) { "field_value" } else { "content_length" };
            Stimulus::bad(bytes, reason)
        }),
    );
    ground.finish();
}

/// H1-05: lengths beyond what 63 bits hold.
#[test]
fn h1_05() {
    judge_bad(
        "content_length",
        "hello",
        &[
            "Content-Length: 18446744073709551616",
            "Content-Length: 99999999999999999999",
            "Content-Length: 9223372036854775808",
        ],
    );
}

/// H1-06: leading zeros are no octal number, and are not passed on.
#[test]
fn h1_06() {
    let ground = Ground::start();
    let stimulus = Stimulus::passed(post("Content-Length: 0005", "hello"), 1, |seen: &[Seen]| {
        sees("POST", "hello")(seen);
        assert_eq!(seen[0].values("content-length"), ["5"]);
    });
    judge(&ground, [stimulus]);
    ground.finish();
}

/// H1-07: lists with `chunked` in them that are more than `chunked`.
#[test]
fn h1_07() {
    judge_bad(
        "transfer_encoding",
        "0\r\n\r\n",
        &[
            "Transfer-Encoding: ,chunked",
            "Transfer-Encoding: chunked,",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ],
    );
}

/// H1-08: codings that nobody here knows: 501 where `chunked` still frames the body, 400 where nothing does.
#[test]
fn h1_08() {
    let ground = Ground::start();
    let unknown =
        Stimulus::refused(post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), &[501], "unknown_coding");
    let bad = ["xchunked", "identity", "gzip", ""].map(|value| {
        Stimulus::bad(post(&format!("Transfer-Encoding: {value}"), "0\r\n\r\n"), "transfer_encoding")
    });
    judge(&ground, bad.into_iter().chain([unknown]));
    ground.finish();
}

/// H1-09: `chunked` in disguise. Its case alone does not matter.
#[test]
fn h1_09() {
    let ground = Ground::start();
    let lines: [(&[u8], &str); 7] = [
        (b"Transfer-Encoding : chunked", "field_name"),
        (b"Transfer-Encoding:\x0bchunked", "field_value"),
        (b"Transfer-Encoding:\x0cchunked", "field_value"),
        (b"Transfer-Encoding:\xa0chunked", "transfer_encoding"),
        (b"Transfer-Encoding: chunked\x00", "field_value"),
        (b"Transfer-Encoding: \"chunked\"", "transfer_encoding"),
        (b"Transfer-Encoding: chunked;q=1", "transfer_encoding"),
    ];
    let bad = lines.into_iter().map(|(line, reason)| {
        let head = b"POST / HTTP/1.1\r\nHost: upstream\r\n";
        Stimulus::bad([head, line, b"\r\n\r\n0\r\n\r\n"].concat(), reason)
    });
    let good = Stimulus::passed(
        post("Transfer-Encoding: Chunked", "5\r\nhello\r\n0\r\n\r\n"),
        1,
        sees("POST", "hello"),
    );
    judge(&ground, bad.chain([good]));
    ground.finish();
}

/// H1-10: names that read like framing fields where `_` or `.` count as `-`. A sidecar leaves them out and counts them.
#[test]
fn h1_10() {
    let ground = Ground::start();
    let names = ["Transfer_Encoding", "Transfer.Encoding", "transfer_ENCODING"];
    let fields: Vec<_> = names.iter().map(|name| format!("{name}: chunked\r\n")).collect();
    let fields = format!("{}Content_Length: 5\r\nContent-Length: 0", fields.concat());
    let judged = |seen: &[Seen]| {
        sees("POST", "")(seen);
        let fields: Vec<_> = seen[0].fields.iter().map(|(name, _)| name.replace(['_', '.'], "-")).collect();
        assert!(!fields.contains(&"transfer-encoding".to_owned()), "{fields:?}");
        assert_eq!(fields.iter().filter(|name| *name == "content-length").count(), 1, "{fields:?}");
    };
    judge(&ground, [Stimulus::passed(post(&fields, ""), 1, judged)]);
    for door in Door::ALL {
        let before = ground.dropped_fields(door, "alias");
        assert_eq!(ground.open(door).call(post(&fields, "")).unwrap().status(), 200);
        assert_eq!(ground.dropped_fields(door, "alias") - before, 4, "{door:?}");
    }
    ground.finish();
}

/// H1-11: HTTP/1.0 knows no codings.
#[test]
fn h1_11() {
    let ground = Ground::start();
    let request =
        post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0");
    judge(&ground, [Stimulus::bad(request, "transfer_encoding")]);
    ground.finish();
}

/// H1-12: an old request without a length has no body; what follows it is neither body nor request.
#[test]
fn h1_12() {
    let ground = Ground::start();
    let old = |fields: &str, rest: &str| {
        let request = format!("POST / HTTP/1.0\r\nHost: upstream\r\n{fields}\r\n{rest}");
        Stimulus::passed(request, 1, sees("POST", "")).then_closed()
    };
    judge(&ground, [old("", "hello"), old("", HIDDEN), old("Connection: keep-alive\r\n", HIDDEN)]);
    ground.finish();
}

/// H1-13: the body of a GET is a body, be it a request.
#[test]
fn h1_13() {
    let ground = Ground::start();
    let request =
        format!("GET / HTTP/1.1\r\nHost: upstream\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len());
    judge(&ground, [Stimulus::passed(request, 1, sees("GET", HIDDEN))]);
    ground.finish();
}

/// H1-14: what follows a body of no bytes is the next request, as it stands. `XGET` is a method like any other here (row
/// H1-29): it is passed on as what it is, and never as the GET that it hides.
#[test]
fn h1_14() {
    let ground = Ground::start();
    let request = post("Content-Length: 0", &format!("X{HIDDEN}"));
    let stimulus = Stimulus::passed(request, 2, |seen: &[Seen]| {
        let lines: Vec<_> = seen.iter().map(|seen| seen.line.as_str()).collect();
        assert_eq!(lines, ["POST / HTTP/1.1", "XGET /hidden HTTP/1.1"]);
    });
    let broken = post("Content-Length: 0", "\u{1}GET / HTTP/1.1\r\nHost: upstream\r\n\r\n");
    judge(&ground, [stimulus]);
    for door in Door::ALL {
        let mark = ground.upstream.mark();
        let mut wire = ground.open(door);
        assert_eq!(wire.call(&broken).unwrap().status(), 200);
        assert_eq!(wire.answer("GET").unwrap().status(), 400);
        assert_eq!(wire.remainder().unwrap_or_default(), b"");
        sees("POST", "")(&ground.upstream.requests_since(&mark));
    }
    ground.finish();
}
