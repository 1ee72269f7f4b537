//! Puts a proxy together, runs it, and takes it down in the right order.
//! It must listen before it announces anything, and must not stop serving before the registry knows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mesher_client::{ControlClient, Tenancy};
use mesher_codec::field::MESHER_VIA;
use mesher_model::mesh::ProxyRow;
use mesher_net::{BindError, listener, route, worker};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::bootstrap::{AdvertisedHost, Bootstrap, INBOUND_PORT_DEFAULT, LocalPort, PortProtocol};
use crate::discovery::{Fleet, Lookup, Registration};
use crate::request::accept::Purpose;
use crate::request::invocation::Direction;
use crate::snapshot::{SharedSnapshot, Snapshot};
use crate::status::{Addresses, State, Status};
use crate::telemetry::context;
use crate::worker::Shared;
use crate::{admin, application, threads};

/// Look-ups that may wait for the control thread.
const LOOKUPS_WAITING_MAX: usize = 4096;
/// How long calls in flight may take to finish.
pub(crate) const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);
/// How long the resolver may take to find the address to advertise, or the registry towards which it lies.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(2);
/// How often the calls in flight are counted while they finish.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// An address cannot be listened on.
    #[error("{setting}: {reason}; {remedy}")]
    Bind {
        /// The setting that names the address.
        setting: &'static str,
        /// Why.
        reason: BindError,
        /// What to do.
        remedy: &'static str,
    },
    /// The name to advertise has no address.
    #[error(
        "MESHER_ADVERTISE: the resolver knows no address of {name:?}; name an IP address, or a host that it knows"
    )]
    Advertise {
        /// The name.
        name: String,
    },
    /// The system gave no thread or no event queue.
    #[error("cannot start a worker: {0}")]
    Worker(std::io::Error),
}

/// A proxy that listens already and serves once it runs.
#[derive(Debug)]
pub struct Proxy {
    addresses: Addresses,
    advertised: IpAddr,
    bootstrap: Bootstrap,
    listeners: Vec<(TcpListener, Purpose)>,
    admin: TcpListener,
}

