//! One connection, from either end: exact bytes out, one message in.
//! It must not repair, retry or follow anything.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::message::{Framing, Head, Message};
use crate::patience::LIMIT;

/// The largest head that is read.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// A body that is being read.
#[derive(Debug)]
pub struct Body {
    /// How it is framed.
    pub framing: Framing,
    left: u64,
    is_over: bool,
    /// Fields after it, once it is over.
    pub trailers: Vec<(String, String)>,
}

/// One connection, from either end.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// The system's.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Self::of(TcpStream::connect_timeout(&address, LIMIT)?)
    }

    /// Takes a connection that is open already. Every wait on it is bounded.
    ///
    /// # Errors
    /// The system's.
    pub fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: Vec::new() })
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The connection, and what was read of it and not taken yet: for whoever speaks another protocol from now on.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.input)
    }

    /// Sends exactly these bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Sends a request and reads its final answer.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn call(&mut self, request: impl AsRef<[u8]>) -> io::Result<Message> {
        let method = request.as_ref().split(|byte| *byte == b' ').next().unwrap_or_default();
        let method = String::from_utf8_lossy(method).into_owned();
        self.send(&request)?;
        self.answer(&method)
    }

    /// Reads one answer to a request with this method; interim ones are passed over.
    ///
    /// # Errors
    /// `UnexpectedEof` where the connection ended first, `InvalidData` where no message came, or the system's.
    pub fn answer(&mut self, method: &str) -> io::Result<Message> {
        loop {
            let (head, body) = self.answer_head(method)?;
            if !(100..200).contains(&head.status()) {
                return self.rest(head, body);
            }
        }
    }

    /// Reads the head of one answer, an interim one too, and leaves its body to be read.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn answer_head(&mut self, method: &str) -> io::Result<(Head, Body)> {
        let head = self.head()?.ok_or(ErrorKind::UnexpectedEof)?;
        let framing = head.framing(true, method);
        let body = Self::body(&head, framing)?;
        Ok((head, body))
    }

    /// Reads one request; `None` where the peer has closed before its first byte.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn request(&mut self) -> io::Result<Option<Message>> {
        let Some((head, body)) = self.request_head()? else { return Ok(None) };
        self.rest(head, body).map(Some)
    }

    /// Reads the head of one request, and leaves its body to be read.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn request_head(&mut self) -> io::Result<Option<(Head, Body)>> {
        let Some(head) = self.head()? else { return Ok(None) };
        let framing = head.framing(false, head.method());
        let body = Self::body(&head, framing)?;
        Ok(Some((head, body)))
    }

    /// The next bytes of a body, as they come; `None` once it is over.
    ///
    /// # Errors
    /// `UnexpectedEof` where the connection ended before the body did, or as [`Self::answer`].
    pub fn piece(&mut self, body: &mut Body) -> io::Result<Option<Vec<u8>>> {
        if body.framing == Framing::Chunked && body.left == 0 && !body.is_over {
            self.begin_chunk(body)?;
        }
        if body.is_over || (body.framing != Framing::UntilClose && body.left == 0) {
            return Ok(None);
        }
        if self.input.is_empty() && self.fill()? == 0 {
            body.is_over = true;
            let is_whole = body.framing == Framing::UntilClose;
            return if is_whole { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        let most = usize::try_from(body.left).unwrap_or(usize::MAX);
        let take = if body.framing == Framing::UntilClose { self.input.len() } else { most };
        let piece: Vec<_> = self.input.drain(..take.min(self.input.len())).collect();
        body.left = body.left.saturating_sub(piece.len() as u64);
        if body.framing == Framing::Chunked && body.left == 0 {
            self.line()?;
        }
        Ok(Some(piece))
    }

    /// Reads a body to its end: how many bytes came, and whether it was whole.
    pub fn drain(&mut self, body: &mut Body) -> (usize, bool) {
        let mut length = 0;
        loop {
            match self.piece(body) {
                Ok(Some(piece)) => length += piece.len(),
                Ok(None) => return (length, true),
                Err(_) => return (length, false),
            }
        }
    }

    /// Reads what comes until the peer closes.
    ///
    /// # Errors
    /// The system's.
    pub fn remainder(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.input))
    }

    fn rest(&mut self, head: Head, mut body: Body) -> io::Result<Message> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece(&mut body)? {
            whole.extend(piece);
        }
        Ok(Message { head, framing: body.framing, body: whole, trailers: body.trailers })
    }

    fn body(head: &Head, framing: Framing) -> io::Result<Body> {
        let left = match framing {
            Framing::Length => head.field("content-length").parse().map_err(|_| ErrorKind::InvalidData)?,
            _ => 0,
        };
        Ok(Body { framing, left, is_over: framing == Framing::Empty, trailers: Vec::new() })
    }

    /// Reads a chunk's size, and the trailers where it is the last.
    fn begin_chunk(&mut self, body: &mut Body) -> io::Result<()> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        body.left = u64::from_str_radix(size, 16).map_err(|_| ErrorKind::InvalidData)?;
        if body.left == 0 {
            body.is_over = true;
            body.trailers = self.fields()?;
        }
        Ok(())
    }

    fn head(&mut self) -> io::Result<Option<Head>> {
        if self.input.is_empty() && self.fill()? == 0 {
            return Ok(None);
        }
        let line = self.line()?;
        Ok(Some(Head { line, fields: self.fields()? }))
    }

    fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<_> = self.input.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(|_| ErrorKind::InvalidData.into());
            }
            if self.input.len() > HEAD_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = vec![0; READ_BYTES];
        let read = self.stream.read(&mut buffer)?;
        self.input.extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
