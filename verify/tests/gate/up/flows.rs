//! Opaque TCP: who speaks first, how each side ends, and how it breaks.
//! It must show the end that came, not another: a break is no end.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate};
use mesher_verify::faults::reset;
use mesher_verify::http::Wire;
use mesher_verify::patience::{LIMIT, pause, until};
use mesher_verify::scale::scaled;
use socket2::SockRef;

use crate::stand::Stand;

/// A proxy with an entrance to the TCP service that `application` stands for.
fn stand(row: &'static str, application: &Application) -> Stand {
    let stand = Stand::with_flags(row, &[], &["--tcp-outbound", "127.0.0.1:0=line"]);
    stand.register_at("line", &format!("tcp://{}", application.address));
    stand
}

fn connect(stand: &Stand) -> TcpStream {
    let stream = TcpStream::connect(stand.proxy.addresses.tcp_outbound[0]).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// UP-21: the server speaks first, or the client after a long silence; each side ends by itself.
#[test]
fn up_21() {
    // It greets, takes all that comes until its end, and only then says how much it was.
    let application = Application::start(|mut wire: Wire| {
        wire.send("220 ready\r\n")?;
        let question = wire.remainder()?;
        wire.send(format!("{} bytes", question.len()))
    });
    let stand = stand("up_21", &application);
    let mut stream = connect(&stand);
    let mut greeting = [0; 11];
    let begun = Instant::now();
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"220 ready\r\n");
    assert!(begun.elapsed() < Duration::from_secs(1), "the greeting took {:?}", begun.elapsed());
    let silence = Duration::from_millis(scaled(200, 15_000));
    while begun.elapsed() < silence {
        pause();
    }
    stream.write_all(&[7; 1000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "1000 bytes");
    drop(stream);
    stand.end(&[]);
}

/// UP-21, the half-close of the server.
#[test]
fn up_21_server_ends_first() {
    let taken = Gate::default();
    let opened = taken.clone();
    let application = Application::start(move |mut wire: Wire| {
        wire.finish()?;
        if wire.remainder()? == b"late" {
            opened.open();
        }
        Ok(())
    });
    let stand = stand("up_21_server_ends_first", &application);
    let mut stream = connect(&stand);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0, "the server's end");
    stream.write_all(b"late").unwrap();
    drop(stream);
    until("the server has taken what came after its end", || taken.is_open().then_some(()));
    stand.end(&[]);
}

/// UP-21, a break of either side arrives as one.
#[test]
fn up_21_breaks() {
    let breaking = Application::start(|mut wire: Wire| {
        wire.send("partial")?;
        let mut word = [0; 2];
        wire.stream().read_exact(&mut word)?;
        reset(wire);
        Ok(())
    });
    let stand = stand("up_21_breaks", &breaking);
    let mut stream = connect(&stand);
    let mut word = [0; 7];
    stream.read_exact(&mut word).unwrap();
    stream.write_all(b"go").unwrap();
    let end = stream.read(&mut word);
    let kind = end.as_ref().map_err(std::io::Error::kind);
    assert_eq!(kind, Err(ErrorKind::ConnectionReset), "the server broke, and the client saw an end");
    drop(stream);
    stand.end(&[("upstream", "terminated", 1)]);
}

/// UP-21, the same from the client's side.
#[test]
fn up_21_client_breaks() {
    let (broke, ended) = (Gate::default(), Gate::default());
    let (breaks, ends) = (broke.clone(), ended.clone());
    let application = Application::start(move |mut wire: Wire| {
        let kind = wire.remainder().map_err(|error| error.kind());
        if kind == Err(ErrorKind::ConnectionReset) {
            breaks.open();
        }
        ends.open();
        Ok(())
    });
    let stand = stand("up_21_client_breaks", &application);
    let mut stream = connect(&stand);
    stream.write_all(b"partial").unwrap();
    until("the flow is there", || (application.connections() == 1).then_some(()));
    reset(Wire::of(stream).unwrap());
    until("the server learns of it", || ended.is_open().then_some(()));
    assert!(broke.is_open(), "the client broke, and the server saw an end");
    stand.end(&[("downstream", "terminated", 1)]);
}

/// UP-21, urgent data: whatever becomes of the one byte, the others arrive in order.
#[test]
fn up_21_urgent() {
    let application = Application::start(|mut wire: Wire| {
        let all = wire.remainder()?;
        wire.send(all)
    });
    let stand = stand("up_21_urgent", &application);
    let mut stream = connect(&stand);
    stream.write_all(b"before").unwrap();
    SockRef::from(&stream).send_out_of_band(b"!").unwrap();
    stream.write_all(b"after").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).unwrap();
    assert_eq!(back.replace('!', ""), "beforeafter");
    drop(stream);
    stand.end(&[]);
}
