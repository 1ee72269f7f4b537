//! HTTP/1.1 through two proxies: framing, interim answers, order, ends.
//! It must arrive as it was sent: nothing held back, nothing made up.

use std::io;

use mesher_verify::application::{Application, ok};
use mesher_verify::http::{Framing, Message, Wire, get};
use mesher_verify::mesh::{Control, Proxy};

/// An application `provider` behind its proxy, and a caller's proxy.
pub(crate) struct Fixture {
    _control: Control,
    pub(crate) provider: Proxy,
    pub(crate) caller: Proxy,
}

impl Fixture {
    pub(crate) fn start(application: &Application) -> Self {
        let control = Control::start();
        let provider = Proxy::beside(&control.url(), "provider", application.port());
        let caller = Proxy::start(&control.url(), "webapp", &[]);
        caller.addresses.wait_ready();
        Self { _control: control, provider, caller }
    }

    pub(crate) fn connect(&self) -> Wire {
        Wire::open(self.caller.addresses.outbound).unwrap()
    }

    fn get(&self) -> io::Result<Message> {
        get(self.caller.addresses.outbound, "provider", "/")
    }
}

/// An application that ends each connection after one exchange.
fn once(exchange: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Application {
    Application::start(move |mut wire: Wire| {
        if let Some(request) = wire.request()? {
            wire.send(exchange(&request))?;
        }
        wire.finish()
    })
}

#[test]
fn question_and_answer_stream_at_the_same_time() {
    let application = Application::start(|mut wire: Wire| {
        let Some((_, mut body)) = wire.request_head()? else { return Ok(()) };
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        while let Some(piece) = wire.piece(&mut body)? {
            wire.send(format!("{:x}\r\n", piece.len()))?;
            wire.send(piece)?;
            wire.send("\r\n")?;
        }
        wire.send("0\r\n\r\n")
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send("POST / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        .unwrap();
    let (head, mut body) = wire.answer_head("POST").unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(wire.piece(&mut body).unwrap().unwrap(), b"first", "before the upload is over");
    wire.send("6\r\nsecond\r\n").unwrap();
    assert_eq!(wire.piece(&mut body).unwrap().unwrap(), b"second");
    wire.send("0\r\n\r\n").unwrap();
    assert_eq!(wire.piece(&mut body).unwrap(), None);
}

#[test]
fn trailers_arrive_on_both_ways() {
    let application = Application::start(|mut wire: Wire| {
        let Some(request) = wire.request()? else { return Ok(()) };
        let seen = request.trailers.iter().find(|(name, _)| name == "x-sum").map(|(_, value)| value.clone());
        let seen = seen.unwrap_or_else(|| "none".to_owned());
        wire.send(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-back\r\n\r\n2\r\nok\r\n0\r\nX-Back: {seen}\r\n\r\n"
        ))
    });
    let mesh = Fixture::start(&application);
    let answer = mesh.connect().call(
        "POST / HTTP/1.1\r\nHost: provider\r\nTE: trailers\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 294\r\n\r\n",
    );
    let answer = answer.unwrap();
    assert_eq!(answer.text(), "ok");
    assert_eq!(answer.trailers, [("x-back".to_owned(), "294".to_owned())]);
}

#[test]
fn answers_without_a_body_have_none_and_the_connection_goes_on() {
    let application = Application::http(|request| {
        let head = match request.head.target() {
            "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
            "/304" => "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 500\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        };
        head.as_bytes().to_vec()
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    for (method, path, status) in
        [("HEAD", "/", 200), ("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/", 200)]
    {
        let answer = wire.call(format!("{method} {path} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
        assert_eq!((answer.status(), answer.body.len()), (status, 0), "{method} {path}");
        if method == "HEAD" {
            assert_eq!(answer.field("content-length"), "500", "{method} {path}");
        }
    }
}

#[test]
fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let application = Application::start(|mut wire: Wire| {
        let Some((head, mut body)) = wire.request_head()? else { return Ok(()) };
        if head.field("expect") == "100-continue" {
            wire.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let text = wire.piece(&mut body)?.unwrap_or_default();
        wire.send(ok(&String::from_utf8_lossy(&text)))
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    wire.send("PUT / HTTP/1.1\r\nHost: provider\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .unwrap();
    let (interim, _) = wire.answer_head("PUT").unwrap();
    assert_eq!(interim.status(), 100);
    wire.send("body").unwrap();
    assert_eq!(wire.answer("PUT").unwrap().text(), "body");
}

#[test]
fn a_client_of_http_1_0_gets_what_it_can_read() {
    let application =
        once(|_| b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec());
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    let answer = wire.call("GET / HTTP/1.0\r\nHost: provider\r\n\r\n").unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"));
    assert_ne!(answer.framing, Framing::Chunked);
    assert_eq!(wire.remainder().unwrap(), b"", "and the connection is closed");
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let application = Application::http(|request| ok(request.head.target()));
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    let requests: String =
        (0..10).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: provider\r\n\r\n")).collect();
    wire.send(requests).unwrap();
    for number in 0..10 {
        assert_eq!(wire.answer("GET").unwrap().text(), format!("/{number}"));
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_is_delivered_whole() {
    let application = once(|_| [b"HTTP/1.0 200 OK\r\n\r\n".to_vec(), vec![b'x'; 300_000]].concat());
    let mesh = Fixture::start(&application);
    let answer = mesh.connect().call("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    assert_eq!((answer.framing, answer.body.len()), (Framing::Chunked, 300_000));
}

#[test]
fn an_answer_that_breaks_off_does_not_look_whole() {
    for broken in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
    ] {
        let application = once(|_| broken.as_bytes().to_vec());
        let mesh = Fixture::start(&application);
        let answer = mesh.get();
        assert!(answer.is_err(), "{broken:?} became {answer:?}");
    }
}

#[test]
fn an_answer_that_never_begins_is_told() {
    let application = Application::start(|mut wire: Wire| wire.request().map(|_| ()));
    let mesh = Fixture::start(&application);
    let answer = mesh.get().unwrap();
    assert_eq!((answer.status(), &answer.json()["error"]), (502, &"connection_terminated".into()));
    let nonsense = once(|_| b"\x16\x03\x01 this is no answer\r\n\r\n".to_vec());
    let answer = Fixture::start(&nonsense).get().unwrap();
    assert_eq!((answer.status(), &answer.json()["error"]), (502, &"http_protocol_error".into()));
}
