//! Header fields that lie about the caller, or say more than they may.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
//!
//! Rows that wait for their feature:
//!
//! | row | waits for |
//! |---|---|
//! | HD-07 | rules that match on fields: all values of a repeated field count |
//! | HD-10 | rules that match on paths: one canonical form for rule and upstream |
//! | HD-12 | rules that match on paths: parameters of segments |
//! | HD-14 | regular expressions in rules |
//! | HD-15 | authorization by the caller's identity |
//! | HD-18 | authentication by token |
//! | HD-11, HD-13 | rules that match on paths; that nothing is decoded on the way is tested here |
//! | HD-16 | TLS: the name that the handshake asks for; hosts are tested here |
//! | HD-05 | a gateway that trusts so many hops; that a sidecar adds and takes nothing is tested here |

use mesher_verify::application::ok;
use mesher_verify::mesh::Proxy;
use mesher_verify::process::Process;
use mesher_verify::scale::scaled;
use serde_json::Value;

use crate::ground::{Door, Ground};
use crate::stimulus::{Stimulus, judge};
use crate::upstream::{Behaviour, Seen};

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: upstream\r\n{fields}\r\n")
}

fn at(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: upstream\r\n\r\n")
}

#[track_caller]
fn judge_all(stimuli: impl IntoIterator<Item = Stimulus>) {
    let ground = Ground::start();
    judge(&ground, stimuli);
    ground.finish();
}

/// The one context that arrived.
fn context(seen: &Seen) -> Value {
    let contexts = seen.values("x-cse-context");
    assert_eq!(contexts.len(), 1, "{seen:?}");
    serde_json::from_str(&contexts[0]).unwrap()
}

/// Whatever was sent, it is the proxy that says who calls.
fn names_us(seen: &Seen) {
    assert_eq!(context(seen)["x-cse-src-microservice"], "gate");
    assert!(seen.values("x-cse-src-microservice").is_empty(), "{seen:?}");
}

/// HD-01: what `Connection` names ends here, but never what the mesh itself says.
#[test]
fn hd_01() {
    let request = get(
        "Connection: close, X-Forwarded-For, X-Mesh-Identity, x-cse-context, Via, Host\r\nX-Forwarded-For: 1.2.3.4\r\nX-Mesh-Identity: a\r\nx-cse-context: {\"user\":\"jason\"}\r\nX-Kept: 1\r\n",
    );
    let ends = |seen: &[Seen]| {
        assert_eq!(seen[0].values("x-forwarded-for"), [""; 0]);
        assert_eq!(seen[0].values("x-mesh-identity"), [""; 0]);
        assert_eq!(
            (seen[0].values("x-kept"), seen[0].values("host")),
            (vec!["1".to_owned()], vec!["upstream".to_owned()])
        );
        assert_eq!(context(&seen[0])["user"], "jason");
    };
    let outbound = Stimulus::passed(&request, 1, move |seen: &[Seen]| {
        ends(seen);
        names_us(&seen[0]);
        assert!(seen[0].values("via")[0].starts_with("1.1 mesher-"), "the sign that ends loops");
    });
    judge_all([
        outbound.then_closed().only(&[Door::Outbound]),
        Stimulus::passed(&request, 1, ends).then_closed().only(&[Door::Inbound]),
    ]);
}

/// HD-02: `close` wins over `keep-alive`, wherever it stands.
#[test]
fn hd_02() {
    judge_all(
        [
            "Connection: close\r\nConnection: keep-alive\r\n",
            "Connection: keep-alive\r\nConnection: close\r\n",
            "Connection: keep-alive, CLOSE\r\n",
        ]
        .map(|fields| {
            let request = format!("{}{}", get(fields), at("/hidden"));
            Stimulus::passed(request, 1, |seen: &[Seen]| assert_eq!(seen.len(), 1, "{seen:?}")).then_closed()
        }),
    );
}

/// HD-03: fields of one connection stay on it. Of `TE` only the wish for trailers goes on.
#[test]
fn hd_03() {
    let fields = "Proxy-Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nTE: trailers, deflate\r\nUpgrade: websocket\r\nProxy-Authorization: Basic eA==\r\n";
    judge_all([Stimulus::passed(get(fields), 1, |seen: &[Seen]| {
        for name in ["proxy-connection", "keep-alive", "upgrade", "proxy-authorization"] {
            assert_eq!(seen[0].values(name), [""; 0], "{name}");
        }
        assert_eq!(seen[0].values("te"), ["trailers"]);
        assert_eq!(seen[0].values("connection"), ["te"]);
    })]);
}

