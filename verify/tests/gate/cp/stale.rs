//! Idle connections that their upstream closes in the moment in which they are used.
//! It must count at the upstream: no idempotent call may be lost, no other call may come twice.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, ok};
use mesher_verify::faults::reset;
use mesher_verify::http::Wire;
use mesher_verify::patience::pause;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// How the upstream ends a connection under its second call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Race {
    /// It has read nothing of the call: the bytes cross its end.
    Unread,
    /// The same, with a break instead of an end.
    Broken,
    /// It has read the call whole, and may have acted.
    Read,
    /// It closes right after its first answer, so that end and call cross by chance.
    Crossing,
}

/// How often each call was taken by the application.
type Executed = Arc<Mutex<HashMap<String, usize>>>;

/// An upstream that answers the first call of each connection and ends it under the second.
fn racing(race: Race, executed: &Executed) -> Application {
    let executed = Arc::clone(executed);
    Application::start(move |mut wire: Wire| {
        let execute = |wire: &mut Wire| {
            let Some(request) = wire.request()? else { return std::io::Result::Ok(None) };
            *executed.lock().unwrap().entry(request.head.target().to_owned()).or_default() += 1;
            Ok(Some(request))
        };
        let Some(first) = execute(&mut wire)? else { return Ok(()) };
        let body = if first.head.method() == "HEAD" { "" } else { first.head.target() };
        wire.send(ok(body))?;
        match race {
            Race::Unread | Race::Broken => {
                // What is left unread turns the end into a break on the way.
                wire.stream().peek(&mut [0])?;
                if race == Race::Broken {
                    reset(wire);
                }
            }
            Race::Read => {
                execute(&mut wire)?;
            }
            Race::Crossing => wire.finish()?,
        }
        Ok(())
    })
}

/// CP-01: the upstream ends an idle connection exactly when a call is written to it. Calls that may come twice are sent
/// once more on a fresh connection; others are answered with 502, unless nothing of them was written.
#[test]
fn cp_01() {
    const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "DELETE", "POST"];
    let mut stand = Stand::start("cp_01");
    let trials = scaled(1000, 1_000_000);
    let executed = Executed::default();
    let races = [Race::Unread, Race::Broken, Race::Read, Race::Crossing];
    let upstreams = races.map(|race| racing(race, &executed));
    let outbound = stand.proxy.addresses.outbound;
    for (race, upstream) in races.iter().zip(&upstreams) {
        stand.register(&format!("{race:?}"), upstream);
    }
    let callers: Vec<_> = races
        .into_iter()
        .map(|race| {
            std::thread::spawn(move || {
                let mut wire = Wire::open(outbound).unwrap();
                let mut refused = Vec::new();
                for number in 0..trials / races.len() {
                    let method = METHODS[number % METHODS.len()];
                    let target = format!("/{race:?}/{number}");
                    let request = format!("{method} {target} HTTP/1.1\r\nHost: {race:?}\r\n\r\n");
                    let answer =
                        wire.call(request).unwrap_or_else(|error| panic!("{method} {target}: {error}"));
                    match answer.status() {
                        200 if method == "HEAD" => assert_eq!(answer.field("content-length"), "0"),
                        200 => assert_eq!(answer.text(), target),
                        502 if method == "POST" => {
                            assert_eq!(answer.json()["error"], "connection_terminated");
                            refused.push(target);
                        }
                        status => panic!("{method} {target}: {status} {}", answer.text()),
                    }
                }
                refused
            })
        })
        .collect();
    let refused: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    let executed = executed.lock().unwrap();
    for (target, &times) in executed.iter() {
        let number: usize = target.rsplit('/').next().unwrap().parse().unwrap();
        let most = if METHODS[number % METHODS.len()] == "POST" { 1 } else { 2 };
        assert!(times <= most, "{target} was taken {times} times");
    }
    stand.note(format!("{trials} races, {} POSTs refused", refused.len()));
    drop(executed);
    stand.end(&[("upstream", "terminated", refused.len() as u64)]);
}

/// CP-01, calls whose body came with their head: it can be sent once more.
#[test]
fn cp_01_with_a_body() {
    let stand = Stand::start("cp_01_with_a_body");
    let executed = Executed::default();
    let upstream = racing(Race::Unread, &executed);
    stand.register("provider", &upstream);
    let mut wire = stand.connect();
    for number in 0..scaled(100, 100_000) {
        let target = format!("/{number}");
        let request = format!("PUT {target} HTTP/1.1\r\nHost: provider\r\nContent-Length: 5\r\n\r\nhello");
        let answer = wire.call(request).unwrap();
        assert_eq!((answer.status(), answer.text()), (200, target));
    }
    assert!(executed.lock().unwrap().values().all(|&times| times == 1));
    drop(wire);
    stand.end(&[]);
}

/// CP-02: the upstream says for how long it keeps an idle connection. The proxy stops using it a second earlier.
#[test]
fn cp_02() {
    let timeout: u64 = scaled(2, 5);
    let stand = Stand::start("cp_02");
    let upstream = Application::http(move |request| {
        let target = request.head.target();
        let length = target.len();
        format!(
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout={timeout}\r\nContent-Length: {length}\r\n\r\n{target}"
        )
        .into_bytes()
    });
    stand.register("provider", &upstream);
    let mut wire = stand.connect();
    let mut call = |target: &str| {
        let answer = wire.call(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
        assert_eq!(answer.text(), target);
    };
    call("/first");
    call("/at-once");
    assert_eq!(upstream.connections(), 1, "a connection that is young is used again");
    let idle = Instant::now();
    while idle.elapsed() < Duration::from_secs(timeout - 1) {
        pause();
    }
    call("/late");
    assert_eq!(upstream.connections(), 2, "a connection was used {:?} after its last call", idle.elapsed());
    drop(wire);
    stand.end(&[]);
}

/// CP-02, an upstream that says nothing: four seconds, as most servers keep five and more.
#[test]
fn cp_02_unsaid() {
    let limit = Duration::from_secs(4);
    let stand = Stand::start("cp_02_unsaid");
    let (closed, closes) = std::sync::mpsc::channel();
    let closed = Mutex::new(closed);
    let upstream = Application::start(move |mut wire: Wire| {
        wire.request()?;
        wire.send(ok("only"))?;
        let begun = Instant::now();
        let end = wire.stream().read(&mut [0]);
        closed.lock().unwrap().send((begun.elapsed(), end.unwrap_or_default())).unwrap();
        Ok(())
    });
    stand.register("provider", &upstream);
    let answer = stand.call("GET / HTTP/1.1\r\nHost: provider\r\n\r\n");
    assert_eq!(answer.text(), "only");
    if scaled(true, false) {
        // At the small scale only that it is kept at all.
        assert!(closes.recv_timeout(Duration::from_millis(300)).is_err(), "it was not kept");
    } else {
        let (kept, read) = closes.recv_timeout(limit * 2).unwrap();
        assert!(read == 0 && kept <= limit + Duration::from_secs(2), "kept for {kept:?}");
    }
    stand.end(&[]);
}
