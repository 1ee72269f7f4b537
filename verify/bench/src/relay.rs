//! A bare TCP relay: what two sockets and an epoll cost, and so the limit for a proxy in user space.
//! It must not look at what it carries.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result};

use crate::poll::{Interest, Poll, Ready};
use crate::sockets;

/// Bytes that are read at once.
const SCRATCH_BYTES: usize = 64 * 1024;
const LISTENER: usize = 0;

/// One of the two ends of a relayed connection.
#[derive(Debug)]
struct End {
    stream: TcpStream,
    /// Token of the other end.
    peer: usize,
    /// Bytes for this end that it did not take yet.
    pending: Vec<u8>,
    /// Whether it sends nothing more.
    is_finished: bool,
    /// What the poll watches for.
    interest: Interest,
}

/// The relay.
#[derive(Debug)]
struct Relay {
    poll: Poll,
    listener: TcpListener,
    upstream: SocketAddr,
    /// By token; the listener's own stays empty.
    ends: Vec<Option<End>>,
    free: Vec<usize>,
    scratch: Vec<u8>,
}

/// Prints the address and relays until it is ended.
#[expect(clippy::print_stdout, reason = "whoever starts the relay reads its address there")]
pub(crate) fn run(upstream: SocketAddr) -> Result<()> {
    let listener = sockets::listen().context("the relay cannot listen")?;
    println!("{}", listener.local_addr()?);
    let poll = Poll::new()?;
    poll.add(&listener, LISTENER, Interest::READ)?;
    let scratch = vec![0; SCRATCH_BYTES];
    let mut relay = Relay { poll, listener, upstream, ends: vec![None], free: Vec::new(), scratch };
    let mut ready = Vec::new();
    loop {
        relay.poll.wait(None, &mut ready)?;
        for event in ready.drain(..) {
            relay.handle(event)?;
        }
    }
}

impl Relay {
    fn handle(&mut self, event: Ready) -> io::Result<()> {
        if event.token == LISTENER {
            return self.accept();
        }
        let mut is_alive = true;
        if event.write {
            is_alive = self.flush(event.token).is_ok();
        }
        if is_alive && event.read {
            is_alive = self.carry(event.token).is_ok();
        }
        if is_alive && self.has_work(event.token) { self.watch(event.token) } else { self.close(event.token) }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(downstream) = sockets::accept(&self.listener)? {
            let Ok(upstream) = sockets::connect(self.upstream) else { continue };
            let (one, other) = (self.token(), self.token());
            self.poll.add(&downstream, one, Interest::READ)?;
            self.poll.add(&upstream, other, Interest::READ)?;
            self.put(one, End::new(downstream, other));
            self.put(other, End::new(upstream, one));
        }
        Ok(())
    }

    /// Reads once and passes on at once. An end whose peer takes nothing is not read.
    fn carry(&mut self, token: usize) -> io::Result<()> {
        let Some(Some(end)) = self.ends.get_mut(token) else { return Ok(()) };
        if end.is_finished {
            return Ok(());
        }
        let count = match end.stream.read(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            read => read?,
        };
        end.is_finished = count == 0;
        let peer = end.peer;
        let Some(Some(peer)) = self.ends.get_mut(peer) else { return Ok(()) };
        if count == 0 && peer.pending.is_empty() {
            return peer.stream.shutdown(Shutdown::Write);
        }
        peer.send(self.scratch.get(..count).unwrap_or_default())
    }

    /// Writes what an end did not take before, and passes on the end of its peer.
    fn flush(&mut self, token: usize) -> io::Result<()> {
        let Some(Some(end)) = self.ends.get_mut(token) else { return Ok(()) };
        if end.pending.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut end.pending);
        end.send(&bytes)?;
        let (is_empty, peer) = (end.pending.is_empty(), end.peer);
        let is_finished = matches!(self.ends.get(peer), Some(Some(peer)) if peer.is_finished);
        match self.ends.get(token) {
            Some(Some(end)) if is_empty && is_finished => end.stream.shutdown(Shutdown::Write),
            _ => Ok(()),
        }
    }

    fn has_work(&self, token: usize) -> bool {
        let Some(Some(end)) = self.ends.get(token) else { return true };
        let Some(Some(peer)) = self.ends.get(end.peer) else { return true };
        !(end.is_finished && peer.is_finished && end.pending.is_empty() && peer.pending.is_empty())
    }

    /// Brings what the poll watches for up to date, for both ends: each one's state decides about the other.
    fn watch(&mut self, token: usize) -> io::Result<()> {
        let Some(Some(end)) = self.ends.get(token) else { return Ok(()) };
        for (token, peer) in [(token, end.peer), (end.peer, token)] {
            let is_held = matches!(self.ends.get(peer), Some(Some(peer)) if !peer.pending.is_empty());
            let Some(Some(end)) = self.ends.get_mut(token) else { continue };
            let wanted = Interest { read: !end.is_finished && !is_held, write: !end.pending.is_empty() };
            if wanted != end.interest {
                end.interest = wanted;
                self.poll.modify(&end.stream, token, wanted)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, token: usize) -> io::Result<()> {
        let Some(end) = self.ends.get_mut(token).and_then(Option::take) else { return Ok(()) };
        if let Some(peer) = self.ends.get_mut(end.peer) {
            *peer = None;
        }
        self.free.extend([token, end.peer]);
        Ok(())
    }

    fn token(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.ends.push(None);
            self.ends.len() - 1
        })
    }

    fn put(&mut self, token: usize, end: End) {
        if let Some(slot) = self.ends.get_mut(token) {
            *slot = Some(end);
        }
    }
}

impl End {
    fn new(stream: TcpStream, peer: usize) -> Self {
        Self { stream, peer, pending: Vec::new(), is_finished: false, interest: Interest::READ }
    }

    /// Writes, and keeps what the socket does not take.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        if self.pending.is_empty() {
            while written < bytes.len() {
                match self.stream.write(bytes.get(written..).unwrap_or_default()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    count => written += count?,
                }
            }
        }
        self.pending.extend_from_slice(bytes.get(written..).unwrap_or_default());
        Ok(())
    }
}