/// HD-04: fields by which the mesh says who calls, sent by a caller in every spelling. (Those of other meshes mean
/// nothing here and pass.)
#[test]
fn hd_04() {
    let ground = Ground::start();
    let forged = r#"{"x-cse-src-microservice":"root","user":"jason"}"#;
    let spell = |name: &str| {
        let title = name.split('-').map(|word| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]));
        let title = title.collect::<Vec<_>>().join("-");
        let mixed: String = name
            .char_indices()
            .map(|(index, letter)| match index % 2 {
                0 => letter.to_ascii_uppercase(),
                _ => letter,
            })
            .collect();
        let upper = name.to_ascii_uppercase();
        [
            name.to_owned(),
            title,
            mixed,
            upper.clone(),
            name.replace('-', "_"),
            name.replace('-', "."),
            upper.replace('-', "_"),
        ]
    };
    let contexts = spell("x-cse-context").map(|name| get(&format!("{name}: {forged}\r\n")));
    let sources = spell("x-cse-src-microservice").map(|name| get(&format!("{name}: root\r\n")));
    let several =
        get(&format!("x-cse-context: {forged}\r\nX-Cse-Context: {forged}\r\nx_cse_context: {forged}\r\n"));
    let large = forged.replace("jason", &"j".repeat(20_000));
    let large = get(&format!("x-cse-context: {large}\r\n"));
    let odd = ["[]", "null", "\"root\"", "{", "", "{\"x-cse-src-microservice\":\"root\"} "]
        .map(|value| get(&format!("x-cse-context: {value}\r\n")));
    let all = contexts.into_iter().chain(sources).chain(odd).chain([several, large]);
    judge(
        &ground,
        all.map(|request| {
            let judged = |seen: &[Seen]| {
                names_us(&seen[0]);
                let fold = |name: &str| name.replace(['_', '.'], "-").starts_with("x-cse-");
                assert_eq!(seen[0].fields.iter().filter(|(name, _)| fold(name)).count(), 1, "{seen:?}");
            };
            Stimulus::passed(request, 1, judged).only(&[Door::Outbound])
        }),
    );
    let other = "l5d-client-id: a\r\nx-envoy-original-path: /b\r\nx-mesh-source: c\r\n";
    let passes = |seen: &[Seen]| assert_eq!(seen[0].values("x-envoy-original-path"), ["/b"]);
    judge(&ground, [Stimulus::passed(get(other), 1, passes)]);
    ground.finish();
}

/// HD-05: a sidecar neither adds to `X-Forwarded-For` nor believes it; a list without an end is refused.
#[test]
fn hd_05() {
    let list = |count: usize| vec!["1.2.3.4"; count].join(", ");
    let good =
        ["1.2.3.4".to_owned(), "unknown, \"[::1]:80\", not an address".to_owned(), list(50)].map(|value| {
            let request = get(&format!("X-Forwarded-For: {value}\r\nForwarded: for=1.2.3.4\r\n"));
            Stimulus::passed(request, 1, move |seen: &[Seen]| {
                assert_eq!(seen[0].values("x-forwarded-for"), [value.as_str()]);
                assert_eq!(seen[0].values("forwarded"), ["for=1.2.3.4"]);
            })
        });
    let lines = format!("X-Forwarded-For: {}\r\nX-Forwarded-For: {}\r\n", list(30), list(30));
    let long = [list(51), list(1000)].map(|value| format!("X-Forwarded-For: {value}\r\n"));
    let long = long
        .into_iter()
        .chain([lines])
        .map(|fields| Stimulus::refused(get(&fields), &[431], "too_many_forwarded"));
    judge_all(good.into_iter().chain(long));
}

/// HD-06: what a server may take for a field that the mesh sets is left out and counted. `X_Real_IP` and its like are
/// set or believed by nobody here, and pass.
#[test]
fn hd_06() {
    let ground = Ground::start();
    let request = get(
        "x_cse_context: {}\r\nX.Cse.Src_Microservice: root\r\nX_Real_IP: 1.2.3.4\r\nX.Authenticated.User: root\r\n",
    );
    let judged = |seen: &[Seen]| {
        for name in ["x_cse_context", "x.cse.src_microservice"] {
            assert_eq!(seen[0].values(name), [""; 0], "{name}");
        }
        assert_eq!(seen[0].values("x_real_ip"), ["1.2.3.4"]);
    };
    judge(&ground, [Stimulus::passed(&request, 1, judged)]);
    for door in Door::ALL {
        let before = ground.dropped_fields(door, "alias");
        assert_eq!(ground.open(door).call(&request).unwrap().status(), 200);
        assert_eq!(ground.dropped_fields(door, "alias") - before, 2, "{door:?}");
    }
    ground.finish();
}

/// HD-08: heads that are too large, in every way.
#[test]
fn hd_08() {
    let fields = |count: usize, value: &str| -> String {
        (0..count).map(|number| format!("X-{number}: {value}\r\n")).collect()
    };
    let refused = [
        (fields(100, "a"), "too_many_fields"),
        ("a:b\r\n".repeat(scaled(2_000, 10_000)), "too_many_fields"),
        (format!("X: {}\r\n", "a".repeat(64 * 1024 + 1)), "head_too_large"),
        (fields(99, &"a".repeat(1024)), "head_too_large"),
    ]
    .map(|(fields, reason)| Stimulus::refused(get(&fields), &[431], reason));
    let most = fields(99, &"a".repeat(600));
    let most = Stimulus::passed(get(&most), 1, |seen: &[Seen]| {
        assert!((0..99).all(|number| seen[0].values(&format!("x-{number}")) == ["a".repeat(600)]));
    });
    judge_all(refused.into_iter().chain([most]));
}

