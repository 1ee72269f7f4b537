//! Opaque TCP through two proxies: bytes, ends and their order.
//! It must hold for protocols of which neither side is known.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use mesher_verify::application::Application;
use mesher_verify::http::Wire;
use mesher_verify::mesh::{Control, Pair, Proxy};
use mesher_verify::patience::{LIMIT, until};
use sha1::{Digest as _, Sha1};

/// Waits for the end of `run`, while the test itself listens.
const IDLE: [&str; 3] = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"];

struct Fixture {
    _control: Control,
    _provider: Pair,
    caller: Proxy,
    entrance: SocketAddr,
}

impl Fixture {
    /// A TCP service `echo` that `application` stands for, and a caller's proxy with an entrance to it.
    fn start(application: &Application) -> Self {
        let control = Control::start();
        let port = format!("tcp:{}", application.port());
        let provider = Pair::start(&control.url(), "echo", &["--port", &port], &IDLE);
        provider.addresses.wait_ready();
        let caller = Proxy::start(&control.url(), "webapp", &["--tcp-outbound", "127.0.0.1:0=echo"]);
        caller.addresses.wait_ready();
        let entrance = caller.addresses.tcp_outbound[0];
        Self { _control: control, _provider: provider, caller, entrance }
    }

    fn connect(&self) -> TcpStream {
        connect(self.entrance)
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

fn echo() -> Application {
    Application::start(|wire: Wire| {
        let (mut source, mut sink) = (wire.stream().try_clone()?, wire.stream().try_clone()?);
        std::io::copy(&mut source, &mut sink)?;
        sink.shutdown(Shutdown::Write)
    })
}

#[test]
fn bytes_go_both_ways_as_they_come() {
    let application = echo();
    let mesh = Fixture::start(&application);
    let mut stream = mesh.connect();
    for word in ["ping", "pong", "\0\r\n\x7f"] {
        stream.write_all(word.as_bytes()).unwrap();
        let mut back = vec![0; word.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, word.as_bytes());
    }
}

#[test]
fn each_side_ends_by_itself() {
    // It answers only once it has seen the end of the question.
    let application = Application::start(|mut wire: Wire| {
        let question = wire.remainder()?;
        wire.send(format!("{} bytes", question.len()))
    });
    let mesh = Fixture::start(&application);
    let mut stream = mesh.connect();
    stream.write_all(&[7; 1000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "1000 bytes");
}

#[test]
fn a_server_may_speak_first() {
    let application = Application::start(|mut wire: Wire| {
        wire.send("220 ready\r\n")?;
        wire.remainder().map(|_| ())
    });
    let mesh = Fixture::start(&application);
    let mut greeting = [0; 11];
    mesh.connect().read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"220 ready\r\n");
}

#[test]
fn much_arrives_as_it_was_sent() {
    const BYTES: u64 = 8 * 1024 * 1024;
    let application = echo();
    let mesh = Fixture::start(&application);
    let mut stream = mesh.connect();
    let mut sender = stream.try_clone().unwrap();
    let sent = std::thread::spawn(move || {
        let mut digest = Sha1::new();
        let mut random = std::fs::File::open("/dev/urandom").unwrap().take(BYTES);
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = random.read(&mut buffer) {
            digest.update(&buffer[..read]);
            sender.write_all(&buffer[..read]).unwrap();
        }
        sender.shutdown(Shutdown::Write).unwrap();
        digest.finalize()
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert_eq!(back.len() as u64, BYTES);
    assert_eq!(Sha1::digest(&back), sent.join().unwrap());
}

#[test]
fn an_unknown_service_closes_the_connection() {
    let control = Control::start();
    let caller = Proxy::start(&control.url(), "webapp", &["--tcp-outbound", "127.0.0.1:0=nosuch"]);
    caller.addresses.wait_ready();
    let mut stream = connect(caller.addresses.tcp_outbound[0]);
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or_default(), 0);
}

#[test]
fn flows_are_counted_as_tcp() {
    let application = echo();
    let mesh = Fixture::start(&application);
    for _ in 0..3 {
        let mut stream = mesh.connect();
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    let wanted = "mesher_requests_total{direction=\"outbound\",service=\"webapp\",peer=\"echo\",protocol=\"tcp\",code=\"ok\"} 3";
    until("three flows are counted", || {
        mesh.caller.addresses.admin("/metrics").text().lines().any(|line| line == wanted).then_some(())
    });
}
