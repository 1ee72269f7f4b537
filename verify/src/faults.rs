//! Connections and servers that break in a way that a test has chosen: cut off, reset, narrow, silent, in pieces.
//! It must do the same thing each time: what breaks, and where, stands in the test.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::application::Application;
use crate::http::{Message, Wire};

/// Connections that an endpoint without room is filled with, at most; the system takes a few more than it was told.
const FILL_MAX: usize = 16;
/// After this long without an answer, an endpoint counts as full.
const FULL_AFTER: Duration = Duration::from_millis(100);

/// How bytes are cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// All at once.
    Whole,
    /// One byte in each segment.
    Bytewise,
    /// Two segments, the second of which begins here.
    At(usize),
}

impl Cut {
    /// Whole, byte by byte, and in two at every `step`th offset of a message of this length.
    pub fn all(length: usize, step: usize) -> impl Iterator<Item = Self> {
        [Self::Whole, Self::Bytewise].into_iter().chain((1..length).step_by(step.max(1)).map(Self::At))
    }

    /// Sends `bytes` in these segments.
    ///
    /// # Errors
    /// The system's.
    pub fn send(self, wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Whole => wire.send(bytes),
            Self::Bytewise => bytes.iter().try_for_each(|byte| wire.send([*byte])),
            Self::At(offset) => {
                let (first, second) = bytes.split_at(offset.min(bytes.len()));
                wire.send(first)?;
                wire.send(second)
            }
        }
    }
}

/// Closes a connection so that its peer sees it break, not end.
pub fn reset(wire: Wire) {
    // A peer that is gone already cannot be told.
    let _ = SockRef::from(wire.stream()).set_linger(Some(Duration::ZERO));
}

/// Connects with a receive buffer of about `bytes`: whoever sends is soon held up.
///
/// # Errors
/// The system's.
pub fn open_narrow(address: SocketAddr, bytes: usize) -> io::Result<Wire> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_recv_buffer_size(bytes)?;
    socket.connect(&address.into())?;
    Wire::of(socket.into())
}

/// Connects from another loopback address than the usual one: each has ports of its own.
///
/// # Errors
/// The system's.
pub fn open_from(source: [u8; 4], address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// An address on which connections are neither taken nor refused: its backlog is full, so the system drops what asks.
#[derive(Debug)]
pub struct Blackhole {
    /// Where nothing answers.
    pub address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Blackhole {
    /// Opens one on a free loopback port.
    #[track_caller]
    pub fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("the system gives a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port can be bound");
        socket.listen(0).expect("a bound socket can listen");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("a listener has an address");
        let waiting: Vec<_> =
            (0..FILL_MAX).map_while(|_| TcpStream::connect_timeout(&address, FULL_AFTER).ok()).collect();
        assert!(waiting.len() < FILL_MAX, "{address} still takes connections");
        Self { address, _listener: listener, _waiting: waiting }
    }
}

/// What becomes of a connection after a scripted answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It waits for the next request.
    Keep,
    /// It ends in good order.
    Finish,
    /// It breaks.
    Reset,
    /// It stays open and silent until the peer ends it.
    Silence,
}

/// What a scripted server does with one request.
#[derive(Debug, Clone)]
pub struct Script {
    /// What it sends, in segments.
    pub parts: Vec<Vec<u8>>,
    /// How `parts` are cut further.
    pub cut: Cut,
    /// What comes then.
    pub end: End,
}

impl Script {
    /// Sends `bytes` at once.
    pub fn new(bytes: impl Into<Vec<u8>>, end: End) -> Self {
        Self { parts: vec![bytes.into()], cut: Cut::Whole, end }
    }

    /// The same, cut otherwise.
    #[must_use]
    pub fn cut(mut self, cut: Cut) -> Self {
        self.cut = cut;
        self
    }
}

/// A request that reached a scripted server whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// Its method.
    pub method: String,
    /// Its target.
    pub target: String,
    /// How long its body was.
    pub body: usize,
}

/// What reached a scripted server.
#[derive(Debug, Default)]
struct Record {
    seen: Vec<Seen>,
    connections: usize,
    /// Connections that the peer ended while the server waited.
    ended: usize,
    /// Connections on which something came that is no request.
    garbled: usize,
}

/// A server that answers each request with a script, and remembers what reached it.
#[derive(Debug)]
pub struct Scripted {
    /// The server.
    pub application: Application,
    record: Arc<Mutex<Record>>,
}

impl Scripted {
    /// Listens on a free loopback port.
    pub fn start(script: impl Fn(&Message) -> Script + Send + Sync + 'static) -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let shared = Arc::clone(&record);
        let application = Application::start(move |wire| play(wire, &shared, &script));
        Self { application, record }
    }

    /// Requests that came whole, in order.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.record).seen.clone()
    }

    /// Connections that were opened and have not been ended by the peer.
    pub fn open(&self) -> usize {
        let record = lock(&self.record);
        record.connections - record.ended
    }

    /// Connections on which something came that is no whole request.
    pub fn garbled(&self) -> usize {
        lock(&self.record).garbled
    }
}

fn lock(record: &Mutex<Record>) -> std::sync::MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

fn play(mut wire: Wire, record: &Mutex<Record>, script: &impl Fn(&Message) -> Script) -> io::Result<()> {
    let connection = {
        let mut record = lock(record);
        record.connections += 1;
        record.connections - 1
    };
    let result = serve(&mut wire, connection, record, script);
    lock(record).ended += 1;
    match result? {
        End::Reset => reset(wire),
        _ => drop(wire),
    }
    Ok(())
}

fn serve(
    wire: &mut Wire,
    connection: usize,
    record: &Mutex<Record>,
    script: &impl Fn(&Message) -> Script,
) -> io::Result<End> {
    loop {
        let request = match wire.request() {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(End::Finish),
            Err(error) => {
                let is_part = matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof);
                lock(record).garbled += usize::from(is_part);
                return Err(error);
            }
        };
        let seen = Seen {
            connection,
            method: request.head.method().to_owned(),
            target: request.head.target().to_owned(),
            body: request.body.len(),
        };
        lock(record).seen.push(seen);
        let script = script(&request);
        for part in &script.parts {
            script.cut.send(wire, part)?;
        }
        match script.end {
            End::Keep => {}
            End::Silence => {
                wire.remainder()?;
                return Ok(End::Finish);
            }
            end @ (End::Finish | End::Reset) => return Ok(end),
        }
    }
}
