//! Sockets as every part of the benchmark opens them: non-blocking, without delay, with a deep backlog.
//! It must give each proxy and the backend the same options, so that none is measured with better ones.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long connecting over loopback may take: longer only where a backlog is full.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Listens on a free loopback port.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Takes a connection that waits; `None` where none does.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => prepare(stream).map(Some),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Connects. The kernel answers for the listener, so this does not wait for whoever accepts.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    prepare(TcpStream::connect_timeout(&address, CONNECT_TIME_MAX)?)
}

fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
