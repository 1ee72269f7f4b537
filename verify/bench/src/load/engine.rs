//! The loop: one thread that plays all clients and the backend.
//! It must never wait for one of its sockets while others are ready.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::answer::{Answer, Fault};
use super::message::{Reply, Requests};
use super::schedule::Schedule;
use super::served::{Next, Served};
use super::tally::Tally;
use crate::poll::{Interest, Poll, Ready};
use crate::sockets;

/// Bytes that are read at once.
const SCRATCH_BYTES: usize = 256 * 1024;
/// The longest wait of one round.
const ROUND_MAX: Duration = Duration::from_millis(50);
/// Connections that are accepted in one round.
const ACCEPTED_MAX: usize = 256;

/// What decides when a client sends its next request.
#[derive(Debug)]
pub(crate) enum Pace {
    /// The answer before it.
    Closed,
    /// Nothing: one exchange for each connection, which then stays idle.
    Once,
    /// The clock.
    Open(Schedule),
}

/// What clients do.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) target: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) requests: Requests,
    pub(crate) pace: Pace,
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    answer: Answer,
    /// Who it sends with.
    group: usize,
    /// When the request was sent or due; `None` while there is none.
    began: Option<Instant>,
}

#[derive(Debug)]
enum Socket {
    Free,
    Listener(TcpListener),
    Served(Served),
    Client(Client),
}

/// Clients and backend.
#[derive(Debug)]
pub(crate) struct Engine {
    poll: Poll,
    sockets: Vec<Socket>,
    free: Vec<usize>,
    /// Clients without a request, for the open loop.
    idle: Vec<usize>,
    scratch: Vec<u8>,
    reply: Reply,
    requests: Requests,
    pace: Pace,
    /// The group whose clients send.
    group: usize,
    /// Whether no client sends anything more.
    is_held: bool,
    /// Requests that are not answered yet.
    pub(super) under_way: usize,
    pub(crate) tally: Tally,
    pub(crate) backend: SocketAddr,
}

impl Engine {
    /// Opens the backend.
    pub(crate) fn new() -> Result<Self> {
        let listener = sockets::listen().context("the backend cannot listen")?;
        let backend = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.add(&listener, 0, Interest::READ)?;
        Ok(Self {
            poll,
            sockets: vec![Socket::Listener(listener)],
            free: Vec::new(),
            idle: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            reply: Reply::of(0),
            requests: Requests::Each([].into()),
            pace: Pace::Closed,
            group: 0,
            is_held: false,
            under_way: 0,
            tally: Tally::default(),
            backend,
        })
    }

    /// What the backend answers from now on, and clients expect. No client may have a request under way.
    pub(crate) fn set_reply(&mut self, reply: Reply) {
        self.reply = reply;
    }

    /// Opens the clients of a load, beside those that are there, and lets them begin.
    pub(crate) fn begin(&mut self, load: Load) -> Result<()> {
        (self.requests, self.pace) = (load.requests, load.pace);
        for _ in 0..load.connections {
            let stream = sockets::connect(load.target)
                .with_context(|| format!("no connection to the proxy at {}", load.target))?;
            let group = self.group;
            let token = self.insert(|stream| Socket::Client(Client::new(stream, group)), stream)?;
            match self.pace {
                Pace::Open(_) => self.idle.push(token),
                Pace::Closed | Pace::Once => self.send(token, Instant::now()),
            }
        }
        Ok(())
    }

    /// Gives clients that have no request under way further ones.
    pub(crate) fn resume(&mut self, requests: Requests) {
        self.requests = requests;
        self.send_idle();
    }

    /// Puts other requests in the place of those that clients send, and gives these back. No client may send meanwhile.
    pub(crate) fn exchange(&mut self, requests: &mut Requests) {
        std::mem::swap(&mut self.requests, requests);
    }

    /// Lets only the clients of this group send from now on. Whoever is opened belongs to it.
    pub(crate) fn turn_to(&mut self, group: usize) {
        (self.group, self.is_held) = (group, false);
        self.send_idle();
    }

    /// Sends nothing more and waits, at most `limit` long, until what is under way is answered.
    pub(crate) fn hold(&mut self, limit: Duration) -> Result<()> {
        self.is_held = true;
        let is_quiet = self.run_until(limit, |engine| engine.under_way == 0)?;
        ensure!(is_quiet, "{} requests are not answered after {limit:?}", self.under_way);
        Ok(())
    }

    fn send_idle(&mut self) {
        for token in 0..self.sockets.len() {
            let is_idle = matches!(self.sockets.get(token),
                Some(Socket::Client(client)) if client.began.is_none() && client.group == self.group);
            if is_idle {
                self.send(token, Instant::now());
            }
        }
    }

    /// Works for this long.
    pub(crate) fn run(&mut self, duration: Duration) -> Result<()> {
        self.run_until(duration, |_| false).map(|_| ())
    }

    /// Works until so many answers came, or something was wrong; at most `limit` long.
    pub(crate) fn run_to(&mut self, completed: u64, limit: Duration) -> Result<()> {
        let is_done = |engine: &Self| engine.tally.completed >= completed || engine.tally.faults > 0;
        let is_over = self.run_until(limit, is_done)?;
        let tally = &self.tally;
        ensure!(tally.faults == 0, "{} faults: {}", tally.faults, tally.examples.join("; "));
        ensure!(is_over, "{} answers instead of {completed} within {limit:?}", tally.completed);
        Ok(())
    }

