//! Callers that send or read too slowly, or that only hold a connection.
//! It must demand the end of each at its limit, and no memory for what it holds up.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::faults::{open_from, open_narrow};
use mesher_verify::http::Wire;
use mesher_verify::machine::allow_descriptors;
use mesher_verify::patience::{throughout, until, until_within};
use mesher_verify::scale::scaled;
use mesher_verify::skip::leave_out;

use super::GET;
use crate::stand::Stand;

/// What a deadline may be late: those of a proxy are coarse.
const LATE: Duration = Duration::from_millis(2500);
/// Between two looks at connections that may have been answered.
const LOOK: Duration = Duration::from_millis(50);
/// A receive buffer of a caller that does not want much at once.
const NARROW: usize = 4096;
/// What the system may hold of an answer between upstream, proxy and caller.
const KERNEL_BYTES_MAX: u64 = 64 << 20;
/// Memory of the proxy that one stalled call may cost.
const HELD_MAX: u64 = 2 << 20;
/// Memory of the proxy that one silent connection may cost.
const IDLE_MAX: u64 = 8 << 10;
/// Connections from one loopback address: the system finds a port quickly as long as half of them are free.
const CALLERS_PER_ADDRESS: usize = 10_000;

fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

/// BL-01: heads that come one byte now and then, on thousands of connections (slowloris). Each gets 408 at the limit.
#[test]
fn bl_01() {
    let count = room_for("bl_01", scaled(50, 10_000));
    let (limit, pause) = scaled(
        (Duration::from_millis(400), Duration::from_millis(50)),
        (Duration::from_secs(10), Duration::from_secs(5)),
    );
    let mut stand = Stand::with("bl_01", &[("MESHER_HEAD_TIME_MAX", &milliseconds(limit))]);
    let begun = Instant::now();
    let mut waiting: Vec<_> = (0..count)
        .map(|_| {
            let mut wire = stand.connect();
            wire.send("GET / HTTP/1.1\r\nHost: provider\r\nX-Slow: ").unwrap();
            wire
        })
        .collect();
    let opened = begun.elapsed();
    let (mut answered, mut first, mut next_byte) = (Vec::new(), None, opened);
    while !waiting.is_empty() {
        throughout(LOOK, || Ok(()));
        let (done, left): (Vec<_>, Vec<_>) = waiting.into_iter().partition(has_answer);
        waiting = left;
        if !done.is_empty() {
            first.get_or_insert_with(|| begun.elapsed());
        }
        answered.extend(done);
        let late = begun.elapsed();
        assert!(late < opened + limit + LATE, "{} heads still wait after {late:?}", waiting.len());
        if late >= next_byte {
            next_byte = late + pause;
            // One whose answer crosses this byte is looked at in the next round.
            waiting.iter_mut().for_each(|wire| drop(wire.send("x")));
        }
    }
    let (first, last) = (first.unwrap(), begun.elapsed());
    assert!(first >= limit, "the first was given up after {first:?}");
    for mut wire in answered {
        let answer = wire.answer("GET").unwrap();
        assert_eq!((answer.status(), answer.field("connection")), (408, "close"));
        assert_eq!(wire.remainder().unwrap(), b"", "and the connection is closed");
    }
    stand.note(format!("{count} heads given up between {first:.1?} and {last:.1?}"));
    stand.end(&[("downstream", "head_timeout", count as u64)]);
}

fn has_answer(wire: &Wire) -> bool {
    let stream = wire.stream();
    stream.set_nonblocking(true).unwrap();
    let has = !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    has
}

/// BL-02: a body that comes more slowly than the least rate (RUDY). 408 after a window; the upstream sees it break.
#[test]
fn bl_02() {
    let window = Duration::from_millis(scaled(500, 30_000));
    let settings = [("MESHER_RATE_WINDOW", &*milliseconds(window)), ("MESHER_SENDER_RATE_MIN", "512")];
    let stand = Stand::with("bl_02", &settings);
    let (cut, whole) = (Gate::default(), Gate::default());
    let (is_cut, is_whole) = (cut.clone(), whole.clone());
    let upstream = Application::start(move |mut wire: Wire| {
        let Some((head, mut body)) = wire.request_head()? else { return Ok(()) };
        let (length, is_end) = wire.drain(&mut body);
        match (head.target(), is_end) {
            ("/slow", true) => is_whole.open(),
            ("/slow", false) => is_cut.open(),
            _ => wire.send(ok(&length.to_string()))?,
        }
        Ok(())
    });
    stand.register("provider", &upstream);
    let outbound = stand.proxy.addresses.outbound;
    // Four times the least rate is enough, however the window falls.
    let steady = std::thread::spawn(move || {
        let mut wire = Wire::open(outbound).unwrap();
        let rounds = window.as_millis() * 3 / 100;
        wire.send(format!(
            "PUT /steady HTTP/1.1\r\nHost: provider\r\nContent-Length: {}\r\n\r\n",
            rounds * 200
        ))
        .unwrap();
        for _ in 0..rounds {
            wire.send([b'x'; 200]).unwrap();
            throughout(Duration::from_millis(100), || Ok(()));
        }
        let answer = wire.answer("PUT").unwrap();
        assert_eq!((answer.status(), answer.text()), (200, (rounds * 200).to_string()));
    });
    let begun = Instant::now();
    let mut wire = stand.connect();
    wire.send("PUT /slow HTTP/1.1\r\nHost: provider\r\nContent-Length: 1048576\r\n\r\n").unwrap();
    while !has_answer(&wire) {
        assert!(begun.elapsed() < window + LATE, "the body is still waited for after {:?}", begun.elapsed());
        wire.send("x").unwrap();
        throughout(Duration::from_millis(100), || Ok(()));
    }
    let took = begun.elapsed();
    let answer = wire.answer("PUT").unwrap();
    assert_eq!((answer.status(), answer.field("connection")), (408, "close"), "{}", answer.text());
    assert!(took >= window, "{took:?}");
    until("the upstream learns of it", || (cut.is_open() || whole.is_open()).then_some(()));
    assert!(!whole.is_open(), "a part of a body was delivered as a whole one");
    steady.join().unwrap();
    drop(wire);
    stand.end(&[("downstream", "stalled", 1)]);
}

