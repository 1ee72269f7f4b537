//! A web socket client that is just enough to read one stream of text frames.
//! It must not answer pings: no scenario lasts that long.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mesher_verify::http::Wire;
use serde_json::Value;

/// Opcode of a text frame (RFC 6455, 5.2).
const TEXT: u8 = 1;
/// Opcode of a close frame.
const CLOSE: u8 = 8;

/// One web socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Socket {
    /// Makes the handshake. Answers its status, too.
    pub(crate) fn open(address: SocketAddr, path: &str) -> io::Result<(u16, Self)> {
        let mut wire = Wire::open(address)?;
        wire.send(format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             X-Domain-Name: default\r\n\r\n"
        ))?;
        let (head, _) = wire.answer_head("GET")?;
        let (stream, input) = wire.into_parts();
        Ok((head.status(), Self { stream, input }))
    }

    /// Up to `count` text frames that arrive within this time, as JSON where they are; then what ended the stream.
    pub(crate) fn frames(&mut self, count: usize, within: Duration) -> Vec<Value> {
        let deadline = Instant::now() + within;
        let mut frames = Vec::new();
        while frames.len() < count {
            match self.frame(deadline) {
                Ok((TEXT, payload)) => {
                    let text = String::from_utf8_lossy(&payload).into_owned();
                    frames.push(serde_json::from_str(&text).unwrap_or(Value::String(text)));
                }
                Ok((CLOSE, payload)) => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    frames.push(Value::String(format!("<close {code:?}>")));
                    break;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    frames.push(Value::String("<connection closed>".to_owned()));
                    break;
                }
                // The time is over.
                Err(_) => break,
            }
        }
        frames
    }

    /// One frame: its opcode and what it carries.
    fn frame(&mut self, deadline: Instant) -> io::Result<(u8, Vec<u8>)> {
        self.need(2, deadline)?;
        let (opcode, short) = (self.input[0] & 15, usize::from(self.input[1] & 127));
        let (head, length) = match short {
            126 => {
                self.need(4, deadline)?;
                (4, usize::from(u16::from_be_bytes([self.input[2], self.input[3]])))
            }
            127 => return Err(io::ErrorKind::InvalidData.into()),
            length => (2, length),
        };
        self.need(head + length, deadline)?;
        let frame = self.take(head + length);
        Ok((opcode, frame[head..].to_vec()))
    }

    fn need(&mut self, count: usize, deadline: Instant) -> io::Result<()> {
        while self.input.len() < count {
            self.more(deadline)?;
        }
        Ok(())
    }

    fn more(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left))?;
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.input.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.input.drain(..count).collect()
    }
}
