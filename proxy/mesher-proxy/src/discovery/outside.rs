//! Hosts that the registry does not know: their addresses, from the system's resolver.
//! It must not be asked for a name without a dot: such a name is a service's or nobody's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::bootstrap::PortProtocol;
use crate::discovery::LookupFailure;
use crate::discovery::endpoints::EndpointIds;
use crate::snapshot::{Endpoint, IDLE_ELSEWHERE_MAX, Origin};

/// How long the resolver may take.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(3);
/// Addresses of one host that are used.
const ADDRESSES_MAX: usize = 16;

/// The addresses of an outside host.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    addresses: Vec<SocketAddr>,
}

impl Resolved {
    pub(crate) fn endpoints(&self, ids: &mut EndpointIds) -> Vec<Endpoint> {
        let endpoint = |address: &SocketAddr| Endpoint {
            id: ids.next_endpoint(),
            address: *address,
            protocol: PortProtocol::Rest,
            instance: "".into(),
            version: "".into(),
            ports: vec![address.port()],
            rank: 0,
            idle_limit: IDLE_ELSEWHERE_MAX,
            origin: Origin::Outside,
            is_kept: false,
            labels: None,
        };
        self.addresses.iter().map(endpoint).collect()
    }
}

/// Finds the addresses of `host`.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<Resolved, LookupFailure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Resolved { addresses: vec![SocketAddr::new(address, port)] });
    }
    match tokio::time::timeout(RESOLVE_TIME_MAX, tokio::net::lookup_host((host, port))).await {
        Err(_) => Err(LookupFailure::DnsTimeout),
        Ok(Err(error)) => Err(LookupFailure::Dns { reason: error.to_string() }),
        Ok(Ok(found)) => {
            let addresses: Vec<_> = found.take(ADDRESSES_MAX).collect();
            if addresses.is_empty() {
                return Err(LookupFailure::Dns { reason: "the name has no address".to_owned() });
            }
            Ok(Resolved { addresses })
        }
    }
}
