//! Rows H1-32 to H1-36: request targets and hosts.
//! It must pass on one name for one place: what was routed by is what arrives.

use mesher_verify::scale::scaled;

use crate::ground::{Door, Ground};
use crate::stimulus::{Stimulus, judge};
use crate::upstream::Seen;

/// The longest target that is taken.
const TARGET_BYTES_MAX: usize = 16 * 1024;

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: upstream\r\n\r\n")
}

fn arrives(target: &str) -> impl Fn(&[Seen]) + 'static {
    let target = target.to_owned();
    move |seen| {
        assert_eq!((seen.len(), seen[0].target()), (1, target.as_str()));
        assert_eq!(seen[0].values("host"), ["upstream"]);
    }
}

/// H1-32: targets that are too long, be it before they end.
#[test]
fn h1_32() {
    let ground = Ground::start();
    let target = |length: usize| format!("/{}", "a".repeat(length - 1));
    let long = [TARGET_BYTES_MAX + 1, 64 * 1024 + 1]
        .map(|length| Stimulus::refused(get(&target(length)), &[414], "target_too_long"));
    let longest = target(TARGET_BYTES_MAX);
    judge(&ground, long.into_iter().chain([Stimulus::passed(get(&longest), 1, arrives(&longest))]));
    for door in Door::ALL {
        let mark = ground.upstream.mark();
        let mut wire = ground.open(door);
        wire.send(format!("GET {}", target(TARGET_BYTES_MAX + 100))).unwrap();
        assert_eq!(wire.answer("GET").unwrap().status(), 414, "answered before the line is whole");
        // The rest drips on; whether anybody still listens is not the caller's business.
        for _ in 0..scaled(256, 2560) {
            if wire.send([b'a'; 4096]).is_err() {
                break;
            }
        }
        assert!(ground.upstream.since(&mark).is_empty());
    }
    ground.finish();
}

/// H1-33: a target that names another host than the field does: the target's counts, for routing and for the next hop.
#[test]
fn h1_33() {
    let ground = Ground::start();
    let bytes = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let good = [("http://upstream/a?b", "/a?b"), ("http://upstream", "/"), ("HTTP://upstream/c", "/c")];
    let good = good.map(|(target, path)| Stimulus::passed(bytes(target, "nosuch"), 1, arrives(path)));
    judge(&ground, good);
    let mark = ground.upstream.mark();
    let answer = ground.open(Door::Outbound).call(bytes("http://nosuch/", "upstream")).unwrap();
    assert_eq!(answer.status(), 502, "the target names no service: {}", answer.text());
    assert!(ground.upstream.since(&mark).is_empty());
    ground.finish();
}

/// H1-34: targets with parts that do not belong on the wire are refused, the rest is passed on as it is.
#[test]
fn h1_34() {
    let ground = Ground::start();
    let bad = [
        "/a#frag",
        "/%00",
        "/a%00b",
        "\\\\a",
        "*",
        "a",
        "https://upstream/",
        "ftp://upstream/",
        "upstream:80",
    ]
    .map(|target| Stimulus::bad(get(target), "target"));
    let user = ["http://u:p@upstream/", "http://u@upstream/", "http:///a"]
        .map(|target| Stimulus::bad(get(target), "host"));
    let raw: [&[u8]; 2] = [b"/\x80", b"/\xc3\xa9"];
    let raw = raw.map(|target| {
        let bytes = [b"GET ", target, b" HTTP/1.1\r\nHost: upstream\r\n\r\n"].concat();
        Stimulus::garbage(bytes, &[400])
    });
    let good =
        ["//evil.com/x", "/%0d%0aX:", "/a//b/../c/./d", "/a?b=http://c/", "/a\\b", "/;a=b", "/%ff%C3%a9"]
            .map(|target| Stimulus::passed(get(target), 1, arrives(target)));
    judge(&ground, bad.into_iter().chain(user).chain(raw).chain(good));
    ground.finish();
}

/// H1-35: hosts that are missing, doubled, or none.
#[test]
fn h1_35() {
    let ground = Ground::start();
    let hosts: [&[u8]; 14] = [
        b"",
        b"Host: upstream\r\nHost: upstream\r\n",
        b"Host: upstream\r\nhost: other\r\n",
        b"Host: a,b\r\n",
        b"Host: a b\r\n",
        b"Host: a:0\r\n",
        b"Host: a:99999\r\n",
        b"Host: a:80:80\r\n",
        b"Host: a:http\r\n",
        b"Host: \r\n",
        b"Host: \x80\r\n",
        b"Host: user@upstream\r\n",
        b"Host: upstream/path\r\n",
        b"Host: [::1\r\n",
    ];
    let stimuli = hosts.map(|host| {
        let bytes = [b"GET / HTTP/1.1\r\n", host, b"\r\n"].concat();
        Stimulus::bad(bytes, "host")
    });
    judge(&ground, stimuli);
    ground.finish();
}

/// H1-36: an old request without a host. The inbound listener leads to its one application; the outbound one has no
/// default, and what it cannot route is malformed to it (400 by the table of failures, where the row has 404).
#[test]
fn h1_36() {
    let ground = Ground::start();
    let request = "GET /old HTTP/1.0\r\n\r\n";
    let inbound = Stimulus::passed(request, 1, |seen: &[Seen]| {
        assert_eq!((seen.len(), seen[0].target()), (1, "/old"));
        assert_eq!(seen[0].values("host"), [""], "RFC 9112 section 3.2: there, and empty");
    });
    judge(
        &ground,
        [
            inbound.then_closed().only(&[Door::Inbound]),
            Stimulus::bad(request, "host").only(&[Door::Outbound]),
        ],
    );
    ground.finish();
}