    /// Closes all clients, and gives proxies a moment to notice.
    pub(crate) fn end(&mut self) -> Result<()> {
        for token in 0..self.sockets.len() {
            if matches!(self.sockets.get(token), Some(Socket::Client(_))) {
                self.remove(token);
            }
        }
        self.pace = Pace::Closed;
        (self.group, self.is_held) = (0, false);
        self.idle.clear();
        self.run(ROUND_MAX)
    }

    fn run_until(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) -> Result<bool> {
        let end = Instant::now() + limit;
        let mut ready = Vec::new();
        loop {
            if is_done(self) {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= end {
                return Ok(false);
            }
            self.send_due(now);
            // Under a load it never sleeps: a proxy would pay for waking it, and the more the slower it is itself.
            let timeout =
                if matches!(self.pace, Pace::Once) { ROUND_MAX.min(end - now) } else { Duration::ZERO };
            self.poll.wait(Some(timeout), &mut ready)?;
            for event in ready.drain(..) {
                self.handle(event)?;
            }
        }
    }

    fn send_due(&mut self, now: Instant) {
        let Pace::Open(schedule) = &mut self.pace else { return };
        if !schedule.advance(now) {
            self.tally.add_fault(&"the proxy does not keep up with the rate");
            self.pace = Pace::Once;
            return;
        }
        while let Some(token) = self.idle.pop() {
            let Pace::Open(schedule) = &mut self.pace else { return };
            match schedule.take() {
                Some(due) => self.send(token, due),
                None => {
                    self.idle.push(token);
                    return;
                }
            }
        }
    }

    /// Sends the next request, if there is one. A request is so small that a socket without one under way takes it.
    fn send(&mut self, token: usize, began: Instant) {
        let Some(Socket::Client(client)) = self.sockets.get_mut(token) else { return };
        let Some(request) = self.requests.next() else { return };
        client.began = Some(began);
        self.under_way += 1;
        if let Err(error) = client.stream.write_all(&request) {
            self.lose(token, &Fault::Socket(error.kind()));
        }
    }

    fn handle(&mut self, event: Ready) -> Result<()> {
        match self.sockets.get_mut(event.token) {
            Some(Socket::Listener(_)) => self.accept(event.token)?,
            Some(Socket::Served(served)) => match served.serve(event.read, &self.reply, &mut self.scratch) {
                Next::Close => self.remove(event.token),
                Next::Wait(interest) if interest != served.interest => {
                    served.interest = interest;
                    self.poll.modify(&served.stream, event.token, interest)?;
                }
                Next::Wait(_) => {}
            },
            Some(Socket::Client(client)) => match client.receive(&self.reply, &mut self.scratch) {
                Ok(Some(began)) => self.complete(event.token, began),
                Ok(None) => {}
                Err(fault) => self.lose(event.token, &fault),
            },
            // The socket was closed for an earlier event of the same round.
            Some(Socket::Free) | None => {}
        }
        Ok(())
    }

    fn complete(&mut self, token: usize, began: Instant) {
        let now = Instant::now();
        self.under_way -= 1;
        self.tally.completed += 1;
        self.tally.latency.record(now - began);
        match self.pace {
            Pace::Closed if self.is_turn_of(token) => self.send(token, now),
            Pace::Closed | Pace::Once => {}
            Pace::Open(_) => self.idle.push(token),
        }
    }

    fn is_turn_of(&self, token: usize) -> bool {
        let of = |client: &Client| client.group == self.group && !self.is_held;
        matches!(self.sockets.get(token), Some(Socket::Client(client)) if of(client))
    }

    /// Notes a fault. The connection is of no further use.
    fn lose(&mut self, token: usize, fault: &Fault) {
        self.tally.add_fault(fault);
        self.idle.retain(|idle| *idle != token);
        self.remove(token);
    }

    fn accept(&mut self, token: usize) -> Result<()> {
        for _ in 0..ACCEPTED_MAX {
            let Some(Socket::Listener(listener)) = self.sockets.get(token) else { break };
            let Some(stream) = sockets::accept(listener).context("the backend cannot accept")? else { break };
            self.insert(|stream| Socket::Served(Served::new(stream)), stream)?;
        }
        Ok(())
    }

    fn insert(&mut self, make: impl FnOnce(TcpStream) -> Socket, stream: TcpStream) -> io::Result<usize> {
        let token = self.free.pop().unwrap_or(self.sockets.len());
        self.poll.add(&stream, token, Interest::READ)?;
        match self.sockets.get_mut(token) {
            Some(slot) => *slot = make(stream),
            None => self.sockets.push(make(stream)),
        }
        Ok(token)
    }

    fn remove(&mut self, token: usize) {
        let Some(slot) = self.sockets.get_mut(token) else { return };
        if matches!(slot, Socket::Client(Client { began: Some(_), .. })) {
            self.under_way -= 1;
        }
        *slot = Socket::Free;
        self.free.push(token);
    }
}

impl Client {
    fn new(stream: TcpStream, group: usize) -> Self {
        Self { stream, answer: Answer::default(), group, began: None }
    }

    /// Reads once. Returns when the request began, once its answer is whole.
    fn receive(&mut self, reply: &Reply, scratch: &mut [u8]) -> Result<Option<Instant>, Fault> {
        let count = match self.stream.read(scratch) {
            Ok(0) => return Err(Fault::Closed),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(Fault::Socket(error.kind())),
        };
        if self.began.is_none() {
            return Err(Fault::Excess);
        }
        let is_whole = self.answer.take(scratch.get(..count).unwrap_or_default(), reply.wanted)?;
        Ok(if is_whole { self.began.take() } else { None })
    }
}
