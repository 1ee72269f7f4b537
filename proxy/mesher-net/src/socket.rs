//! One TCP connection, read and written directly.
//! It must not buffer: what could not be written is the caller's to keep.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

/// A connected TCP socket without Nagle's delay.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    peer: SocketAddr,
}

/// Why no connection came about. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The peer refused, or no route leads to it.
    #[error("cannot connect to {address}: {source}")]
    Refused {
        /// Where to.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// No answer within the limit.
    #[error("no connection to {address} within {limit:?}")]
    Timeout {
        /// Where to.
        address: SocketAddr,
        /// The limit.
        limit: Duration,
    },
}

impl Socket {
    /// Takes over an accepted connection.
    #[must_use]
    pub fn accepted(stream: TcpStream, peer: SocketAddr) -> Self {
        // A socket that closed meanwhile says so at the first read; the option is only about latency.
        let _ = stream.set_nodelay(true);
        Self { stream, peer }
    }

    /// Connects to `address` within `limit`.
    ///
    /// # Errors
    /// [`ConnectError`]; the peer or the network is to blame.
    pub async fn connect(address: SocketAddr, limit: Duration) -> Result<Self, ConnectError> {
        match tokio::time::timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(Self::accepted(stream, address)),
            Ok(Err(source)) => Err(ConnectError::Refused { address, source }),
            Err(_) => Err(ConnectError::Timeout { address, limit }),
        }
    }

    /// The other end.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Reads what is there into `buffer`. `Ready(Ok(0))`: the peer sends no more.
    ///
    /// # Errors
    /// The system's error; the connection is of no further use.
    pub fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.stream.poll_read_ready(context))?;
            let room = buffer.len();
            let receive = |stream: &TcpStream| {
                net::recv(stream, &mut *buffer, RecvFlags::empty()).map(|(_, read)| read)
            };
            if let Some(result) = self.attempt(Interest::READABLE, room, receive) {
                return Poll::Ready(result);
            }
        }
    }

    /// Writes what fits of `bytes` and says how much that was.
    ///
    /// # Errors
    /// The system's error; the connection is of no further use.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let send = |stream: &TcpStream| net::send(stream, bytes, SendFlags::NOSIGNAL);
            // A socket takes what is written most of the time, so it is asked before the runtime is. What bounds a task's
            // turn is reading.
            if let Some(result) = self.attempt(Interest::WRITABLE, bytes.len(), send) {
                return Poll::Ready(result);
            }
            std::task::ready!(self.stream.poll_write_ready(context))?;
        }
    }

    /// Does `act` where the runtime believes the socket ready, and tells the runtime when it is no longer: it would
    /// block, or it took less than `wanted` bytes, which saves the system call that would block. `None`: not ready.
    ///
    /// Without the detour over the C library, whose every call is a cancellation point of its threads.
    fn attempt(
        &self,
        interest: Interest,
        wanted: usize,
        act: impl FnOnce(&TcpStream) -> rustix::io::Result<usize>,
    ) -> Option<io::Result<usize>> {
        let mut result = None;
        let used_up = self.stream.try_io(interest, || {
            match act(&self.stream) {
                Err(Errno::AGAIN) => return Err(io::ErrorKind::WouldBlock.into()),
                other => result = Some(other.map_err(io::Error::from)),
            }
            match result {
                Some(Ok(moved)) if 0 < moved && moved < wanted => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        });
        debug_assert!(
            used_up.is_ok() || used_up.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        );
        result
    }

    /// Tells the peer that no more will be sent; the other direction stays open.
    ///
    /// # Errors
    /// The system's error.
    pub fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    /// From now on, closing this connection lets the peer see it break, not end.
    pub fn reset_on_close(&self) {
        // Where the option cannot be set the peer sees an end, and learns at its next write.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Whether bytes, or the peer's end, have come that the runtime does not know of yet. Asks the system.
    #[must_use]
    pub fn has_unseen_input(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        match socket2::SockRef::from(&self.stream).peek(&mut byte) {
            Ok(_) => true,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Whether an idle connection can still carry a message: open, and nothing came that nobody asked for.
    ///
    /// Costs no system call while the runtime has seen nothing on the socket.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let mut byte = [0];
        matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