/// BL-03: a caller that reads one byte now and then. It is cut off after a window; the upstream is paused meanwhile.
#[test]
fn bl_03() {
    read_badly("bl_03", Some(1));
}

/// BL-11: a caller that reads nothing at all, so that its window is zero. The same.
#[test]
fn bl_11() {
    read_badly("bl_11", None);
}

/// Begins a large answer and reads `piece` bytes of it every tenth of a second, or nothing.
fn read_badly(row: &'static str, piece: Option<usize>) {
    const ANSWER: u64 = 1 << 30;
    let window = Duration::from_millis(scaled(500, 30_000));
    let settings = [("MESHER_RATE_WINDOW", &*milliseconds(window)), ("MESHER_READER_RATE_MIN", "512")];
    let mut stand = Stand::with(row, &settings);
    let (sent, stopped) = (Arc::new(AtomicU64::new(0)), Gate::default());
    let (counted, stops) = (Arc::clone(&sent), stopped.clone());
    let upstream = Application::start(move |mut wire: Wire| {
        wire.stream().set_write_timeout(None)?;
        wire.request()?;
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ANSWER}\r\n\r\n"))?;
        let block = [b'x'; 16 << 10];
        while wire.send(block).is_ok() {
            counted.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
        stops.open();
        Ok(())
    });
    stand.register("provider", &upstream);
    let before = stand.memory();
    let mut wire = open_narrow(stand.proxy.addresses.outbound, NARROW).unwrap();
    let begun = Instant::now();
    wire.send(GET).unwrap();
    let mut most = 0;
    while !stopped.is_open() {
        assert!(begun.elapsed() < window * 2 + LATE, "still open after {:?}", begun.elapsed());
        if let Some(bytes) = piece {
            wire.stream().read_exact(&mut vec![0; bytes]).unwrap();
        }
        most = most.max(stand.memory().saturating_sub(before));
        throughout(Duration::from_millis(100), || Ok(()));
    }
    let took = begun.elapsed();
    let sent = sent.load(Ordering::Relaxed);
    assert!(took >= window, "cut off after {took:?}");
    assert!(sent < KERNEL_BYTES_MAX, "the upstream was not paused: {sent} bytes went out");
    assert!(most < HELD_MAX, "the proxy held {most} bytes");
    // What lies in the caller's own buffer may still be read; the answer is not whole.
    let rest = wire.answer("GET").map(|answer| answer.body.len());
    assert!(rest.is_err(), "{rest:?}");
    stand.note(format!("cut off after {took:.1?}; {sent} bytes on the way, {most} of them in the proxy"));
    drop(wire);
    stand.end(&[("downstream", "stalled", 1)]);
}

/// BL-04: connections without a byte. Each costs less than 8 KiB, and is closed at the limit for a first byte.
#[test]
fn bl_04() {
    let count = room_for("bl_04", scaled(500, 50_000));
    let limit = Duration::from_millis(scaled(700, 60_000));
    let settings = [
        ("MESHER_HEAD_TIME_MAX", &*milliseconds(limit)),
        ("MESHER_CONNECTIONS_MAX", &*(count + 100).to_string()),
    ];
    let mut stand = Stand::with("bl_04", &settings);
    let before = stand.memory();
    let begun = Instant::now();
    let outbound = stand.proxy.addresses.outbound;
    let mut silent: Vec<TcpStream> = (0..count)
        .map(|number| {
            let source = u8::try_from(2 + number / CALLERS_PER_ADDRESS).unwrap();
            open_from([127, 0, 0, source], outbound).unwrap()
        })
        .collect();
    let opened = begun.elapsed();
    until_within(limit, "all connections are taken", || {
        let taken = stand.metrics().sum("mesher_downstream_connections", &["direction=\"outbound\""]);
        (taken >= i64::try_from(count).unwrap()).then_some(())
    });
    let each = stand.memory().saturating_sub(before) / count as u64;
    assert!(each < IDLE_MAX, "a connection that waits costs {each} bytes");
    let first = silent.remove(0);
    for (number, mut stream) in std::iter::once(first).chain(silent).enumerate() {
        let left = (opened + limit + LATE).saturating_sub(begun.elapsed());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
        let end = stream.read(&mut [0]);
        assert!(matches!(end, Ok(0)), "connection {number}: {end:?} after {:?}", begun.elapsed());
        if number == 0 {
            assert!(begun.elapsed() >= limit, "closed after {:?}", begun.elapsed());
        }
    }
    stand.note(format!("{count} silent connections, {each} bytes each"));
    stand.end(&[]);
}

/// As many connections as the machine lets a process have, at most `wanted`; says so where they are fewer.
fn room_for(row: &str, wanted: usize) -> usize {
    const OTHERS: usize = 500;
    let allowed = usize::try_from(allow_descriptors((wanted + OTHERS) as u64)).unwrap();
    if allowed >= wanted + OTHERS {
        return wanted;
    }
    let count = allowed - OTHERS;
    leave_out(row, &format!("{wanted} connections: this machine allows {count}"));
    count
}
