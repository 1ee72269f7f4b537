//! Callers that leave before their answer, in the middle of it, or that only say that they have sent all.
//! It must blame nobody else for it, and must let nobody work for a caller that is gone.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::faults::reset;
use mesher_verify::http::Wire;
use mesher_verify::patience::LIMIT;
use mesher_verify::scale::scaled;

use super::GET;
use crate::stand::Stand;

/// How soon an upstream learns that nobody waits any more.
const CANCELLED_WITHIN: Duration = Duration::from_millis(10);

/// BL-08: a caller disconnects while it uploads, waits or downloads. The upstream learns of it within 10 ms; it is the
/// caller's failure and no one else's.
#[test]
fn bl_08() {
    let mut stand = Stand::start("bl_08");
    let (arrived, arrives) = mpsc::channel();
    let (ended, ends) = mpsc::channel();
    let (arrived, ended) = (Mutex::new(arrived), Mutex::new(ended));
    let upstream = Application::start(move |mut wire: Wire| {
        let Some((head, mut body)) = wire.request_head()? else { return Ok(()) };
        let arrive = || arrived.lock().unwrap().send(()).unwrap();
        match head.target() {
            "/upload" => {
                wire.piece(&mut body)?;
                arrive();
                while let Ok(piece) = wire.piece(&mut body) {
                    assert!(piece.is_some(), "half a body was delivered as a whole one");
                }
            }
            "/wait" => {
                arrive();
                let _ = wire.remainder();
            }
            _ => {
                arrive();
                wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                let block = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
                while wire.send(&block).is_ok() {}
            }
        }
        ended.lock().unwrap().send(Instant::now()).unwrap();
        Ok(())
    });
    stand.register("provider", &upstream);
    let rounds = scaled(9, 1000);
    for phase in ["upload", "wait", "download"] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let mut wire = stand.connect();
            let request = match phase {
                "upload" => {
                    "PUT /upload HTTP/1.1\r\nHost: provider\r\nContent-Length: 100\r\n\r\nhalf".to_owned()
                }
                _ => format!("GET /{phase} HTTP/1.1\r\nHost: provider\r\n\r\n"),
            };
            wire.send(request).unwrap();
            arrives.recv_timeout(LIMIT).unwrap();
            if phase == "download" {
                let (_, mut body) = wire.answer_head("GET").unwrap();
                wire.piece(&mut body).unwrap();
            }
            let left = Instant::now();
            match phase {
                // An end of what it sends is no end of its interest; a break is.
                "wait" => reset(wire),
                _ => drop(wire),
            }
            times.push(ends.recv_timeout(LIMIT).unwrap().saturating_duration_since(left));
        }
        times.sort_unstable();
        // On a busy machine most of the time is that of others; a proxy that only looks now and then has no quick ones.
        let quick = times[times.len() / 4];
        assert!(
            quick <= CANCELLED_WITHIN,
            "{phase}: a quarter of the upstreams learned of it within {quick:?}"
        );
        stand.note(format!("{phase} cancelled within {quick:.1?} and {:.1?}", times[times.len() - 1]));
    }
    // A body that ends too early is a malformed request, whoever ended it.
    stand.end(&[("downstream", "bad_request", rounds), ("downstream", "terminated", rounds * 2)]);
}

/// BL-09: a caller says that it has sent all, by ending its direction. It gets its answer.
#[test]
fn bl_09() {
    let stand = Stand::start("bl_09");
    let ready = Gate::default();
    let answers = ready.clone();
    let upstream = Application::http(move |request| {
        if request.head.target() == "/late" {
            answers.wait();
        }
        ok(&format!("{} {}", request.head.target(), request.body.len()))
    });
    stand.register("provider", &upstream);
    for request in [GET, "PUT / HTTP/1.1\r\nHost: provider\r\nContent-Length: 4\r\n\r\nbody"] {
        for _ in 0..scaled(10, 1000) {
            let mut wire = stand.connect();
            wire.send(request).unwrap();
            wire.finish().unwrap();
            let answer = wire.answer("GET").unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(wire.remainder().unwrap(), b"", "and the connection is closed");
        }
    }
    let mut wire = stand.connect();
    wire.send("GET /late HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    wire.finish().unwrap();
    let before = stand.metrics().sum("process_cpu_seconds_total", &[]);
    // A proxy that asks again and again for what has ended would be busy now.
    mesher_verify::patience::throughout(Duration::from_millis(scaled(200, 5000)), || Ok(()));
    let spent = stand.metrics().sum("process_cpu_seconds_total", &[]) - before;
    assert!(spent <= scaled(1, 3), "{spent} s of processor time while nothing happened");
    ready.open();
    assert_eq!(wire.answer("GET").unwrap().text(), "/late 0");
    drop(wire);
    stand.end(&[]);
}
