//! The sockets that the settings ask for, and where each comes from: handed over, passed by a service manager, or bound.
//! It must announce nothing, and take no connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use mesher_net::{BindError, listener, route};

use crate::bootstrap::{AdvertisedHost, Bootstrap, INBOUND_PORT_DEFAULT, LocalPort, PortProtocol};
use crate::error::ProxyError;
use crate::handover::Stock;
use crate::request::accept::Purpose;
use crate::status::Addresses;

/// How long the resolver may take to find the address to advertise, or the registry towards which it lies.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(2);
/// What the admin's socket is for.
const ADMIN: &str = "admin";

/// All sockets of a proxy.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) addresses: Addresses,
    pub(crate) advertised: IpAddr,
    /// Those of the workers.
    pub(crate) listeners: Vec<(TcpListener, Purpose)>,
    pub(crate) admin: TcpListener,
}

impl Listening {
    /// Takes every socket that the settings ask for from `stock`, and binds those that it does not have.
    ///
    /// # Errors
    /// [`ProxyError`] names the setting and what to do.
    pub(crate) fn take(bootstrap: &Bootstrap, stock: &mut Stock) -> Result<Self, ProxyError> {
        let advertised = match &bootstrap.advertise.host {
            Some(AdvertisedHost::Address(address)) => *address,
            Some(AdvertisedHost::Name(name)) => {
                let found = resolve(&format!("{name}:0"));
                found.ok_or_else(|| ProxyError::Advertise { name: name.clone() })?.ip()
            }
            None => own_address(bootstrap),
        };
        let mut listeners = Vec::new();
        let mut listen = |setting, address, purpose: Purpose| {
            let role = role(&purpose);
            let (listener, address) = take_or_bind(bootstrap, stock, (setting, &role), address)?;
            listeners.push((listener, purpose));
            Ok::<_, ProxyError>(address)
        };
        let outbound = listen("MESHER_OUTBOUND_LISTEN", bootstrap.outbound_listen, Purpose::HttpOutbound)?;
        let of = |protocol| bootstrap.ports.iter().filter(move |port| port.protocol == protocol);
        let inbound_address = bootstrap.inbound_listen.unwrap_or_else(|| {
            let port = if advertised.is_loopback() { 0 } else { INBOUND_PORT_DEFAULT };
            SocketAddr::new(advertised, port)
        });
        let inbound = match of(PortProtocol::Rest).next() {
            Some(_) => Some(listen("MESHER_INBOUND_LISTEN", inbound_address, Purpose::HttpInbound)?),
            None => None,
        };
        let mut tcp_inbound = Vec::new();
        for LocalPort { port, .. } in of(PortProtocol::Tcp) {
            let address = SocketAddr::new(inbound_address.ip(), 0);
            tcp_inbound.push(listen("MESHER_INBOUND_LISTEN", address, Purpose::TcpInbound(*port))?);
        }
        let mut tcp_outbound = Vec::new();
        for way in &bootstrap.tcp_outbound {
            let purpose = Purpose::TcpOutbound(way.service.as_str().into());
            tcp_outbound.push(listen("MESHER_TCP_OUTBOUND", way.listen, purpose)?);
        }
        let asked = ("MESHER_ADMIN_LISTEN", ADMIN);
        let (admin, admin_address) = take_or_bind(bootstrap, stock, asked, bootstrap.admin_listen)?;
        let addresses = Addresses { outbound, inbound, tcp_inbound, tcp_outbound, admin: admin_address };
        Ok(Self { addresses, advertised, listeners, admin })
    }

    /// A duplicate of every socket, with what it is for.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn duplicates(&self) -> std::io::Result<Vec<(String, SocketAddr, TcpListener)>> {
        let workers = self.listeners.iter().map(|(listener, purpose)| (role(purpose), listener));
        let all = workers.chain([(ADMIN.to_owned(), &self.admin)]);
        all.map(|(role, listener)| Ok((role, listener.local_addr()?, listener.try_clone()?))).collect()
    }

    /// The endpoints as the registry and all SDKs understand them.
    pub(crate) fn endpoints(&self, bootstrap: &Bootstrap) -> Vec<String> {
        let rest = self.addresses.inbound.map(|inbound| {
            let port = bootstrap.advertise.port.unwrap_or(inbound.port());
            format!("rest://{}", SocketAddr::new(self.advertised, port))
        });
        let tcp = self
            .addresses
            .tcp_inbound
            .iter()
            .map(|inbound| format!("tcp://{}", SocketAddr::new(self.advertised, inbound.port())));
        rest.into_iter().chain(tcp).collect()
    }
}

/// What a socket is for, as one process tells it to the next, and as a service manager calls it.
fn role(purpose: &Purpose) -> String {
    match purpose {
        Purpose::HttpOutbound => "outbound".to_owned(),
        Purpose::HttpInbound => "inbound".to_owned(),
        Purpose::TcpOutbound(service) => format!("tcp-outbound:{service}"),
        Purpose::TcpInbound(port) => format!("tcp-inbound:{port}"),
    }
}

fn take_or_bind(
    bootstrap: &Bootstrap,
    stock: &mut Stock,
    (setting, role): (&'static str, &str),
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), ProxyError> {
    match stock.take(role, address, bootstrap.fallback) {
        Some(taken) => Ok(taken),
        None => bind(bootstrap, setting, address),
    }
}

fn bind(
    bootstrap: &Bootstrap,
    setting: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), ProxyError> {
    let failed = |reason: BindError| {
        let remedy = match reason {
            BindError::Taken(_) => "stop that process, or choose another address",
            _ => "choose an address of this machine",
        };
        ProxyError::Bind { setting, reason, remedy }
    };
    let listener = listener::bind(address, bootstrap.fallback).map_err(failed)?;
    let address = listener.local_addr().map_err(ProxyError::Worker)?;
    Ok((listener, address))
}

/// The address from which the registry would be reached; the one of the default route when its name is not known.
fn own_address(bootstrap: &Bootstrap) -> IpAddr {
    const FAR_AWAY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
    let registry = bootstrap.registry.first().and_then(|address| resolve(address.host_and_port()));
    let towards = |target| route::local_address_towards(target);
    registry.and_then(towards).or_else(|| towards(FAR_AWAY)).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// An address of `host_and_port`, or `None` where the resolver does not know one in time. The resolver itself cannot
/// be given up, so it is asked on a thread of its own: a proxy listens at once, whatever its resolver does.
fn resolve(host_and_port: &str) -> Option<SocketAddr> {
    if let Ok(address) = host_and_port.parse() {
        return Some(address);
    }
    let (found, answer) = std::sync::mpsc::sync_channel(1);
    let name = host_and_port.to_owned();
    let asking = std::thread::Builder::new().name("mesher-resolve".to_owned()).spawn(move || {
        // Nobody waits any more where the answer comes too late.
        let _ = found.send(name.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()));
    });
    asking.ok()?;
    answer.recv_timeout(RESOLVE_TIME_MAX).ok()?
}
