//! What is no request, or two requests at once, or none at all.
//! It must be answered with words and never be passed on.

use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate};
use mesher_verify::http::{Message, Wire};
use mesher_verify::patience::until_within;

use crate::streaming::Fixture;

/// Sends bytes, and reads an answer after which the connection must be closed.
fn refused(mesh: &Fixture, bytes: &[u8]) -> Message {
    let mut wire = mesh.connect();
    wire.send(bytes).unwrap();
    let answer =
        wire.answer("").unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)));
    assert_eq!(wire.remainder().unwrap_or_default(), b"", "the connection is closed");
    answer
}

#[test]
fn what_is_no_clear_request_is_refused_and_never_passed_on() {
    let application = Application::greeting("never");
    let mesh = Fixture::start(&application);
    // The provider's proxy has looked whether the application listens.
    let before = application.connections();
    let long = format!("GET /{} HTTP/1.1\r\nHost: provider\r\n\r\n", "a".repeat(200_000));
    let fields = format!("GET / HTTP/1.1\r\nHost: provider\r\n{}\r\n", "X-Field: a\r\n".repeat(5000));
    for (bytes, status) in [
        ("nonsense\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nHost: provider\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: provider\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400),
        ("POST / HTTP/1.1\r\nHost: provider\r\nContent-Length: +4\r\n\r\nabcd", 400),
        ("GET / HTTP/1.1\r\nHost: provider\r\nHost: other\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : provider\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: provider\r\n folded: yes\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: provider\r\n\r\n", 505),
        ("CONNECT provider:80 HTTP/1.1\r\nHost: provider:80\r\n\r\n", 405),
        (&long, 414),
        (&fields, 431),
    ] {
        let answer = refused(&mesh, bytes.as_bytes());
        let shown: String = bytes.chars().take(100).collect();
        assert_eq!(answer.status(), status, "{shown:?}: {}", answer.text());
        assert!(answer.field("proxy-status").starts_with("mesher/webapp/outbound;"), "{shown:?}");
    }
    assert_eq!(application.connections(), before, "something reached the application");
}

#[test]
fn a_chunk_that_is_none_ends_the_call() {
    let application = Application::http(|_| mesher_verify::application::ok("done"));
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send(
        "POST / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    )
    .unwrap();
    let answer = wire.answer("POST").unwrap();
    assert_eq!(answer.status(), 400, "{}", answer.text());
}

#[test]
fn a_head_that_does_not_come_is_given_up() {
    let application = Application::greeting("never");
    let mesh = Fixture::start(&application);
    let begun = Instant::now();
    let mut wire = mesh.connect();
    wire.send("GET / HTTP/1.1\r\nHost: prov").unwrap();
    let answer = wire.answer("GET").unwrap();
    assert_eq!(answer.status(), 408, "{}", answer.text());
    let took = begun.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(14)).contains(&took), "given up after {took:?}");
    assert_eq!(wire.remainder().unwrap_or_default(), b"");
}

#[test]
fn a_caller_that_breaks_off_leaves_no_call_behind() {
    let (heard, called_off) = (Gate::default(), Gate::default());
    let (hears, learns) = (heard.clone(), called_off.clone());
    let application = Application::start(move |mut wire: Wire| {
        if wire.request()?.is_none() {
            return Ok(());
        }
        wire.send("HTTP/1.1 103 Early Hints\r\n\r\n")?;
        hears.open();
        // It would answer much later; the end of the connection says that nobody waits any more.
        let _ = wire.remainder();
        learns.open();
        Ok(())
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    heard.wait();
    // What is not read when a connection is closed makes its end a reset, which no half-closed caller sends.
    wire.stream().peek(&mut [0]).unwrap();
    drop(wire);
    until_within(Duration::from_secs(5), "the application learns of it", || {
        called_off.is_open().then_some(())
    });
    until_within(Duration::from_secs(5), "no call is under way", || {
        let metrics = mesh.caller.addresses.admin("/metrics").text();
        let mut active = metrics.lines().filter(|line| line.starts_with("mesher_active_requests{"));
        active.all(|line| line.ends_with(" 0")).then_some(())
    });
}

#[test]
fn a_caller_may_end_its_side_before_it_is_answered() {
    let application = Application::greeting("hello");
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    wire.finish().unwrap();
    assert_eq!(wire.answer("GET").unwrap().text(), "hello");
}

#[test]
fn a_request_in_single_bytes_is_the_same_request() {
    let application = Application::http(|request| mesher_verify::application::ok(&request.text()));
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    let request =
        "POST / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for byte in request.bytes() {
        wire.send([byte]).unwrap();
    }
    assert_eq!(wire.answer("POST").unwrap().text(), "abc");
}

#[test]
fn a_caller_that_is_refused_while_it_uploads_can_read_why() {
    let application = Application::greeting("never");
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send("PUT / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 500000\r\n\r\n").unwrap();
    // The upload goes on after the refusal; a reset here would take the answer away.
    let _ = wire.send(vec![b'x'; 500_000]);
    assert_eq!(wire.answer("PUT").unwrap().status(), 400);
}
