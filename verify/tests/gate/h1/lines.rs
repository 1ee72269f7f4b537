//! Rows H1-23 to H1-31: lines, their ends, names, values, and the request line.
//! It must be strict: what one reader forgives, another reads differently.

use crate::ground::Ground;
use crate::stimulus::{Stimulus, judge};
use crate::upstream::Seen;

fn get(fields: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: upstream\r\n", fields.as_ref(), b"\r\n\r\n"].concat()
}

fn line(line: &str) -> String {
    format!("{line}\r\nHost: upstream\r\n\r\n")
}

#[track_caller]
fn judge_all(stimuli: impl IntoIterator<Item = Stimulus>) {
    let ground = Ground::start();
    judge(&ground, stimuli);
    ground.finish();
}

/// H1-23: lines that end with LF alone, with CR alone, or some so and some so.
#[test]
fn h1_23() {
    judge_all(
        [
            ("GET / HTTP/1.1\nHost: upstream\n\n", "line_end"),
            ("GET / HTTP/1.1\r\nHost: upstream\n\r\n", "line_end"),
            ("GET / HTTP/1.1\nHost: upstream\r\n\r\n", "line_end"),
            ("GET / HTTP/1.1\r\nHost: upstream\r\n\n", "line_end"),
            ("GET / HTTP/1.1\r\nHost: upstream\r\nX: a\nX: b\r\n\r\n", "line_end"),
            ("GET / HTTP/1.1\rHost: upstream\r\r", "line_end"),
            ("GET / HTTP/1.1\r\nHost: upstream\rX: a\r\r", "field_value"),
        ]
        .map(|(bytes, reason)| Stimulus::bad(bytes, reason)),
    );
}

/// H1-24: control characters in values, names and targets; a tab may stand in a value.
#[test]
fn h1_24() {
    let values: [&[u8]; 7] =
        [b"X: a\rb", b"X: a\x00b", b"X: a\x7fb", b"X: a\x01b", b"X: a\x1bb", b"X: a\x08", b"X: \x0ca"];
    let values = values.map(|field| Stimulus::bad(get(field), "field_value"));
    let names: [&[u8]; 3] = [b"X\x00Y: a", b"X\x7f: a", b"X\x01: a"];
    let names = names.map(|field| Stimulus::bad(get(field), "field_name"));
    let targets = ["\u{0}", "\u{7f}", "\u{1}", "\u{1b}"]
        .map(|byte| Stimulus::bad(line(&format!("GET /a{byte}b HTTP/1.1")), "start_line"));
    let tab = Stimulus::passed(get("X: a\tb"), 1, |seen: &[Seen]| assert_eq!(seen[0].values("x"), ["a\tb"]));
    judge_all(values.into_iter().chain(names).chain(targets).chain([tab]));
}

/// H1-25: bytes above ASCII in a value arrive as they came. (There are no rules yet that could match on them.)
#[test]
fn h1_25() {
    let value: Vec<u8> = (0x80..=0xff).collect();
    let field = [b"X: a", value.as_slice(), b"z"].concat();
    judge_all([Stimulus::passed(get(&field), 1, move |seen: &[Seen]| {
        let found = seen[0].fields.iter().find(|(name, _)| name == "x").map(|(_, value)| value.clone());
        assert_eq!(found, Some([b"a", value.as_slice(), b"z"].concat()));
    })]);
}

/// H1-26: white space in front of the first field, and folded lines.
#[test]
fn h1_26() {
    judge_all(
        [
            "POST / HTTP/1.1\r\n Content-Length: 1\r\nHost: upstream\r\n\r\nX",
            "POST / HTTP/1.1\r\n\tHost: upstream\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: upstream\r\nX: a\r\n\tX: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: upstream\r\nX: a\r\n folded\r\n\r\n",
        ]
        .map(|bytes| Stimulus::bad(bytes, "field_name")),
    );
}

/// H1-27: names that are no names.
#[test]
fn h1_27() {
    let names: [&[u8]; 10] = [
        b"Content-Length : 34",
        b": x",
        b":",
        b"X\x85: a",
        b"X\xef: a",
        b"X(: a",
        b"X@: a",
        b"X Y: a",
        b"no colon",
        b"X\t: a",
    ];
    let bad = names.map(|field| Stimulus::bad(get(field), "field_name"));
    let long = get(format!("{}: a", "X".repeat(64 * 1024)));
    judge_all(bad.into_iter().chain([Stimulus::refused(long, &[431], "head_too_large")]));
    let ground = Ground::start();
    // An empty line ends the head: what follows is the next request, and none.
    for door in crate::ground::Door::ALL {
        let mut wire = ground.open(door);
        assert_eq!(
            wire.call(get("\r\n:\r\n")).unwrap().status(),
            200,
            "up to the empty line it is a request"
        );
        assert_eq!(wire.answer("").unwrap().status(), 400);
        assert_eq!(wire.remainder().unwrap_or_default(), b"");
    }
    ground.finish();
}

/// H1-28: request lines that do not have exactly three parts with one space between them.
#[test]
fn h1_28() {
    let bad = [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET /\nHTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET / HTTP/1.1 x",
        "GET HTTP/1.1",
        "GET",
    ];
    let stimuli = bad.map(|text| {
        let reason = if text.ends_with(" x") { "line_end" } else { "start_line" };
        Stimulus::bad(line(text), reason)
    });
    judge_all(stimuli.into_iter().chain([Stimulus::bad(line(" GET / HTTP/1.1"), "not_http")]));
}

/// H1-29: methods: any token that is not too long, in its own case, and nothing else.
#[test]
fn h1_29() {
    let bad = ["G=\":<>", "G\u{e9}T", "GET/"].map(|method| {
        let reason = "start_line";
        Stimulus::bad(line(&format!("{method} / HTTP/1.1")), reason)
    });
    let long = line(&format!("{} / HTTP/1.1", "M".repeat(8 * 1024)));
    let long = Stimulus::refused(long, &[501], "method_too_long");
    let good = ["get", "BREW", "M-SEARCH"].map(|method| {
        let line = line(&format!("{method} / HTTP/1.1"));
        Stimulus::passed(line, 1, move |seen: &[Seen]| assert_eq!(seen[0].method(), method))
    });
    judge_all(bad.into_iter().chain([long]).chain(good));
}

/// H1-30: versions other than 1.0 and 1.1.
#[test]
fn h1_30() {
    let versions =
        ["HTTP/1.32", "HTTP/1.2", "HTTP/01.1", "HTTP/4294967295.255", "HTTP/2.0", "HTTP/0.9", "HTTP/"];
    let unknown =
        versions.map(|version| Stimulus::refused(line(&format!("GET / {version}")), &[505], "version"));
    let bad =
        ["GET / http/1.1", "GET /", "GET / HTTQ/1.1"].map(|text| Stimulus::bad(line(text), "start_line"));
    judge_all(unknown.into_iter().chain(bad));
}

/// H1-31: the beginning of HTTP/2, where HTTP/1 is spoken.
#[test]
fn h1_31() {
    judge_all([Stimulus::refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[505], "version")]);
}
