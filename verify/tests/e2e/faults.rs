//! Applications that misbehave towards their proxy.
//! It must hurt no call but the one that met them.

use std::time::{Duration, Instant};

use mesher_verify::application::{Application, answer, ok};
use mesher_verify::http::Wire;

use crate::streaming::Fixture;

const GET: &str = "GET / HTTP/1.1\r\nHost: provider\r\n\r\n";

#[test]
fn what_comes_after_an_answer_reaches_nobody() {
    let application = Application::http(|_| [ok("first"), answer("200 OK", "smuggled")].concat());
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    for _ in 0..10 {
        assert_eq!(wire.call(GET).unwrap().text(), "first");
    }
}

#[test]
fn a_body_where_there_can_be_none_reaches_nobody() {
    let application = Application::http(|request| match request.head.target() {
        "/none" => b"HTTP/1.1 204 No Content\r\n\r\nunasked".to_vec(),
        _ => ok("clean"),
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    for _ in 0..5 {
        let none = wire.call("GET /none HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
        assert_eq!((none.status(), none.body.len()), (204, 0));
        assert_eq!(wire.call(GET).unwrap().text(), "clean");
    }
}

#[test]
fn a_body_that_was_taken_is_not_waited_for_a_second_time() {
    // It takes each call whole and ends without an answer: a further try would have no body to send.
    let application = Application::start(|mut wire: Wire| {
        wire.request()?;
        wire.finish()
    });
    let mesh = Fixture::start(&application);
    let begun = Instant::now();
    let call = "PUT / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = mesh.connect().call(call).unwrap();
    assert_eq!((answer.status(), &answer.json()["error"]), (502, &"connection_terminated".into()));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_connection_that_its_server_closes_while_idle_costs_no_call() {
    // It says nothing of the end that it puts to each connection.
    let application = Application::start(|mut wire: Wire| {
        if wire.request()?.is_some() {
            wire.send(ok("once"))?;
        }
        wire.finish()
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    for _ in 0..100 {
        let answer = wire.call(GET).unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "once"));
    }
}

#[test]
fn an_answer_before_the_end_of_the_question_is_passed_on() {
    let application = Application::start(|mut wire: Wire| {
        if wire.request_head()?.is_some() {
            wire.send(answer("401 Unauthorized", "who are you"))?;
        }
        // It reads no further.
        wire.finish()?;
        wire.remainder().map(|_| ())
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send("PUT / HTTP/1.1\r\nHost: provider\r\nContent-Length: 1000000\r\n\r\nbegin").unwrap();
    let early = wire.answer("PUT").unwrap();
    assert_eq!((early.status(), early.text().as_str()), (401, "who are you"));
}

#[test]
fn an_answer_with_two_meanings_is_none() {
    for bad in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "220 mail.example ESMTP\r\n\r\n",
    ] {
        let application = Application::http(|_| bad.as_bytes().to_vec());
        let mesh = Fixture::start(&application);
        let answer = mesh.connect().call(GET).unwrap();
        assert_eq!(answer.status(), 502, "{bad:?}: {}", answer.text());
        assert_eq!(answer.json()["error"], "http_protocol_error", "{bad:?}");
    }
}
