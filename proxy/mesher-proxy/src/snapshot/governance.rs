//! What rules make of one cluster: its policy, with the endpoints of each part that it names.
//! It must be made anew with every change of the endpoints: places are places in their list.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::Subset;
use mesher_traffic::{Policy, RoutePolicy, policy};
use serde_json::{Value, json};

use super::{Cluster, Endpoint};

/// The policy of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Governance {
    policy: Arc<Policy>,
    /// For each share of the route, which endpoints are part of it.
    parts: Vec<Box<[bool]>>,
}

impl Governance {
    fn new(policy: Arc<Policy>, endpoints: &[Endpoint]) -> Self {
        let part = |subset: &Subset| {
            endpoints.iter().map(|endpoint| policy::is_member(subset, &endpoint.version)).collect()
        };
        let subsets = policy.route.iter().flat_map(RoutePolicy::subsets);
        Self { parts: subsets.map(part).collect(), policy }
    }

    pub(crate) fn route(&self) -> Option<&RoutePolicy> {
        self.policy.route.as_ref()
    }

    pub(crate) fn request_timeout(&self) -> Option<Duration> {
        self.policy.request_timeout.filter(|limit| !limit.is_zero())
    }

    /// Whether the endpoint at a place belongs to a share of the route.
    pub(crate) fn is_part(&self, share: usize, place: usize) -> bool {
        self.parts.get(share).and_then(|part| part.get(place)).copied().unwrap_or(false)
    }

    /// What holds, for people.
    pub(crate) fn words(&self) -> Value {
        let route = self.route().map(|route| json!({"name": route.name, "rule": route.rule}));
        let timeout = self.request_timeout().map(|limit| format!("{limit:?}"));
        json!({"route": route, "request_timeout": timeout})
    }

    /// The instances of a share, in words.
    pub(crate) fn describe(&self, share: usize) -> String {
        let Some(route) = self.route() else { return String::new() };
        let subset = route.subsets().nth(share);
        let version = subset.and_then(|subset| subset.version.as_deref());
        let part = version.map_or_else(|| "any version".to_owned(), |version| format!("version {version}"));
        format!("{part}, which rule {} of Route {} chose", route.rule, route.name)
    }
}

impl Cluster {
    /// This cluster under a policy; itself where it stands under it already.
    pub(crate) fn governed(self: &Arc<Self>, policy: Option<Arc<Policy>>) -> Arc<Self> {
        let is_same = match (&self.governance, &policy) {
            (None, None) => true,
            (Some(governance), Some(policy)) => {
                Arc::ptr_eq(&governance.policy, policy) || governance.policy == *policy
            }
            _ => false,
        };
        if is_same {
            return Arc::clone(self);
        }
        let governance = policy.map(|policy| Governance::new(policy, &self.endpoints));
        Arc::new(Self { governance, ..self.as_ref().clone() })
    }
}
