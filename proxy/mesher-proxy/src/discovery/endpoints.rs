//! An instance's endpoints as the proxy can use them.
//! One unusable endpoint must cost nothing but itself, and must be told once.

use std::collections::BTreeSet;
use std::time::Duration;

use mesher_model::{Endpoint as Registered, Instance, InstanceStatus, PORTS_PROPERTY};
use mesher_net::Socket;

use crate::bootstrap::PortProtocol;
use crate::snapshot::{
    ClusterId, Endpoint, EndpointId, IDLE_AT_PROXY_MAX, IDLE_ELSEWHERE_MAX, declared_ports,
};

/// How long an endpoint may take to show that it accepts connections.
const PROBE_TIME_MAX: Duration = Duration::from_secs(1);
/// Complaints that are remembered, so that each is told once.
const COMPLAINTS_MAX: usize = 1024;

/// Gives out numbers, each once, and remembers what was complained of.
#[derive(Debug, Default)]
pub(crate) struct EndpointIds {
    last_endpoint: u32,
    last_cluster: u32,
    complaints: BTreeSet<String>,
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

    fn complain(&mut self, service: &str, instance: &Instance, reason: &str) {
        if self.complaints.len() < COMPLAINTS_MAX
            && self.complaints.insert(format!("{} {reason}", instance.instance_id))
        {
            tracing::warn!(service, instance = ?instance.instance_id, reason, "an instance has an endpoint that cannot be used");
        }
    }
}

/// The endpoints of all instances that take calls. What was there before keeps its number.
pub(crate) fn usable(
    ids: &mut EndpointIds,
    service: &str,
    old: &[Endpoint],
    instances: &[Instance],
) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for instance in instances.iter().filter(|instance| instance.status == InstanceStatus::Up.as_str()) {
        for text in &instance.endpoints {
            match Registered::parse(text) {
                Ok(registered) => {
                    endpoints.extend(of_instance(ids, service, (old, &endpoints), instance, &registered))
                }
                Err(error) => ids.complain(service, instance, &error.to_string()),
            }
        }
    }
    // The order decides who is next in the rotation; it must not depend on the registry's.
    endpoints.sort_by(|one, other| (&one.instance, one.address).cmp(&(&other.instance, other.address)));
    endpoints
}

fn of_instance(
    ids: &mut EndpointIds,
    service: &str,
    (old, earlier): (&[Endpoint], &[Endpoint]),
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
            instance,
            &format!("{registered} asks for TLS or HTTP/2, which this release does not speak"),
        );
        return None;
    }
    let property = instance.properties.get(PORTS_PROPERTY);
    let declared = declared_ports(property, protocol);
    let rank = earlier
        .iter()
        .filter(|other| *other.instance == *instance.instance_id && other.protocol == protocol)
        .count();
    let ports = match (property, protocol) {
        (None, _) => vec![registered.address.port()],
        (Some(_), PortProtocol::Rest) => declared,
        (Some(_), PortProtocol::Tcp) => declared.get(rank).copied().into_iter().collect(),
    };
    let mut endpoint = Endpoint {
        id: EndpointId(0),
        address: registered.address,
        protocol,
        instance: instance.instance_id.as_str().into(),
        version: instance.version.as_str().into(),
        ports,
        rank: if protocol == PortProtocol::Tcp { rank } else { 0 },
        idle_limit: if property.is_some() { IDLE_AT_PROXY_MAX } else { IDLE_ELSEWHERE_MAX },
    };
    let is_same = |other: &&Endpoint| {
        (&other.instance, other.address, other.protocol)
            == (&endpoint.instance, endpoint.address, endpoint.protocol)
    };
    endpoint.id = old.iter().find(is_same).map(|other| other.id).unwrap_or_else(|| ids.next_endpoint());
    Some(endpoint)
}

/// Those of `endpoints` that accept a connection now.
pub(crate) async fn accepting(endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    let mut probes = Vec::new();
    for endpoint in endpoints {
        probes.push(tokio::task::spawn_local(async move {
            Socket::connect(endpoint.address, PROBE_TIME_MAX).await.is_ok().then_some(endpoint)
        }));
    }
    let mut alive = Vec::new();
    for probe in probes {
        alive.extend(probe.await.ok().flatten());
    }
    alive
}
