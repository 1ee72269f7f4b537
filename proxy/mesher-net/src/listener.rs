//! Listening sockets: bound once, in one place, and lent to the workers.
//! They must exist before anything is announced, so that a connection never meets a closed port.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// What to do when the port is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Fail, and say so.
    Fail,
    /// Take any free port of the same address.
    AnyPort,
}

/// Why an address cannot be listened on; whoever configured it can mend that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another process listens there.
    #[error("another process already listens on {0}")]
    Taken(SocketAddr),
    /// The system does not let us.
    #[error("cannot listen on {address}: {source}")]
    System {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens on `address`, not blocking. Port 0 takes a free one.
///
/// # Errors
/// [`BindError`] names the address and the reason.
pub fn bind(address: SocketAddr, fallback: Fallback) -> Result<TcpListener, BindError> {
    match open(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match fallback {
            Fallback::AnyPort if address.port() != 0 => {
                bind(SocketAddr::new(address.ip(), 0), Fallback::Fail)
            }
            _ => Err(BindError::Taken(address)),
        },
        Err(source) => Err(BindError::System { address, source }),
        Ok(listener) => Ok(listener),
    }
}

/// Takes a socket that listens already: another process bound it.
///
/// # Errors
/// `InvalidInput` where it is no listening TCP socket, or the system's.
pub fn adopt(descriptor: OwnedFd) -> io::Result<TcpListener> {
    let socket = Socket::from(descriptor);
    let is_internet = matches!(socket.domain()?, Domain::IPV4 | Domain::IPV6);
    if !is_internet || socket.r#type()? != Type::STREAM || !socket.is_listener()? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no listening TCP socket"));
    }
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
