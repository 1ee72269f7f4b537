//! Interim answers: those that are passed on, too many of them, and those that nobody asked for.
//! It must pass each on before the final answer, and must let none be taken for it.

use mesher_verify::application::ok;
use mesher_verify::faults::{Cut, End, Script, Scripted};
use mesher_verify::scale::scaled;

use super::cases::{GET, case_of, target_of};
use crate::stand::Stand;

/// Interim answers of one call that are passed on.
const INTERIM_MAX: usize = 32;

/// UP-14: 1xx before the answer are passed on to HTTP/1.1 and kept from HTTP/1.0; more than 32, a 101 that nobody asked
/// for, and one with a body are 502; one after the final answer is thrown away.
#[test]
fn up_14() {
    const PASSED: [&str; 4] = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
        "HTTP/1.1 199 Whatever\r\n\r\n",
    ];
    let stand = Stand::start("up_14");
    let upstream = Scripted::start(|request| {
        let (index, cut) = case_of(request.head.target());
        let interim = PASSED.get(index).copied().map_or_else(|| PASSED.concat(), str::to_owned);
        Script::new([interim.into_bytes(), ok("final")].concat(), End::Keep).cut(cut)
    });
    stand.register("provider", &upstream.application);
    let mut wire = stand.connect();
    for index in 0..=PASSED.len() {
        for cut in Cut::all(100, scaled(50, 1)) {
            let request = |version: &str| {
                format!("GET {} HTTP/{version}\r\nHost: provider\r\n\r\n", target_of(index, cut))
            };
            wire.send(request("1.1")).unwrap();
            let wanted = PASSED.get(index).map_or(&PASSED[..], std::slice::from_ref);
            for interim in wanted {
                let (head, _) = wire.answer_head("GET").unwrap();
                assert!(interim.starts_with(&head.line), "{interim:?}: {}", head.line);
            }
            let answer = wire.answer("GET").unwrap();
            assert_eq!((answer.status(), answer.text().as_str()), (200, "final"), "{index}, {cut:?}");
            let mut old = stand.connect();
            old.send(request("1.0")).unwrap();
            let (head, _) = old.answer_head("GET").unwrap();
            assert_eq!(head.status(), 200, "HTTP/1.0 knows no interim answers");
        }
    }
    drop(wire);
    stand.end(&[]);
}

/// UP-14, the stimuli that are refused.
#[test]
fn up_14_refused() {
    let many = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(scaled(10_000, 1_000_000));
    let few = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(INTERIM_MAX + 1);
    let refused: Vec<(&str, String)> = vec![
        (
            "101 unasked",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into(),
        ),
        ("101 without a word", "HTTP/1.1 101 Switching Protocols\r\n\r\n".into()),
        ("with a body", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello".into()),
        ("with chunks", "HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into()),
        ("one too many", few),
        ("far too many", many),
    ];
    let stand = Stand::start("up_14_refused");
    let interim: Vec<_> = refused.iter().map(|(_, interim)| interim.clone()).collect();
    let upstream = Scripted::start(move |request| {
        let (index, _) = case_of(request.head.target());
        Script::new([interim[index].clone().into_bytes(), ok("final")].concat(), End::Silence)
    });
    stand.register("provider", &upstream.application);
    for (index, (name, _)) in refused.iter().enumerate() {
        let target = target_of(index, Cut::Whole);
        let mut wire = stand.connect();
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
        let mut passed = 0;
        let status = loop {
            let (head, _) = wire.answer_head("GET").unwrap_or_else(|error| panic!("{name}: {error}"));
            match head.status() {
                100 | 102..=199 => passed += 1,
                status => break status,
            }
        };
        assert_eq!(status, 502, "{name}, after {passed} interim ones");
        assert!(passed <= INTERIM_MAX, "{name}: {passed} were passed on");
    }
    stand.end(&[("upstream", "bad_response", refused.len() as u64)]);
}

/// UP-14, an interim answer that comes after the final one.
#[test]
fn up_14_after() {
    let stand = Stand::start("up_14_after");
    let upstream = Scripted::start(|_| {
        Script::new([ok("final"), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()].concat(), End::Keep)
    });
    stand.register("provider", &upstream.application);
    let mut wire = stand.connect();
    for number in 0..scaled(10, 1000) {
        wire.send(GET).unwrap();
        let (head, mut body) = wire.answer_head("GET").unwrap();
        assert_eq!(
            (head.status(), wire.piece(&mut body).unwrap()),
            (200, Some(b"final".to_vec())),
            "{number}"
        );
    }
    let connections: std::collections::BTreeSet<_> =
        upstream.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), upstream.seen().len(), "a connection was used again");
    drop(wire);
    stand.end(&[]);
}
