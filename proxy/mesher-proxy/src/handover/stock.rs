//! Listening sockets that came from elsewhere, until the settings ask for them.
//! It must give each out once, and leave none open that nobody asked for.

use std::net::{SocketAddr, TcpListener};

use mesher_net::{Fallback, inherited, listener};

use crate::bootstrap::Activation;

/// Names by which a service manager can say what a socket is for.
const NAMES: [&str; 3] = ["outbound", "inbound", "admin"];

/// Where a socket came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// The process whose place this one takes; what it was for there.
    Handed(String),
    /// A service manager; empty where it does not say what for.
    Passed(String),
}

#[derive(Debug)]
struct Item {
    socket: TcpListener,
    address: SocketAddr,
    origin: Origin,
}

/// Sockets that wait to be asked for.
#[derive(Debug, Default)]
pub(crate) struct Stock(Vec<Item>);

impl Stock {
    /// Adds a socket of the process whose place this one takes.
    pub(crate) fn add_handed(&mut self, role: String, socket: TcpListener, address: SocketAddr) {
        self.0.push(Item { socket, address, origin: Origin::Handed(role) });
    }

    /// Adds the sockets that a service manager passes.
    ///
    /// # Errors
    /// Why one of them is of no use.
    pub(crate) fn add_passed(&mut self, activation: &Activation) -> Result<(), String> {
        let passed = inherited::take(activation.names.len());
        for (number, (descriptor, name)) in (3..).zip(passed.into_iter().zip(&activation.names)) {
            let wrong = |reason: String| format!("descriptor {number} ({name:?}): {reason}");
            let descriptor = descriptor.ok_or_else(|| wrong("it is not open".to_owned()))?;
            let socket = listener::adopt(descriptor).map_err(|error| wrong(error.to_string()))?;
            let address = socket.local_addr().map_err(|error| wrong(error.to_string()))?;
            if name == "outbound" && !address.ip().is_loopback() {
                let reason = "the application's own calls are taken on a loopback address only";
                return Err(wrong(format!("{address}: {reason}")));
            }
            // Where nothing else is said, a socket is called as its unit is.
            let name = if NAMES.contains(&name.as_str()) { name.clone() } else { String::new() };
            self.0.push(Item { socket, address, origin: Origin::Passed(name) });
        }
        Ok(())
    }

    /// Takes the socket for `role`: at the very address, or as a service manager calls it, or, where any port will do,
    /// the one that had this role before.
    pub(crate) fn take(
        &mut self,
        role: &str,
        wanted: SocketAddr,
        fallback: Fallback,
    ) -> Option<(TcpListener, SocketAddr)> {
        let may_differ = wanted.port() == 0 || fallback == Fallback::AnyPort;
        let is_exact = |item: &Item| {
            let is_others = matches!(&item.origin, Origin::Passed(name) if !name.is_empty() && name != role);
            item.address == wanted && !is_others
        };
        let is_named = |item: &Item| matches!(&item.origin, Origin::Passed(name) if name == role);
        let is_former = |item: &Item| {
            let had_role = matches!(&item.origin, Origin::Handed(former) if former == role);
            may_differ && had_role && item.address.ip() == wanted.ip()
        };
        let found = self.0.iter().position(is_exact);
        let found = found.or_else(|| self.0.iter().position(is_named));
        let index = found.or_else(|| self.0.iter().position(is_former))?;
        let item = self.0.swap_remove(index);
        Some((item.socket, item.address))
    }

    /// Closes what nobody asked for, and says so.
    pub(crate) fn close(self) {
        for Item { address, origin, .. } in self.0 {
            match origin {
                Origin::Handed(role) => {
                    tracing::warn!(%address, role, "the settings do not name this address of the old process any more; it is closed");
                }
                Origin::Passed(name) => {
                    tracing::warn!(%address, name, "the service manager passes a socket that the settings have no use for; it is closed");
                }
            }
        }
    }
}
