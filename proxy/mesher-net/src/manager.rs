//! What a service manager is told of this process (sd_notify(3)).
//! It must cost nothing where there is no manager, and must never fail a start or an end.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `state`, lines of `NAME=VALUE`, to the datagram socket at `address`; `@` begins an abstract one.
///
/// # Errors
/// The system's. The manager's picture is then out of date; nothing else is.
pub fn tell(address: &str, state: &str) -> io::Result<()> {
    let to = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not hold us up.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), &to).map(drop)
}