/// HD-09: names and entries with line ends in them: refused in settings, escaped in the context.
#[test]
fn hd_09() {
    for service in ["gate\r\nX-Evil: 1", "gate\nX-Evil: 1", "gate\u{1}"] {
        let mut command = Proxy::command("http://127.0.0.1:1", service, &[]);
        let ended = Process::run(&mut command);
        assert_eq!(ended.code, Some(78), "{service:?}: {}", ended.errors);
    }
    let context = r#"{"user":"a\u000d\u000aX-Evil: 1\u0000\r\n"}"#;
    judge_all([Stimulus::passed(get(&format!("x-cse-context: {context}\r\n")), 1, |seen: &[Seen]| {
        assert_eq!(seen[0].values("x-evil"), [""; 0]);
        assert!(!seen[0].head.contains(&0));
        assert_eq!(self::context(&seen[0])["user"], "a\r\nX-Evil: 1\0\r\n");
    })]);
}

/// HD-11: every byte in its encoded form goes on as it came; `%00` does not.
#[test]
fn hd_11() {
    let ground = Ground::start();
    judge(&ground, [Stimulus::bad(at("/admin%00"), "target")]);
    for door in Door::ALL {
        let mark = ground.upstream.mark();
        let mut wire = ground.open(door);
        let targets: Vec<_> =
            (1..=255).step_by(scaled(3, 1)).map(|byte| format!("/admin%{byte:02x}")).collect();
        for target in &targets {
            assert_eq!(wire.call(at(target)).unwrap().status(), 200, "{target}");
        }
        let seen = ground.upstream.requests_since(&mark);
        assert!(seen.iter().map(Seen::target).eq(targets.iter()), "{door:?}");
    }
    ground.finish();
}

/// HD-13: what is encoded twice, too long or oddly goes on as it came: nothing is decoded on the way.
#[test]
fn hd_13() {
    let targets =
        ["/%252e%252e/admin", "/%c0%ae%c0%ae/admin", "/%u002e", "/%2e%2e/admin", "/%", "/%zz", "/%2"];
    judge_all(targets.map(|target| {
        Stimulus::passed(at(target), 1, move |seen: &[Seen]| assert_eq!(seen[0].target(), target))
    }));
}

/// HD-16: one service, however its name is written. (There is no TLS yet whose name could differ.)
#[test]
fn hd_16() {
    let hosts = ["UPSTREAM", "UpStream", "upstream.", "upstream:80", "UPSTREAM.:80"];
    let requests = hosts.iter().flat_map(|host| {
        [
            format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("GET http://{host}/a HTTP/1.1\r\nHost: other\r\n\r\n"),
        ]
    });
    let good = requests.map(|request| {
        Stimulus::passed(request, 1, |seen: &[Seen]| {
            assert_eq!((seen.len(), seen[0].target(), seen[0].values("host").len()), (1, "/a", 1));
        })
    });
    let bad = ["\u{fc}pstream", "up%73tream", ".", ".upstream", "upstream.:0"]
        .map(|host| Stimulus::bad(format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n"), "host"));
    judge_all(good.chain(bad));
}

/// Redirects to where it was asked.
struct Redirect;

impl Behaviour for Redirect {
    fn answer(&self, seen: &Seen) -> Vec<u8> {
        match seen.target() {
            "/warm" => ok(""),
            target => format!(
                "HTTP/1.1 302 Found\r\nLocation: http://upstream{target}\r\nContent-Length: 0\r\n\r\n"
            )
            .into_bytes(),
        }
    }
}

/// HD-17: encoded line ends stay encoded, on the way there, on the way back, and in the proxy's own answers.
#[test]
fn hd_17() {
    let ground = Ground::with(Redirect);
    let target = "/a%0d%0aX-Evil:%201%0d%0a%0d%0a";
    for door in Door::ALL {
        let mark = ground.upstream.mark();
        let answer = ground.open(door).call(at(target)).unwrap();
        assert_eq!(answer.field("location"), format!("http://upstream{target}"));
        assert_eq!(answer.field("x-evil"), "");
        let seen = ground.upstream.requests_since(&mark);
        assert_eq!((seen.len(), seen[0].target(), seen[0].values("x-evil").len()), (1, target, 0));
    }
    let refused = format!("GET {target} HTTP/1.1\r\nHost: no_such-service\r\n\r\n");
    let answer = ground.open(Door::Outbound).call(refused).unwrap();
    assert_eq!((answer.status(), answer.field("x-evil")), (502, ""), "{}", answer.text());
    ground.finish();
}
