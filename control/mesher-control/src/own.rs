//! How the control plane describes itself in its own registry.
//! It must not name an address that no other machine can use where a better one is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use mesher_registry::OwnService;

use crate::{Settings, VERSION};

/// The longest host name that the registry takes, in characters.
const MAX_HOST_NAME: usize = 64;

pub(crate) fn describe(settings: &Settings, address: SocketAddr) -> OwnService {
    let ip = settings.advertise.unwrap_or_else(|| reachable(address.ip()));
    let secure = if settings.tls.is_some() { "?sslEnabled=true" } else { "" };
    OwnService {
        version: VERSION.to_owned(),
        instance_id: fresh_id(),
        host_name: host_name(),
        endpoints: vec![format!("rest://{}/{secure}", SocketAddr::new(ip, address.port()))],
    }
}

/// An id that no instance had before.
pub(crate) fn fresh_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The address itself, or for "every address" the one that the machine's routes prefer. Connecting a datagram
/// socket looks up the route and sends nothing; the target is an address for documentation (RFC 5737, RFC 3849).
fn reachable(ip: IpAddr) -> IpAddr {
    if !ip.is_unspecified() {
        return ip;
    }
    let (local, target, fallback): (SocketAddr, SocketAddr, IpAddr) = match ip {
        IpAddr::V4(_) => (
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
            Ipv4Addr::LOCALHOST.into(),
        ),
        IpAddr::V6(_) => (
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
            Ipv6Addr::LOCALHOST.into(),
        ),
    };
    let route = UdpSocket::bind(local).and_then(|socket| {
        socket.connect(target)?;
        socket.local_addr()
    });
    route.map_or(fallback, |address| address.ip())
}

fn host_name() -> String {
    // Only Linux keeps it in a file; elsewhere the name is for people only and `localhost` will do.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().take(MAX_HOST_NAME).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
