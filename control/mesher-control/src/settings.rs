//! What a control plane is started with.
//! It must not read the environment: the command does, once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mesher_registry::Limits;

use crate::Clock;

/// Settings of a control plane, read once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it answers; port 0 takes a free one. `127.0.0.1:30100` by default.
    pub listen: SocketAddr,
    /// The address that it names as its own to clients; found from the routes of the machine when absent.
    pub advertise: Option<IpAddr>,
    /// Names that a browser may use for it in `Host`, beside addresses and `localhost`.
    pub extra_hosts: Vec<String>,
    /// Connections served at one time; more wait in the backlog. 10,000 by default.
    pub max_connections: usize,
    /// How much the registry takes.
    pub limits: Limits,
    /// Where it reads the time.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 30_100)),
            advertise: None,
            extra_hosts: Vec::new(),
            max_connections: 10_000,
            limits: Limits::default(),
            clock: Clock::system(),
        }
    }
}