impl Proxy {
    /// Takes all addresses that the settings name. Nothing is announced yet.
    ///
    /// # Errors
    /// [`ProxyError::Bind`] names the setting and what to do.
    pub fn bind(bootstrap: Bootstrap) -> Result<Self, ProxyError> {
        let advertised = match &bootstrap.advertise.host {
            Some(AdvertisedHost::Address(address)) => *address,
            Some(AdvertisedHost::Name(name)) => {
                let found = resolve(&format!("{name}:0"));
                found.ok_or_else(|| ProxyError::Advertise { name: name.clone() })?.ip()
            }
            None => own_address(&bootstrap),
        };
        let mut listeners = Vec::new();
        let mut listen = |setting, address, purpose| {
            let (listener, address) = bind(&bootstrap, setting, address)?;
            listeners.push((listener, purpose));
            Ok(address)
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
        let (admin, admin_address) = bind(&bootstrap, "MESHER_ADMIN_LISTEN", bootstrap.admin_listen)?;
        let addresses = Addresses { outbound, inbound, tcp_inbound, tcp_outbound, admin: admin_address };
        Ok(Self { addresses, advertised, bootstrap, listeners, admin })
    }

    /// Where the proxy listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves until `shutdown` ends, then drains. Runs the control plane's side of the proxy on this thread.
    ///
    /// # Errors
    /// [`ProxyError::Worker`] where the system gives no thread.
    pub fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ProxyError> {
        worker::block_on(self.serve(shutdown)).map_err(ProxyError::Worker)?
    }

    async fn serve(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ProxyError> {
        let (lookups, asked) = mpsc::channel(LOOKUPS_WAITING_MAX);
        let instance_id = uuid::Uuid::new_v4().simple().to_string();
        let shared = Arc::new(self.shared(&instance_id, lookups));
        let listeners = std::mem::take(&mut self.listeners);
        let (orders, workers) = threads::start(&shared, &listeners)?;
        let status = Arc::new(Status::new(&shared, instance_id, self.addresses.clone(), orders));
        let own = &self.bootstrap.identity;
        let tenancy = Tenancy { domain: own.domain.clone(), project: own.project.clone() };
        let client = ControlClient::new(self.bootstrap.registry.clone(), tenancy);
        let (is_up, application) = watch::channel(self.bootstrap.ports.is_empty());
        let (local, local_endpoints) = mpsc::channel(4);

        let fleet = Fleet::new(client.clone(), Arc::clone(&status), Arc::clone(&shared.snapshot));
        tokio::task::spawn_local(fleet.run(asked, local_endpoints));
        tokio::task::spawn_local(application::watch(self.bootstrap.ports.clone(), local, is_up));
        let row = self.row(&status.instance_id);
        tokio::task::spawn_local(admin::serve(self.admin, Arc::clone(&status)));
        tokio::task::spawn_local(Registration::announce(client.clone(), Arc::clone(&status), row));
        let mut registration = Registration {
            client,
            status: Arc::clone(&status),
            endpoints: endpoints(&self.bootstrap, self.advertised, &self.addresses),
            host_name: mesher_net::process::host_name(),
            is_up: application,
        };
        if !self.addresses.admin.ip().is_loopback() {
            tracing::warn!(address = %self.addresses.admin, "the admin can be read from other machines; it takes no orders there");
        }
        tracing::info!(service = %own.service, addresses = ?self.addresses, advertised = %self.advertised, "listening");

        tokio::pin!(shutdown);
        let is_over = tokio::select! {
            () = registration.keep() => false,
            () = status.drain_requested() => false,
            () = &mut shutdown => true,
        };
        drain(&shared, &status, &registration).await;
        if !is_over {
            // Inbound work is over; the application may still call others until it has ended too.
            shutdown.await;
        }
        // With the owner's hold gone, a listener closes as its workers stop: nobody waits in its queue for nothing.
        drop(listeners);
        status.stop_workers();
        threads::join(workers).await;
        tracing::info!("ended");
        Ok(())
    }

    fn shared(&self, instance_id: &str, lookups: mpsc::Sender<Lookup>) -> Shared {
        let service = &self.bootstrap.identity.service;
        let signature = |direction: Direction| format!("mesher/{service}/{}", direction.as_str());
        let own = &self.addresses;
        let all = [own.outbound, own.admin].into_iter().chain(own.inbound).chain(own.tcp_outbound.clone());
        Shared {
            signatures: [signature(Direction::Inbound), signature(Direction::Outbound)],
            via: format!("{MESHER_VIA}{}", instance_id.get(..12).unwrap_or(instance_id)),
            own_context: context::fresh(service),
            bootstrap: self.bootstrap.clone(),
            snapshot: Arc::new(SharedSnapshot::from_pointee(Snapshot::numbered(0))),
            lookups,
            own_addresses: all.collect(),
            is_draining: AtomicBool::new(false),
        }
    }

    fn row(&self, id: &str) -> ProxyRow {
        let own = &self.bootstrap.identity;
        ProxyRow {
            id: id.to_owned(),
            app: own.app.clone(),
            env: own.environment.clone(),
            service: own.service.clone(),
            version: own.version.clone(),
            mesher_version: env!("CARGO_PKG_VERSION").to_owned(),
            outbound: self.addresses.outbound.to_string(),
            inbound: self.addresses.inbound.map(|address| address.to_string()).unwrap_or_default(),
            admin: self.addresses.admin.to_string(),
            ..ProxyRow::default()
        }
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

/// The endpoints as the registry and all SDKs understand them.
fn endpoints(bootstrap: &Bootstrap, advertised: IpAddr, addresses: &Addresses) -> Vec<String> {
    let rest = addresses.inbound.map(|inbound| {
        let port = bootstrap.advertise.port.unwrap_or(inbound.port());
        format!("rest://{}", SocketAddr::new(advertised, port))
    });
    let tcp = addresses
        .tcp_inbound
        .iter()
        .map(|inbound| format!("tcp://{}", SocketAddr::new(advertised, inbound.port())));
    rest.into_iter().chain(tcp).collect()
}

/// Ends inbound work: the registry first, then the callers, then the calls in flight.
async fn drain(shared: &Shared, status: &Status, registration: &Registration) {
    let was_found = status.state() == State::Ready && !registration.endpoints.is_empty();
    status.enter(State::Draining);
    tracing::info!("draining");
    registration.leave().await;
    if was_found {
        tokio::time::sleep(shared.bootstrap.drain_notice).await;
    }
    shared.is_draining.store(true, Ordering::Relaxed);
    let deadline = Instant::now() + DRAIN_TIME_MAX;
    while active_inbound(status).await > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_INTERVAL).await;
    }
    status.drained();
}

async fn active_inbound(status: &Status) -> i64 {
    let report = status.report().await;
    let inbound = report.rows.iter().filter(|(labels, _)| labels.direction == Direction::Inbound);
    inbound.map(|(_, counts)| counts.active).sum()
}
