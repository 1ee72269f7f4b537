//! WebSocket and other upgrades through two proxies: byte-exact once both sides have agreed, and nothing before.
//! It must look at what the application received, not only at what the caller was told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::mpsc::{Receiver, channel};

use mesher_verify::application::{Application, Gate};
use mesher_verify::faults::reset;
use mesher_verify::http::Wire;
use mesher_verify::patience::until;

use crate::streaming::Fixture;

const ASK: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: provider\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const SMUGGLED: &str = "GET /admin HTTP/1.1\r\nHost: provider\r\n\r\n";

/// An application that agrees once the gate is open, and then sends every byte back; what it read before goes to the test.
fn echo(gate: &Gate) -> (Application, Receiver<(String, Vec<u8>)>) {
    let (seen, told) = channel();
    let gate = gate.clone();
    let application = Application::start(move |mut wire: Wire| {
        let Some((head, _)) = wire.request_head()? else { return Ok(()) };
        let mut early = [0; 64];
        wire.stream().set_nonblocking(true)?;
        let read = wire.stream().read(&mut early);
        wire.stream().set_nonblocking(false)?;
        let early = early[..read.unwrap_or(0)].to_vec();
        let _ = seen.send((head.field("upgrade").to_owned(), early));
        gate.wait();
        wire.send(AGREE)?;
        let mut stream = wire.stream().try_clone()?;
        let mut buffer = [0; 16 * 1024];
        loop {
            match stream.read(&mut buffer)? {
                0 => return wire.finish(),
                read => stream.write_all(&buffer[..read])?,
            }
        }
    });
    (application, told)
}

#[test]
fn bytes_pass_both_ways_as_they_are_once_both_have_agreed() {
    let gate = Gate::default();
    gate.open();
    let (application, told) = echo(&gate);
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send(ASK).unwrap();
    let (head, _) = wire.answer_head("GET").unwrap();
    assert_eq!((head.status(), head.field("upgrade")), (101, "websocket"));
    assert_eq!(head.field("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(told.recv().unwrap().0, "websocket");
    let sent: Vec<u8> = (0..300_000_u32).map(|number| (number * 7 % 251) as u8).collect();
    let mut writer = wire.stream().try_clone().unwrap();
    let copy = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    assert!(wire.remainder().unwrap() == sent, "the echo is not what was sent");
    writing.join().unwrap();
    let counted = "mesher_upgrades_total{direction=\"outbound\",service=\"webapp\",peer=\"provider\"} 1";
    until("the upgrade is counted and over", || {
        let metrics = mesh.caller.addresses.admin("/metrics").text();
        let is_over = metrics.contains(
            "mesher_active_upgrades{direction=\"outbound\",service=\"webapp\",peer=\"provider\"} 0",
        );
        (metrics.contains(counted) && is_over).then_some(())
    });
}

#[test]
fn nothing_passes_before_the_other_side_has_agreed() {
    let gate = Gate::default();
    let (application, told) = echo(&gate);
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send(format!("{ASK}{SMUGGLED}")).unwrap();
    let (_, early) = told.recv().unwrap();
    assert_eq!(String::from_utf8_lossy(&early), "", "bytes came before the agreement");
    gate.open();
    assert_eq!(wire.answer_head("GET").unwrap().0.status(), 101);
    wire.finish().unwrap();
    assert_eq!(String::from_utf8_lossy(&wire.remainder().unwrap()), SMUGGLED, "held, then passed");
}

#[test]
fn a_wish_that_is_not_granted_ends_both_connections() {
    let (seen, told) = channel();
    let application = Application::start(move |mut wire: Wire| {
        wire.request_head()?;
        wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")?;
        let _ = seen.send(wire.remainder());
        Ok(())
    });
    let mesh = Fixture::start(&application);
    // The proxy has asked whether the application accepts connections.
    let before = application.connections();
    let mut wire = mesh.connect();
    wire.send(format!("{ASK}{SMUGGLED}")).unwrap();
    let answer = wire.answer("GET").unwrap();
    assert_eq!((answer.status(), answer.text()), (403, "no".to_owned()));
    assert_eq!(answer.head.field("connection"), "close");
    assert_eq!(wire.remainder().unwrap(), b"");
    // Closed or reset, it received nothing that was meant for after an agreement.
    match told.recv().unwrap() {
        Ok(rest) => assert_eq!(String::from_utf8_lossy(&rest), ""),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert_eq!(application.connections(), before + 1);
}

#[test]
fn a_caller_that_breaks_off_is_blamed_for_it() {
    let gate = Gate::default();
    gate.open();
    let (application, _told) = echo(&gate);
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send(ASK).unwrap();
    assert_eq!(wire.answer_head("GET").unwrap().0.status(), 101);
    reset(wire);
    let counted = |side: &str| {
        format!(
            "mesher_failures_total{{direction=\"outbound\",service=\"webapp\",peer=\"provider\",side=\"{side}\",kind=\"terminated\"}} 1"
        )
    };
    let metrics = until("the failure is counted", || {
        let metrics = mesh.caller.addresses.admin("/metrics").text();
        metrics.contains("mesher_failures_total{").then_some(metrics)
    });
    assert!(metrics.contains(&counted("downstream")), "{metrics}");
}

#[test]
fn an_agreement_that_nobody_asked_for_is_refused() {
    let application = Application::start(|mut wire: Wire| {
        wire.request_head()?;
        wire.send(AGREE)?;
        wire.remainder().map(|_| ())
    });
    let mesh = Fixture::start(&application);
    let answer = mesh.connect().call("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.text().contains("http_protocol_error"), "{}", answer.text());
}
