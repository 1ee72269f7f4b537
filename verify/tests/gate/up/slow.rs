//! Upstreams that let wait: for the answer, in the middle of it, or for ever.
//! It must demand an end within the limit, and no memory for what nobody reads.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate};
use mesher_verify::faults::{End, Script, Scripted};
use mesher_verify::http::Wire;
use mesher_verify::patience::{pause, until};
use mesher_verify::scale::scaled;

use super::cases::GET;
use crate::stand::Stand;

/// What a deadline may be late: those of a proxy are coarse.
const LATE: Duration = Duration::from_millis(2500);
/// Memory that one call may cost, however much passes.
const MEMORY_MAX: u64 = 1 << 20;

/// UP-10: no answer, or one byte of its head now and then: 504 at the limit. Silence in the middle of an answer ends it.
#[test]
fn up_10() {
    let limit = Duration::from_millis(scaled(400, 5000));
    let text = format!("{}ms", limit.as_millis());
    let settings = [("MESHER_RESPONSE_TIME_MAX", text.as_str()), ("MESHER_STALL_TIME_MAX", text.as_str())];
    let stand = Stand::with("up_10", &settings);
    let mute = Scripted::start(|_| Script::new("", End::Silence));
    let slow_head = Application::start(|mut wire: Wire| {
        wire.request()?;
        wire.send("HTTP/1.1 200 OK\r\nX-Long: ")?;
        loop {
            wire.send("x")?;
            pause();
        }
    });
    let stalls = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 200 OK\r\n\r\n12345",
    ];
    let stalling = Scripted::start(move |request| {
        let index: usize = request.head.target().trim_start_matches('/').parse().unwrap();
        Script::new(stalls[index], End::Silence)
    });
    stand.register("mute", &mute.application);
    stand.register("slow-head", &slow_head);
    stand.register("stalling", &stalling.application);
    let outbound = stand.proxy.addresses.outbound;
    let waiting: Vec<_> = ["mute", "slow-head"]
        .into_iter()
        .map(|service| {
            std::thread::spawn(move || {
                let begun = Instant::now();
                let request = format!("GET / HTTP/1.1\r\nHost: {service}\r\n\r\n");
                let answer = Wire::open(outbound).unwrap().call(request).unwrap();
                assert_eq!(
                    (answer.status(), &answer.json()["error"]),
                    (504, &"http_response_timeout".into()),
                    "{service}"
                );
                check_time(begun, limit);
            })
        })
        .chain((0..stalls.len()).map(|index| {
            std::thread::spawn(move || {
                let begun = Instant::now();
                let request = format!("GET /{index} HTTP/1.1\r\nHost: stalling\r\n\r\n");
                let error = Wire::open(outbound).unwrap().call(request).unwrap_err();
                let is_cut = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind());
                assert!(is_cut, "{index}: {error}");
                check_time(begun, limit);
            })
        }))
        .collect();
    waiting.into_iter().for_each(|call| call.join().unwrap());
    assert_eq!(mute.seen().len(), 1, "a call that may have acted was tried again");
    until("all connections upstream are ended", || (mute.open() + stalling.open() == 0).then_some(()));
    stand.end(&[("upstream", "response_timeout", 2), ("upstream", "stalled", stalls.len() as u64)]);
}

#[track_caller]
fn check_time(begun: Instant, limit: Duration) {
    let took = begun.elapsed();
    assert!(took >= limit && took < limit + LATE, "{took:?} with a limit of {limit:?}");
}

/// UP-11: an answer without end to a caller that reads slowly. No memory grows, and it ends when the caller leaves.
#[test]
fn up_11() {
    let mut stand = Stand::start("up_11");
    let (sent, stopped) = (Arc::new(AtomicU64::new(0)), Gate::default());
    let (counted, stops) = (Arc::clone(&sent), stopped.clone());
    let upstream = Application::start(move |mut wire: Wire| {
        wire.request()?;
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let block = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while wire.send(&block).is_ok() {
            counted.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
        stops.open();
        Ok(())
    });
    stand.register("provider", &upstream);
    let before = stand.memory();
    let mut wire = stand.connect();
    wire.send(GET).unwrap();
    let (_, mut body) = wire.answer_head("GET").unwrap();
    let (mut read, mut most) = (0, 0);
    while read < scaled(8 << 20, 1 << 30) {
        read += wire.piece(&mut body).unwrap().unwrap().len();
        most = most.max(stand.memory().saturating_sub(before));
        if read % (1 << 20) < 64 << 10 {
            // Now and then it does something else, and everything before it is held up.
            pause();
        }
    }
    assert!(most < MEMORY_MAX, "the proxy holds {most} bytes more");
    let begun = Instant::now();
    drop(wire);
    until("the upstream learns of it", || stopped.is_open().then_some(()));
    let sent = sent.load(Ordering::Relaxed);
    stand.note(format!("{sent} bytes sent, {most} bytes held, stopped after {:.1?}", begun.elapsed()));
    stand.end(&[("downstream", "terminated", 1)]);
}
