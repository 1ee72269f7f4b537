//! Everything a worker believes: which services there are, and where. Immutable, swapped whole.
//! A snapshot must never change after it is published; an invocation keeps the one it began with.

pub(crate) mod balancing;
pub(crate) mod checked;
#[cfg(test)]
mod checked_tests;
pub(crate) mod governance;
pub(crate) mod guards;
pub(crate) mod health;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use mesher_model::PORTS_PROPERTY;
use mesher_traffic::{EgressPolicy, Policy};
use serde::{Deserialize, Serialize};

use crate::bootstrap::PortProtocol;
use governance::Governance;
use guards::Guards;
use mesher_model::explain::Said;

/// How long a connection to another Mesher proxy may be idle. Its own limit is longer.
pub(crate) const IDLE_AT_PROXY_MAX: Duration = Duration::from_secs(60);
/// How long a connection to anything else may be idle: shorter than what common servers allow.
pub(crate) const IDLE_ELSEWHERE_MAX: Duration = Duration::from_secs(4);

/// A number that names one cluster for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClusterId(pub(crate) u32);

/// A number that names one endpoint of one cluster for the life of the process. Never used again for another, so
/// that a pooled connection cannot serve a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EndpointId(pub(crate) u32);

/// What kind of target a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterKind {
    /// The application beside this proxy.
    Local,
    /// A service from the registry.
    Service,
    /// A host that the registry does not know, passed through.
    Outside,
    /// Where calls stand that lead to no cluster.
    Nowhere,
}

/// Where an endpoint is known from, in the order in which they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// The settings: the application beside this proxy.
    Application,
    /// The registry.
    #[default]
    Registry,
    /// The services file.
    File,
    /// The domain name system, for a service of the services file.
    Dns,
    /// The resolver, for a host that is no service.
    Outside,
}

impl Origin {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Registry => "registry",
            Self::File => "file",
            Self::Dns => "dns",
            Self::Outside => "outside",
        }
    }
}

/// A chosen set of addresses.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) id: ClusterId,
    /// Name of the service, or the outside host.
    pub(crate) name: Arc<str>,
    pub(crate) kind: ClusterKind,
    pub(crate) endpoints: Vec<Endpoint>,
    /// What rules make of it, where there are any.
    pub(crate) governance: Option<Governance>,
    /// What was remembered under the rules that held before its endpoints changed, until those that hold now are found.
    pub(crate) guards: Option<Box<Guards>>,
}

impl Cluster {
    /// A cluster without rules.
    pub(crate) fn new(id: ClusterId, name: &str, kind: ClusterKind, endpoints: Vec<Endpoint>) -> Self {
        Self { id, name: name.into(), kind, endpoints, governance: None, guards: None }
    }

    /// The same with other endpoints; what rules make of it has to be made anew.
    pub(crate) fn with(&self, endpoints: Vec<Endpoint>) -> Self {
        let of_rules = self.governance.as_ref().map(|governance| Box::new(governance.guards.clone()));
        Self {
            id: self.id,
            name: Arc::clone(&self.name),
            kind: self.kind,
            endpoints,
            governance: None,
            guards: of_rules.or_else(|| self.guards.clone()),
        }
    }

    /// Whether a policy asks for more of its instances than is known of them.
    pub(crate) fn lacks_labels(&self, policy: &Policy) -> bool {
        let is_unknown = |endpoint: &Endpoint| endpoint.labels.is_none() && !endpoint.is_kept;
        asks_for_labels(policy) && self.endpoints.iter().any(is_unknown)
    }

    pub(crate) fn is_service(&self) -> bool {
        self.kind == ClusterKind::Service
    }
}

/// Whether a policy asks for more of instances than their versions.
pub(crate) fn asks_for_labels(policy: &Policy) -> bool {
    let balances = policy.balance.as_ref();
    policy.route.as_ref().is_some_and(|route| route.is_particular())
        || balances.is_some_and(|rules| rules.entries().iter().any(|entry| entry.item.is_particular()))
}

/// One address of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) address: SocketAddr,
    pub(crate) protocol: PortProtocol,
    /// Id of the instance; empty outside the registry.
    pub(crate) instance: Arc<str>,
    pub(crate) version: Arc<str>,
    /// The application's own ports that this endpoint can lead to.
    pub(crate) ports: Vec<u16>,
    /// Which of the instance's endpoints of this protocol it is; a caller that chooses no port gets the first.
    pub(crate) rank: u8,
    pub(crate) idle_limit: Duration,
    pub(crate) origin: Origin,
    /// Its origin does not name it any more; it is kept as long as it accepts connections, for a time.
    pub(crate) is_kept: bool,
    /// What more is known of its instance; only where a rule asks for it.
    pub(crate) labels: Option<Arc<Labels>>,
}

