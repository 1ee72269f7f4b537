//! An instance's endpoints as the proxy can use them.
//! One unusable endpoint must cost nothing but itself, and must be told once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use hashbrown::{HashMap, HashSet};
use mesher_model::{Endpoint as Registered, Instance, InstanceStatus, PORTS_PROPERTY};
use mesher_net::Socket;

use crate::bootstrap::PortProtocol;
use crate::snapshot::{
    ClusterId, Endpoint, EndpointId, IDLE_AT_PROXY_MAX, IDLE_ELSEWHERE_MAX, Labels, Origin, declared_ports,
};

/// How long an endpoint may take to show that it accepts connections.
const PROBE_TIME_MAX: Duration = Duration::from_secs(1);
/// Endpoints that are asked at the same time.
const PROBES_MAX: usize = 256;
/// Complaints that are remembered, so that each is told once.
const COMPLAINTS_MAX: usize = 1024;

/// Gives out numbers, each once, and remembers what was complained of.
#[derive(Debug, Default)]
pub(crate) struct EndpointIds {
    last_endpoint: u32,
    last_cluster: u32,
    complaints: BTreeSet<String>,
    /// Endpoints that were left out since they were counted last.
    skipped: usize,
}

impl EndpointIds {
    pub(crate) fn next_endpoint(&mut self) -> EndpointId {
        self.last_endpoint += 1;
        EndpointId(self.last_endpoint)
    }

    pub(crate) fn next_cluster(&mut self) -> ClusterId {
        self.last_cluster += 1;
        ClusterId(self.last_cluster)
    }

    /// How many endpoints were left out since this was asked last.
    pub(crate) fn take_skipped(&mut self) -> usize {
        std::mem::take(&mut self.skipped)
    }

    fn complain(&mut self, service: &str, instance: &str, reason: &str) {
        self.skipped += 1;
        if self.complaints.len() < COMPLAINTS_MAX && self.complaints.insert(format!("{instance} {reason}")) {
            tracing::warn!(service, instance = ?instance, reason, "an instance has an endpoint that cannot be used");
        }
    }
}

/// The endpoints of all instances that take calls, with their labels where a rule asks for these. What was there before
/// keeps its number.
pub(crate) fn usable(
    ids: &mut EndpointIds,
    (origin, has_labels): (Origin, bool),
    service: &str,
    old: &[Endpoint],
    instances: &[Instance],
) -> Vec<Endpoint> {
    // A service may well have so many instances that none of this may be looked for one by one.
    let known: HashMap<_, _> = old.iter().map(|endpoint| (place(endpoint), endpoint.id)).collect();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for instance in instances.iter().filter(|instance| instance.status == InstanceStatus::Up.as_str()) {
        let begin = endpoints.len();
        let labels = has_labels.then(|| Arc::new(labels(instance)));
        for text in &instance.endpoints {
            match Registered::parse(text) {
                Ok(registered) => {
                    let earlier = endpoints.get(begin..).unwrap_or_default();
                    let Some(mut endpoint) = of_instance(ids, service, earlier, instance, &registered) else {
                        continue;
                    };
                    endpoint.origin = origin;
                    endpoint.labels = labels.clone();
                    endpoint.id =
                        known.get(&place(&endpoint)).copied().unwrap_or_else(|| ids.next_endpoint());
                    endpoints.push(endpoint);
                }
                Err(error) => ids.complain(service, &instance.instance_id, &error.to_string()),
            }
        }
    }
    // The order decides who is next in the rotation; it must not depend on the registry's.
    endpoints.sort_by(|one, other| place(one).cmp(&place(other)));
    endpoints.dedup_by(|later, earlier| {
        let is_again = place(later) == place(earlier);
        if is_again {
            ids.complain(service, &later.instance, "it stands there twice");
        }
        is_again
    });
    endpoints
}

/// What tells an endpoint from all others of its source.
fn place(endpoint: &Endpoint) -> (&str, SocketAddr, &'static str) {
    (&endpoint.instance, endpoint.address, endpoint.protocol.as_str())
}

fn of_instance(
    ids: &mut EndpointIds,
    service: &str,
    earlier: &[Endpoint],
    instance: &Instance,
    registered: &Registered,
) -> Option<Endpoint> {
    let protocol = match registered.scheme.as_str() {
        "rest" | "http" => PortProtocol::Rest,
        "tcp" => PortProtocol::Tcp,
        // Endpoints of other transports stand beside one that we speak; that is no fault.
        _ => return None,
    };
    if registered.is_tls || registered.is_http2 {
        ids.complain(
            service,
            &instance.instance_id,
            &format!("{registered} asks for TLS or HTTP/2, which this release does not speak"),
        );
        return None;
    }
    let property = instance.properties.get(PORTS_PROPERTY);
    let declared = declared_ports(property, protocol);
    let rank = earlier.iter().filter(|other| other.protocol == protocol).count();
    let ports = match (property, protocol) {
        (None, _) => vec![registered.address.port()],
        (Some(_), PortProtocol::Rest) => declared,
        (Some(_), PortProtocol::Tcp) => declared.get(rank).copied().into_iter().collect(),
    };
    Some(Endpoint {
        // Whoever knows what was there before gives it its number.
        id: EndpointId(0),
        address: registered.address,
        protocol,
        instance: instance.instance_id.as_str().into(),
        version: instance.version.as_str().into(),
        ports,
        rank: if protocol == PortProtocol::Tcp { u8::try_from(rank).unwrap_or(u8::MAX) } else { 0 },
        idle_limit: if property.is_some() { IDLE_AT_PROXY_MAX } else { IDLE_ELSEWHERE_MAX },
        origin: Origin::Registry,
        is_kept: false,
        labels: None,
    })
}

fn labels(instance: &Instance) -> Labels {
    let mut properties = instance.properties.clone();
    // It is read for itself, and is of no use to a rule.
    properties.remove(PORTS_PROPERTY);
    let place = instance.data_center_info.clone().unwrap_or_default();
    Labels { region: place.region, zone: place.available_zone, properties }
}

/// Those of `endpoints` that accept no connection now. Asks so many at a time that it takes no more than its share of
/// descriptors.
pub(crate) async fn refusing(endpoints: Vec<Endpoint>) -> HashSet<EndpointId> {
    let mut probes = JoinSet::new();
    let mut dead = HashSet::new();
    for endpoint in endpoints {
        if probes.len() >= PROBES_MAX {
            dead.extend(probes.join_next().await.and_then(Result::ok).flatten());
        }
        probes.spawn_local(async move {
            let refuses = Socket::connect(endpoint.address, PROBE_TIME_MAX).await.is_err();
            refuses.then_some(endpoint.id)
        });
    }
    while let Some(probed) = probes.join_next().await {
        dead.extend(probed.ok().flatten());
    }
    dead
}
