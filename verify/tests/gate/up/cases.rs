//! Tables of answers, each sent in all segmentations under a target of its own.
//! It must know of no single answer.

use mesher_verify::faults::{Cut, End, Script, Scripted};
use mesher_verify::http::Wire;
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// The plainest call.
pub(super) const GET: &str = "GET / HTTP/1.1\r\nHost: provider\r\n\r\n";

/// Calls `target`, whose own name is its answer, on both connections.
pub(super) fn demand_clean(wires: [&mut Wire; 2], target: &str, after: &str) {
    for wire in wires {
        let clean = wire.call(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
        assert_eq!((clean.status(), clean.text().as_str()), (200, target), "after {after}");
    }
}

/// Demands that nothing came on a connection after a call that was not clean.
pub(super) fn demand_last_use(upstream: &Scripted) {
    let seen = upstream.seen();
    for poison in seen.iter().filter(|seen| !seen.target.starts_with("/clean/")) {
        let last = seen.iter().rfind(|seen| seen.connection == poison.connection).unwrap();
        assert_eq!(last, poison, "the connection of {} was used again", poison.target);
    }
}

/// Sends each of `answers` to a caller, in all segmentations, and demands that it becomes 502 and nothing else.
///
/// The upstream keeps each connection open: the proxy must end it, and must never use it again.
pub(super) fn refuse_all(row: &'static str, answers: Vec<(&'static str, Vec<u8>)>) {
    let stand = Stand::start(row);
    let bytes: Vec<_> = answers.iter().map(|(_, bytes)| bytes.clone()).collect();
    let upstream = Scripted::start(move |request| {
        let (index, cut) = case_of(request.head.target());
        Script::new(bytes[index].clone(), End::Silence).cut(cut)
    });
    stand.register("provider", &upstream.application);
    let mut calls = 0;
    let mut wire = stand.connect();
    for (index, (name, bytes)) in answers.iter().enumerate() {
        // A message that is larger than buffers is cut by the system anyhow.
        let is_large = bytes.len() > LARGE;
        let cuts = Cut::all(bytes.len(), scaled(bytes.len().div_ceil(4), 1));
        for cut in cuts.take(if is_large { 1 } else { usize::MAX }) {
            let target = target_of(index, cut);
            let answer = wire.call(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n"));
            let answer = answer.unwrap_or_else(|error| panic!("{name}, {cut:?}: {error}"));
            let text = answer.text();
            assert_eq!(
                (answer.status(), &answer.json()["error"]),
                (502, &"http_protocol_error".into()),
                "{name}, {cut:?}: {text}"
            );
            calls += 1;
        }
    }
    until("all connections upstream are ended", || (upstream.open() == 0).then_some(()));
    let seen = upstream.seen();
    assert_eq!(seen.len() as u64, calls, "each call reaches the upstream once");
    assert!(
        seen.iter().enumerate().all(|(number, seen)| seen.connection == number),
        "a connection was used again"
    );
    drop(wire);
    stand.end(&[("upstream", "bad_response", calls)]);
}

/// From here on a message is sent whole only.
const LARGE: usize = 4096;

/// The target under which the upstream sends case `index`, cut so.
pub(super) fn target_of(index: usize, cut: Cut) -> String {
    match cut {
        Cut::Whole => format!("/{index}/whole"),
        Cut::Bytewise => format!("/{index}/bytewise"),
        Cut::At(offset) => format!("/{index}/{offset}"),
    }
}

/// What [`target_of`] says.
pub(super) fn case_of(target: &str) -> (usize, Cut) {
    let (index, cut) = target.trim_start_matches('/').split_once('/').unwrap();
    let cut = match cut {
        "whole" => Cut::Whole,
        "bytewise" => Cut::Bytewise,
        offset => Cut::At(offset.parse().unwrap()),
    };
    (index.parse().unwrap(), cut)
}