/// What a rule may ask of an instance beyond its version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Labels {
    /// Empty where it is not known.
    #[serde(default)]
    pub(crate) region: String,
    /// Empty where it is not known.
    pub(crate) zone: String,
    pub(crate) properties: BTreeMap<String, String>,
}

/// All clusters that a worker can use.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Grows by one with every snapshot.
    pub(crate) number: u64,
    /// Of the rules that it holds; 0 for none.
    pub(crate) revision: u64,
    /// Which outside hosts the local application may call; all where absent.
    pub(crate) egress: Option<Arc<EgressPolicy>>,
    /// Who says so.
    pub(crate) egress_said: Vec<Said>,
    clusters: Vec<Arc<Cluster>>,
    services: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    outside: HashMap<(Box<str>, u16), usize, foldhash::fast::RandomState>,
    local: Option<usize>,
}

/// The place of a cluster within one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClusterIndex(usize);

impl Snapshot {
    /// An empty snapshot with this number.
    pub(crate) fn numbered(number: u64) -> Self {
        let nowhere = Cluster::new(ClusterId(0), "", ClusterKind::Nowhere, Vec::new());
        Self {
            number,
            revision: 0,
            egress: None,
            egress_said: Vec::new(),
            clusters: vec![Arc::new(nowhere)],
            services: HashMap::default(),
            outside: HashMap::default(),
            local: None,
        }
    }

    /// Where calls stand that lead to no cluster.
    pub(crate) fn nowhere(&self) -> ClusterIndex {
        ClusterIndex(0)
    }

    /// Adds the application beside this proxy.
    pub(crate) fn add_local(&mut self, cluster: Arc<Cluster>) {
        self.local = Some(self.clusters.len());
        self.clusters.push(cluster);
    }

    /// Adds a service under the host that callers name it by, in lower case.
    pub(crate) fn add_service(&mut self, host: &str, cluster: Arc<Cluster>) {
        self.services.insert(host.into(), self.clusters.len());
        self.clusters.push(cluster);
    }

    /// Adds an outside host.
    pub(crate) fn add_outside(&mut self, host: &str, port: u16, cluster: Arc<Cluster>) {
        self.outside.insert((host.into(), port), self.clusters.len());
        self.clusters.push(cluster);
    }

    /// The service that `host`, in lower case, names.
    pub(crate) fn service(&self, host: &str) -> Option<ClusterIndex> {
        self.services.get(host).copied().map(ClusterIndex)
    }

    /// The outside host `host`, in lower case.
    pub(crate) fn outside(&self, host: &str, port: u16) -> Option<ClusterIndex> {
        if self.outside.is_empty() {
            return None;
        }
        self.outside.get(&(host.into(), port)).copied().map(ClusterIndex)
    }

    /// The application beside this proxy, where it has ports.
    pub(crate) fn local(&self) -> Option<ClusterIndex> {
        self.local.map(ClusterIndex)
    }

    /// The cluster at a place of this very snapshot.
    pub(crate) fn cluster(&self, index: ClusterIndex) -> &Cluster {
        self.clusters.get(index.0).expect("an index is only used with the snapshot that gave it")
    }

    /// Every cluster.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.iter().map(AsRef::as_ref)
    }

    /// The same, for whoever keeps some of them.
    pub(crate) fn shared_clusters(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.clusters.iter()
    }
}

/// One worker's hold on a snapshot. Cloning it touches nothing that another core sees.
#[derive(Debug, Clone)]
pub(crate) struct View(Rc<Held>);

#[derive(Debug)]
struct Held {
    snapshot: Arc<Snapshot>,
}

impl View {
    pub(crate) fn of(snapshot: Arc<Snapshot>) -> Self {
        Self(Rc::new(Held { snapshot }))
    }

    /// Whether this is `snapshot` itself, not one with the same content.
    pub(crate) fn is_of(&self, snapshot: &Arc<Snapshot>) -> bool {
        Arc::ptr_eq(&self.0.snapshot, snapshot)
    }
}

impl Deref for View {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0.snapshot
    }
}

/// The current snapshot, written by the control thread, read by every worker.
pub(crate) type SharedSnapshot = ArcSwap<Snapshot>;

/// The ports that an instance's proxy declares, from its property `mesher.ports`; malformed items are passed over.
pub(crate) fn declared_ports(property: Option<&String>, protocol: PortProtocol) -> Vec<u16> {
    let items = property.map(String::as_str).unwrap_or_default().split(',');
    let of_protocol =
        items.filter_map(|item| item.split_once(':')).filter(|(word, _)| *word == protocol.as_str());
    of_protocol.filter_map(|(_, port)| port.parse().ok()).collect()
}

/// The text of the property `mesher.ports`.
pub(crate) fn ports_property(ports: &[crate::bootstrap::LocalPort]) -> (String, String) {
    let items: Vec<_> =
        ports.iter().map(|port| format!("{}:{}", port.protocol.as_str(), port.port)).collect();
    (PORTS_PROPERTY.to_owned(), items.join(","))
}
