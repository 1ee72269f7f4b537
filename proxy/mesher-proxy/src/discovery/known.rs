//! What is known of the fleet, in the form in which one process tells it to the next, or to the disk.
//! It must carry no number of this process: endpoints and clusters get new ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesher_model::query::ServiceKey;
use serde::{Deserialize, Serialize};

use crate::bootstrap::PortProtocol;
use crate::discovery::endpoints::EndpointIds;
use crate::discovery::fleet::{Fleet, KnownOutside, KnownService, target};
use crate::rules::HeldRules;
use crate::snapshot::{Cluster, ClusterKind, Endpoint, Labels, Origin};

/// All that is known.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Known {
    services: Vec<Service>,
    outside: Vec<Outside>,
    rules: HeldRules,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Service {
    host: Box<str>,
    name: String,
    key: ServiceKey,
    /// The registry's.
    revision: String,
    endpoints: Vec<Place>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Outside {
    host: Box<str>,
    port: u16,
    endpoints: Vec<Place>,
    /// For how long its addresses are believed.
    left: Duration,
}

/// An endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    address: SocketAddr,
    is_tcp: bool,
    instance: String,
    version: String,
    ports: Vec<u16>,
    rank: u8,
    idle_limit: Duration,
    #[serde(default)]
    origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Labels>,
}

impl Known {
    /// What `fleet` knows now. Misses are left out: whoever asks next asks the registry.
    pub(super) fn of(fleet: &Fleet) -> Self {
        let now = Instant::now();
        let services = fleet.services.iter().map(|(host, known)| Service {
            host: host.clone(),
            name: known.cluster.name.as_ref().to_owned(),
            key: known.key.clone(),
            revision: fleet.revision_of(known),
            endpoints: places(&known.cluster),
        });
        let outside = fleet.outside.iter().map(|((host, port), known)| Outside {
            host: host.clone(),
            port: *port,
            endpoints: places(&known.cluster),
            left: known.expires_at.saturating_duration_since(now),
        });
        Self { services: services.collect(), outside: outside.collect(), rules: fleet.rules.tell() }
    }

    /// The same without outside hosts: their addresses are believed for seconds only.
    pub(crate) fn services_only(self) -> Self {
        Self { outside: Vec::new(), ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.services.is_empty() && self.outside.is_empty() && self.rules.is_empty()
    }

    /// How many services are known.
    pub(crate) fn len(&self) -> usize {
        self.services.len()
    }
}

impl Fleet {
    /// Begins with what another process knew, instead of nothing. The registry is asked for changes as ever.
    pub(crate) fn adopt(&mut self, known: &Known) {
        self.insert(known);
        self.publish();
    }

    /// Begins with what a stored snapshot says. What it says may be old, so nobody sees it before the registry has said
    /// what is different, or has said nothing for a moment.
    pub(crate) fn adopt_stored(&mut self, known: &Known) {
        self.insert(known);
        self.hold();
    }

    fn insert(&mut self, known: &Known) {
        let now = Instant::now();
        self.rules.adopt(&known.rules);
        for service in &known.services {
            self.rules.want(target(&service.key));
            self.learn(&service.host, service.key.clone());
            let known = self.services.get_mut(&service.host).expect("it was learnt just now");
            // A source that is not asked any more would never take back what it said.
            let is_asked =
                |place: &&Place| self.feeds.iter().any(|feed| feed.source.origin() == place.origin);
            let endpoints =
                service.endpoints.iter().filter(is_asked).map(|place| place.endpoint(&mut self.ids));
            let (name, endpoints) = (service.name.as_str().into(), endpoints.collect());
            known.cluster = Arc::new(Cluster { name, ..known.cluster.with(endpoints) });
            for (held, feed) in known.held.iter_mut().zip(&self.feeds) {
                let origin = feed.source.origin();
                held.is_known = known.cluster.endpoints.iter().any(|endpoint| endpoint.origin == origin);
                if origin == Origin::Registry {
                    held.revision = service.revision.clone();
                    held.is_known |= !held.revision.is_empty();
                }
            }
        }
        for outside in &known.outside {
            let cluster = cluster(&mut self.ids, &outside.host, ClusterKind::Outside, &outside.endpoints);
            let entry = KnownOutside { cluster, expires_at: now + outside.left };
            self.outside.insert((outside.host.clone(), outside.port), entry);
        }
    }
}

impl Fleet {
    /// The registry's revision of what is known of a service; none where some of it is in doubt, so that whoever goes
    /// on with it is told all of it.
    fn revision_of(&self, known: &KnownService) -> String {
        let of_registry = known.held.iter().zip(&self.feeds);
        let mut of_registry = of_registry.filter(|(_, feed)| feed.source.origin() == Origin::Registry);
        of_registry.next().map(|(held, _)| held.revision.clone()).unwrap_or_default()
    }
}

fn cluster(ids: &mut EndpointIds, name: &str, kind: ClusterKind, places: &[Place]) -> Arc<Cluster> {
    let id = ids.next_cluster();
    let endpoints = places.iter().map(|place| place.endpoint(ids)).collect();
    Arc::new(Cluster::new(id, name, kind, endpoints))
}

fn places(cluster: &Cluster) -> Vec<Place> {
    let place = |endpoint: &Endpoint| Place {
        address: endpoint.address,
        is_tcp: endpoint.protocol == PortProtocol::Tcp,
        instance: endpoint.instance.as_ref().to_owned(),
        version: endpoint.version.as_ref().to_owned(),
        ports: endpoint.ports.clone(),
        rank: endpoint.rank,
        idle_limit: endpoint.idle_limit,
        origin: endpoint.origin,
        labels: endpoint.labels.as_deref().cloned(),
    };
    cluster.endpoints.iter().map(place).collect()
}

impl Place {
    fn endpoint(&self, ids: &mut EndpointIds) -> Endpoint {
        Endpoint {
            id: ids.next_endpoint(),
            address: self.address,
            protocol: if self.is_tcp { PortProtocol::Tcp } else { PortProtocol::Rest },
            instance: self.instance.as_str().into(),
            version: self.version.as_str().into(),
            ports: self.ports.clone(),
            rank: self.rank,
            idle_limit: self.idle_limit,
            origin: self.origin,
            is_kept: false,
            labels: self.labels.clone().map(Arc::new),
        }
    }
}
