//! Just enough HTTP/1.1 to read requests and answers fast.
//! It must tell an end in the middle of a message from one between two.

use std::io::ErrorKind;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ledger::deed::Frame;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// The largest head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Why a message could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The connection ended between two messages.
    Over,
    /// The connection ended or broke in the middle of one.
    Cut,
    /// What came is no message.
    Garbled,
}

/// What is needed of a head.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    /// Of an answer.
    pub(super) status: u16,
    /// The id that it names.
    pub(super) id: Option<u64>,
    length: Option<usize>,
    is_chunked: bool,
    /// Whether the connection ends after it.
    pub(super) is_last: bool,
    /// Whether a proxy says in it that the answer is its own.
    pub(super) is_proxys: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        let mut head = Self { status: status.unwrap_or_default(), ..Self::default() };
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
            let text = || std::str::from_utf8(value).ok();
            match name.len() {
                8 if name.eq_ignore_ascii_case(b"x-ledger") => {
                    head.id = Some(u64::from_str_radix(text()?, 16).ok()?);
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    head.length = Some(text()?.parse().ok()?)
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => head.is_chunked = true,
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    head.is_last |= value.eq_ignore_ascii_case(b"close");
                }
                12 if name.eq_ignore_ascii_case(b"proxy-status") => {
                    head.is_proxys = value.starts_with(b"mesher/")
                }
                _ => {}
            }
        }
        Some(head)
    }

    /// How the body of a request with this head is framed.
    pub(super) fn request_frame(&self) -> Frame {
        match (self.is_chunked, self.length) {
            (true, _) => Frame::Chunked,
            (false, Some(_)) => Frame::Length,
            (false, None) => Frame::Empty,
        }
    }

    /// How the body of an answer with this head is framed, which a call with this method got.
    pub(super) fn answer_frame(&self, method: &str) -> Frame {
        match self.request_frame() {
            _ if method == "HEAD" || matches!(self.status, 100..=199 | 204 | 304) => Frame::Empty,
            Frame::Empty => Frame::UntilClose,
            other => other,
        }
    }
}

/// A connection that is read message by message.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    input: Vec<u8>,
    begin: usize,
    /// Whether its last failure was a break, not an end.
    is_broken: bool,
}

impl Stream {
    pub(super) fn of(tcp: TcpStream) -> Self {
        // Only latency is lost where the option cannot be set.
        let _ = tcp.set_nodelay(true);
        Self { tcp, input: Vec::new(), begin: 0, is_broken: false }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.tcp.write_all(bytes).await
    }

    /// Breaks the connection.
    pub(super) fn break_off(self) {
        let _ = socket2::SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
    }

    pub(super) async fn head(&mut self) -> Result<Head, Broken> {
        loop {
            let input = self.rest();
            if let Some(end) = memmem::find(input, b"\r\n\r\n") {
                let head = input.get(..end).and_then(Head::parse).ok_or(Broken::Garbled)?;
                self.begin += end + 4;
                return Ok(head);
            }
            if input.len() > HEAD_BYTES_MAX {
                return Err(Broken::Garbled);
            }
            let is_between = input.is_empty();
            if !self.fill().await {
                return Err(if is_between { Broken::Over } else { Broken::Cut });
            }
        }
    }

    pub(super) async fn body(&mut self, head: &Head, frame: Frame) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        match frame {
            Frame::Empty => {}
            Frame::Length => self.take(head.length.unwrap_or_default(), &mut body).await?,
            Frame::Chunked => {
                loop {
                    let size = self.line().await?;
                    let size = usize::from_str_radix(&size, 16).map_err(|_| Broken::Garbled)?;
                    if size == 0 {
                        break;
                    }
                    self.take(size, &mut body).await?;
                    if !self.line().await?.is_empty() {
                        return Err(Broken::Garbled);
                    }
                }
                if !self.line().await?.is_empty() {
                    return Err(Broken::Garbled);
                }
            }
            Frame::UntilClose => {
                while self.fill().await {}
                if self.is_broken {
                    return Err(Broken::Cut);
                }
                body.extend_from_slice(self.rest());
                self.begin = self.input.len();
            }
        }
        Ok(body)
    }

    async fn take(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), Broken> {
        let mut left = length;
        loop {
            let rest = self.rest();
            let piece = rest.get(..left.min(rest.len())).unwrap_or_default();
            body.extend_from_slice(piece);
            let taken = piece.len();
            left -= taken;
            self.begin += taken;
            if left == 0 {
                return Ok(());
            }
            if !self.fill().await {
                return Err(Broken::Cut);
            }
        }
    }

    async fn line(&mut self) -> Result<String, Broken> {
        loop {
            let rest = self.rest();
            if let Some(end) = memmem::find(rest, b"\r\n") {
                let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
                self.begin += end + 2;
                return Ok(line);
            }
            if !self.fill().await {
                return Err(Broken::Cut);
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.input.get(self.begin..).unwrap_or_default()
    }

    /// Reads more; `false` where the connection has ended.
    async fn fill(&mut self) -> bool {
        if self.begin > 0 {
            self.input.drain(..self.begin);
            self.begin = 0;
        }
        self.input.reserve(READ_BYTES);
        match self.tcp.read_buf(&mut self.input).await {
            Ok(read) => read > 0,
            Err(error) => {
                self.is_broken = error.kind() != ErrorKind::UnexpectedEof;
                false
            }
        }
    }
}
