//! Middlemen that do what no proxy may do: the ledger must find each of them out.
//! They must be wrong in one way each, so that the ledger's words can be compared.

use std::io;
use std::net::SocketAddr;

use crate::application::Application;
use crate::http::{Message, Wire};
use crate::ledger::deed::Frame;
use crate::ledger::{Deed, Plan, Report, Upstream, run};

const PLAN: Plan = Plan { seed: 7, calls: 400, connections: 4 };

/// The calls of the plan through a middleman that answers with the bytes that `answer` makes of a deed.
fn through(answer: impl Fn(Deed) -> Vec<u8> + Send + Sync + 'static) -> Report {
    let upstream = Upstream::start(PLAN.seed, PLAN.calls);
    let middleman = Application::http(move |request: &Message| answer(deed_of(request)));
    run(&PLAN, middleman.address, &upstream)
}

fn deed_of(request: &Message) -> Deed {
    Deed::of(PLAN.seed, u64::from_str_radix(request.field("x-ledger"), 16).expect("each call names its id"))
}

#[test]
fn whoever_answers_rightly_is_not_blamed() {
    let report = through(|deed| Deed { answer: length(deed.answer), ..deed }.answer());
    assert_eq!(report.violations(), [0; 4], "{report}");
    assert_eq!(report.calls, report.answered + report.left.iter().sum::<u64>(), "{report}");
}

/// Without the framing that needs the connection to end.
fn length(frame: Frame) -> Frame {
    if frame == Frame::UntilClose { Frame::Length } else { frame }
}

#[test]
fn the_answer_to_another_call_is_found() {
    let report = through(|deed| {
        let other = Deed::of(PLAN.seed, deed.id ^ 1);
        Deed { answer: length(other.answer), method: deed.method, ..other }.answer()
    });
    assert!(report.crossed > PLAN.calls / 2, "{report}");
    assert_eq!(report.answered, 0, "{report}");
}

#[test]
fn a_part_of_an_answer_that_looks_whole_is_found() {
    let report = through(|deed| {
        let answer_bytes = deed.answer_bytes.saturating_sub(1);
        Deed { answer: length(deed.answer), answer_bytes, ..deed }.answer()
    });
    assert!(report.truncated > PLAN.calls / 4, "{report}");
    assert_eq!(report.crossed + report.lost, 0, "{report}");
}

#[test]
fn a_call_without_an_answer_is_found() {
    let upstream = Upstream::start(PLAN.seed, PLAN.calls);
    let middleman = Application::start(|mut wire: Wire| wire.request().map(|_| ()));
    let report = run(&PLAN, middleman.address, &upstream);
    assert_eq!(report.lost, report.calls - report.left.iter().sum::<u64>(), "{report}");
}

#[test]
fn a_call_that_is_sent_twice_is_found() {
    let upstream = Upstream::start(PLAN.seed, PLAN.calls);
    let address = upstream.address;
    let middleman = Application::start(move |wire: Wire| twice(wire, address));
    let report = run(&PLAN, middleman.address, &upstream);
    assert!(report.duplicated > PLAN.calls / 10, "{report}");
}

fn twice(mut wire: Wire, upstream: SocketAddr) -> io::Result<()> {
    while let Some(request) = wire.request()? {
        let deed = deed_of(&request);
        let mut answer = Vec::new();
        for _ in 0..2 {
            let mut call = Wire::open(upstream)?;
            call.send(deed.request())?;
            call.finish()?;
            answer = call.remainder().unwrap_or_default();
        }
        wire.send(answer)?;
        if deed.fault.is_some() {
            return Ok(());
        }
    }
    Ok(())
}
