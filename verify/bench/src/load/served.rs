//! One connection of the backend: counts requests, writes as many answers.
//! It must write an answer with one call where the socket takes it whole.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::head_end::HeadEnds;
use super::message::Reply;
use crate::poll::Interest;

/// A connection that a proxy opened.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) stream: TcpStream,
    heads: HeadEnds,
    /// Answers that are owed, the one that is being written counted.
    owed: usize,
    /// The answer that is being written: it stays what it is when the backend's reply changes meanwhile.
    current: Option<Reply>,
    /// Bytes of it that are out.
    written: usize,
    /// What the poll watches for.
    pub(crate) interest: Interest,
}

/// Whether the connection goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Wait(Interest),
    Close,
}

impl Served {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            heads: HeadEnds::default(),
            owed: 0,
            current: None,
            written: 0,
            interest: Interest::READ,
        }
    }

    /// Reads requests and writes answers as far as the socket goes.
    pub(crate) fn serve(&mut self, is_readable: bool, reply: &Reply, scratch: &mut [u8]) -> Next {
        if is_readable {
            match self.stream.read(scratch) {
                Ok(0) => return Next::Close,
                Ok(count) => self.owed += self.heads.count(scratch.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Next::Close,
            }
        }
        while self.owed > 0 {
            let reply = self.current.get_or_insert_with(|| reply.clone());
            match self.stream.write(reply.bytes.get(self.written..).unwrap_or_default()) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Next::Close,
            }
            if self.written >= reply.bytes.len() {
                if reply.closes {
                    return Next::Close;
                }
                (self.owed, self.written, self.current) = (self.owed - 1, 0, None);
            }
        }
        Next::Wait(Interest { read: true, write: self.owed > 0 })
    }
}
