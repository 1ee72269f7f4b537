//! Servers inside the test that stand in for applications and for registries.
//! They must do exactly what a test asks of them, however wrong that is.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crate::http::{Message, Wire};
use crate::patience::{fail, pause, until};

/// A listener with a thread for each connection. Dropped, it listens no more.
#[derive(Debug)]
pub struct Application {
    /// Where it listens.
    pub address: SocketAddr,
    is_closing: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Application {
    /// Listens on a free loopback port and hands each connection to `serve`.
    pub fn start(serve: impl Fn(Wire) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), serve)
    }

    /// As [`Self::start`], on an address that the test has a reason for.
    #[track_caller]
    pub fn listen(
        address: SocketAddr,
        serve: impl Fn(Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        // The one who held it before may still be ending.
        let listener = until(&format!("{address} can be listened on"), || TcpListener::bind(address).ok());
        let address = listener.local_addr().expect("a listener has an address");
        let is_closing = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let (closing, counter) = (Arc::clone(&is_closing), Arc::clone(&connections));
        let accepting = std::thread::spawn(move || accept(&listener, &closing, &counter, Arc::new(serve)));
        Self { address, is_closing, connections, accepting: Some(accepting) }
    }

    /// An application that answers each request with the bytes that `answer` makes of it.
    pub fn http(answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |wire| serve_http(wire, &answer))
    }

    /// As [`Self::http`], on an address that the test has a reason for.
    #[track_caller]
    pub fn http_at(
        address: SocketAddr,
        answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(address, move |wire| serve_http(wire, &answer))
    }

    /// An application that greets with a text.
    pub fn greeting(text: &str) -> Self {
        let answer = ok(text);
        Self::http(move |_| answer.clone())
    }

    /// A registry that takes every request and never answers.
    #[track_caller]
    pub fn silent_at(address: SocketAddr) -> Self {
        Self::listen(address, |mut wire| wire.remainder().map(|_| ()))
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Connections that it has taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn accept<S>(listener: &TcpListener, is_closing: &AtomicBool, connections: &AtomicUsize, serve: Arc<S>)
where
    S: Fn(Wire) -> io::Result<()> + Send + Sync + 'static,
{
    for stream in listener.incoming() {
        if is_closing.load(Ordering::Relaxed) {
            return;
        }
        let Ok(wire) = stream.and_then(Wire::of) else { continue };
        connections.fetch_add(1, Ordering::Relaxed);
        let serve = Arc::clone(&serve);
        // A peer that goes away in the middle is what many tests are about.
        std::thread::spawn(move || serve(wire).ok());
    }
}

fn serve_http(mut wire: Wire, answer: &impl Fn(&Message) -> Vec<u8>) -> io::Result<()> {
    while let Some(request) = wire.request()? {
        wire.send(answer(&request))?;
    }
    Ok(())
}

impl Drop for Application {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        if TcpStream::connect(self.address).is_ok()
            && let Some(accepting) = self.accepting.take()
        {
            let _ = accepting.join();
        }
    }
}

/// A whole answer with status 200 and this body.
pub fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", body)
}

/// A whole answer.
pub fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A gate that servers wait at until the test opens it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Lets everyone through from now on.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits until it is open, bounded.
    pub fn wait(&self) {
        let deadline = std::time::Instant::now() + crate::patience::LIMIT;
        while !self.is_open() {
            if std::time::Instant::now() > deadline {
                fail("the gate was never opened");
            }
            pause();
        }
    }
}
