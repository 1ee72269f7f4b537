//! A web socket client, frame by frame.
//! It must not read more into a frame than its kind and its payload.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Plane;

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A web socket client that reads and writes single frames (RFC 6455, 5.2).
pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    /// Makes the handshake; answers the status, too.
    pub(crate) async fn open(plane: &Plane, path: &str, headers: &str) -> (u16, Self) {
        let mut stream = TcpStream::connect(plane.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
            plane.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), Self(stream))
    }

    /// The next frame; `None` where the connection ends.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let opcode = self.0.read_u8().await.ok()? & 15;
        let mut length = usize::from(self.0.read_u8().await.ok()? & 127);
        if length == 126 {
            length = usize::from(self.0.read_u16().await.ok()?);
        }
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((opcode, payload))
    }

    /// Sends a frame, masked with zeros.
    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).unwrap();
        let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).await.unwrap();
    }

    /// Comes back once the server has read all that was sent before.
    pub(crate) async fn settle(&mut self) {
        self.send(PING, b"x").await;
        while self.frame().await.unwrap().0 != PONG {}
    }

    /// The code of the close frame that comes next but for text, pings and pongs.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.frame().await? {
                (CLOSE, payload) => return payload.first_chunk().map(|code| u16::from_be_bytes(*code)),
                _ => continue,
            }
        }
    }
}
