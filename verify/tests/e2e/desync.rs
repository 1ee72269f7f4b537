//! Connections that carry several calls, some of which end early: no call may be taken for a part of another.
//! It must count answers, not believe them.

use std::time::Duration;

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::http::{Framing, Wire};
use mesher_verify::patience::until_within;

use crate::streaming::Fixture;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: provider\r\n\r\n";

/// An application that answers with the target that it was asked for.
fn named() -> Application {
    Application::http(|request| ok(request.head.target()))
}

#[test]
fn the_body_of_a_refused_call_is_no_call() {
    let application = named();
    let mesh = Fixture::start(&application);
    let length = SMUGGLED.len();
    for head in [
        format!("POST / HTTP/1.1\r\nHost: nosuch\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"),
        format!(
            "POST / HTTP/1.1\r\nHost: nosuch\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
        ),
    ] {
        let mut wire = mesh.connect();
        wire.send(format!("{head}GET /next HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
        assert_eq!(wire.answer("POST").unwrap().status(), 502);
        // Either the connection goes on with the next call, or it is closed.
        match wire.answer("GET") {
            Ok(next) => assert_eq!(next.text(), "/next"),
            Err(error) => assert!(matches!(
                error.kind(),
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset
            )),
        }
    }
}

#[test]
fn the_refusal_of_a_head_request_has_no_body() {
    let application = named();
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    let refused = wire.call("HEAD / HTTP/1.1\r\nHost: nosuch\r\n\r\n").unwrap();
    assert_eq!((refused.status(), refused.framing), (502, Framing::Empty));
    assert_eq!(wire.call("GET /next HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap().text(), "/next");
}

#[test]
fn an_upload_that_breaks_off_does_not_look_whole_to_the_application() {
    for (framing, begin) in [("Content-Length: 100", "half"), ("Transfer-Encoding: chunked", "4\r\nhalf\r\n")]
    {
        let (begun, ended, whole) = (Gate::default(), Gate::default(), Gate::default());
        let (begins, ends, is_whole) = (begun.clone(), ended.clone(), whole.clone());
        let application = Application::start(move |mut wire: Wire| {
            let Some((_, mut body)) = wire.request_head()? else { return Ok(()) };
            let result = loop {
                match wire.piece(&mut body) {
                    Ok(Some(_)) => begins.open(),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            if result {
                is_whole.open();
            }
            ends.open();
            Ok(())
        });
        let mesh = Fixture::start(&application);
        let mut wire = mesh.connect();
        wire.send(format!("POST / HTTP/1.1\r\nHost: provider\r\n{framing}\r\n\r\n{begin}")).unwrap();
        // Earlier, the break could overtake the call on its way through two proxies.
        begun.wait();
        drop(wire);
        until_within(Duration::from_secs(10), "the application learns of it", || {
            ended.is_open().then_some(())
        });
        assert!(!whole.is_open(), "{framing}: half a body was delivered as a whole one");
    }
}

#[test]
fn a_download_that_nobody_reads_any_more_ends() {
    let stopped = Gate::default();
    let stops = stopped.clone();
    let application = Application::start(move |mut wire: Wire| {
        wire.request()?;
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let block = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while wire.send(&block).is_ok() {}
        stops.open();
        Ok(())
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    let (_, mut body) = wire.answer_head("GET").unwrap();
    wire.piece(&mut body).unwrap();
    drop(wire);
    until_within(Duration::from_secs(10), "the application learns of it", || stopped.is_open().then_some(()));
}

#[test]
fn callers_that_share_connections_upstream_get_their_own_answers() {
    let application = named();
    let mesh = Fixture::start(&application);
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let mut wire = mesh.connect();
            std::thread::spawn(move || {
                for call in 0..100 {
                    let path = format!("/{caller}/{call}");
                    let request = format!("GET {path} HTTP/1.1\r\nHost: provider\r\n\r\n");
                    assert_eq!(wire.call(request).unwrap().text(), path);
                }
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
}
