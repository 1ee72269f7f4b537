//! One TCP connection, read and written directly.
//! It must not buffer: what could not be written is the caller's to keep.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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
        let mut space = ReadBuf::new(buffer);
        match Pin::new(&mut self.stream).poll_read(context, &mut space) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(space.filled().len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes what fits of `bytes` and says how much that was.
    ///
    /// # Errors
    /// The system's error; the connection is of no further use.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
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
