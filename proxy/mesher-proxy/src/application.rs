//! The application beside the proxy: where on loopback it listens, and since when.
//! It must ask once and then leave the application alone, unless its health is to be checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::bootstrap::{HealthCheck, LocalPort};
use crate::health::own::Checks;
use crate::snapshot::{Endpoint, EndpointId, IDLE_ELSEWHERE_MAX, Origin};

/// How often the application is asked whether it accepts connections.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long one such question may take.
const TIME_MAX: Duration = Duration::from_secs(1);

/// Watches for the application: tells where on loopback it listens, and once that it accepts connections.
pub(crate) async fn watch(
    (ports, check): (Vec<LocalPort>, HealthCheck),
    local: mpsc::Sender<Vec<Endpoint>>,
    (is_up, is_healthy): (watch::Sender<bool>, watch::Sender<bool>),
) {
    if !ports.is_empty() {
        watch_ports(&ports, &check, &local, (&is_up, &is_healthy)).await;
    }
    // The senders live as long as the proxy: a closed channel would read as the end of the application.
    std::future::pending::<()>().await;
}

async fn watch_ports(
    ports: &[LocalPort],
    check: &HealthCheck,
    local: &mpsc::Sender<Vec<Endpoint>>,
    (is_up, is_healthy): (&watch::Sender<bool>, &watch::Sender<bool>),
) {
    let mut endpoints: Vec<_> = local_endpoints(ports);
    let _ = local.send(endpoints.clone()).await;
    let mut has_moved = false;
    for endpoint in &mut endpoints {
        let found = first_accepting(endpoint.address.port()).await;
        has_moved |= found != endpoint.address;
        endpoint.address = found;
    }
    if has_moved {
        let _ = local.send(endpoints.clone()).await;
    }
    let checks = Checks::begin(check, &endpoints).await;
    is_healthy.send_replace(checks.as_ref().is_none_or(Checks::is_healthy));
    // Whoever is told that the application is up may count on a snapshot that leads to it.
    let _ = local.reserve_many(local.max_capacity()).await;
    is_up.send_replace(true);
    if let Some(checks) = checks {
        checks.run(is_healthy).await;
    }
}

/// The loopback address, of either family, that accepts connections on `port`; waits until one does.
async fn first_accepting(port: u16) -> SocketAddr {
    loop {
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let address = SocketAddr::new(ip, port);
            if mesher_net::Socket::connect(address, TIME_MAX).await.is_ok() {
                return address;
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn local_endpoints(ports: &[LocalPort]) -> Vec<Endpoint> {
    let endpoint = |port: &LocalPort| Endpoint {
        id: EndpointId(0),
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.port),
        protocol: port.protocol,
        instance: "".into(),
        version: "".into(),
        ports: vec![port.port],
        rank: 0,
        idle_limit: IDLE_ELSEWHERE_MAX,
        origin: Origin::Application,
        is_kept: false,
        labels: None,
    };
    ports.iter().map(endpoint).collect()
}
