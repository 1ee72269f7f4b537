//! The endpoints of a service, put together from what each source names.
//! It must never let an answer empty a set that still works.
//!
//! The registry's endpoints count first. The file's are added to them, but for an address that the registry names too.
//! The domain name system counts where neither of the two names an endpoint.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashSet;
use mesher_model::query::ServiceKey;
use mesher_model::{Instance, InstanceStatus};

use crate::discovery::doubt;
use crate::discovery::endpoints;
use crate::discovery::fleet::{Fleet, Held, KnownService, News, target};
use crate::snapshot::{Cluster, ClusterKind, Endpoint, EndpointId, Origin, asks_for_labels};

impl Fleet {
    /// Begins to know a service, without endpoints.
    pub(super) fn learn(&mut self, host: &str, key: ServiceKey) {
        let name = if key.app_id == self.app {
            key.service_name.clone()
        } else {
            format!("{}:{}", key.app_id, key.service_name)
        };
        let id = self.ids.next_cluster();
        let cluster = Cluster::new(id, &name, ClusterKind::Service, Vec::new());
        let held = vec![Held::default(); self.feeds.len()];
        self.services.insert(host.into(), KnownService { key, cluster: Arc::new(cluster), held });
    }

    /// Takes a source's new set of instances, as far as it is believed. Answers whether endpoints are others now.
    pub(super) fn update(
        &mut self,
        host: &str,
        feed: usize,
        revision: String,
        instances: &[Instance],
    ) -> bool {
        let Some(source) = self.feeds.get(feed).map(|feed| &feed.source) else { return false };
        let origin = source.origin();
        let Some(known) = self.services.get_mut(host) else { return false };
        let policy = if self.rules.is_empty() { None } else { self.rules.policy(&target(&known.key)) };
        let has_labels = policy.is_some_and(|policy| asks_for_labels(&policy));
        let Some(held) = known.held.get_mut(feed) else { return false };
        let (own, others): (Vec<Endpoint>, Vec<_>) =
            known.cluster.endpoints.iter().cloned().partition(|endpoint| endpoint.origin == origin);
        let mut named =
            endpoints::usable(&mut self.ids, (origin, has_labels), &known.key.service_name, &own, instances);
        self.status.count_skipped(origin, self.ids.take_skipped());
        held.is_known = true;
        held.revision = revision;
        // What a person takes out of the file is meant to go.
        if origin != Origin::File {
            let down: BTreeSet<&str> = instances
                .iter()
                .filter(|instance| instance.status != InstanceStatus::Up.as_str())
                .map(|instance| instance.instance_id.as_str())
                .collect();
            let is_gone = |endpoint: &Endpoint| down.contains(endpoint.instance.as_ref());
            let before = own.len();
            let (kept, is_new) = doubt::keep(&mut held.doubt, own, &named, is_gone, Instant::now());
            if is_new {
                tracing::warn!(
                    service = host,
                    source = origin.as_str(),
                    before,
                    left = named.len(),
                    "far fewer instances are named at once; keeping those that still accept connections, for ten minutes at most"
                );
            }
            if held.doubt.is_some() {
                // As long as it is in doubt, all of it is to be said again.
                held.revision.clear();
            }
            named.extend(kept);
        }
        let has_changed = self.replace(host, others, named);
        self.probe(host, feed);
        has_changed
    }

    /// A source does not know the service, or not any more.
    pub(super) fn forget(&mut self, host: &str, feed: usize) -> bool {
        let is_news = self.services.get(host).and_then(|known| known.held.get(feed));
        let is_news = is_news.is_some_and(|held| held.is_known || held.doubt.is_some());
        let has_changed = is_news && self.update(host, feed, String::new(), &[]);
        let Some(known) = self.services.get_mut(host) else { return false };
        if let Some(held) = known.held.get_mut(feed) {
            held.is_known = false;
        }
        let is_nobodys = known.cluster.endpoints.is_empty() && known.held.iter().all(|held| !held.is_known);
        if is_nobodys {
            // Nobody is there and the record is gone: the next call asks anew.
            self.services.remove(host);
        }
        has_changed || is_nobodys
    }

    /// Puts the endpoints of one source beside those of the others.
    fn replace(&mut self, host: &str, mut others: Vec<Endpoint>, named: Vec<Endpoint>) -> bool {
        let Some(known) = self.services.get_mut(host) else { return false };
        others.extend(named);
        let endpoints = merged(others);
        if known.cluster.endpoints == endpoints {
            return false;
        }
        known.cluster = Arc::new(known.cluster.with(endpoints));
        // What was left out because another source came first may be wanted now.
        for (held, feed) in known.held.iter_mut().zip(&self.feeds) {
            if matches!(feed.source.origin(), Origin::File | Origin::Dns) && self.feeds.len() > 1 {
                held.revision.clear();
            }
        }
        true
    }

    /// Asks the endpoints themselves that are kept although their source does not name them.
    fn probe(&mut self, host: &str, feed: usize) {
        let Some(origin) = self.feeds.get(feed).map(|feed| feed.source.origin()) else { return };
        let Some(known) = self.services.get_mut(host) else { return };
        let Some(doubt) = known.held.get_mut(feed).and_then(|held| held.doubt.as_mut()) else { return };
        if std::mem::replace(&mut doubt.is_probing, true) {
            return;
        }
        let is_kept = |endpoint: &&Endpoint| endpoint.origin == origin && endpoint.is_kept;
        let asked: Vec<_> = known.cluster.endpoints.iter().filter(is_kept).cloned().collect();
        let (news, host) = (self.news.0.clone(), host.into());
        tokio::task::spawn_local(async move {
            let dead = endpoints::refusing(asked).await;
            // Nobody listens any more only when the proxy ends.
            let _ = news.send(News::Probed { host, feed, dead });
        });
    }

    pub(super) fn take_probed(&mut self, host: &str, feed: usize, dead: &HashSet<EndpointId>) {
        let Some(known) = self.services.get_mut(host) else { return };
        if let Some(doubt) = known.held.get_mut(feed).and_then(|held| held.doubt.as_mut()) {
            doubt.is_probing = false;
        }
        // One that was named again meanwhile is its source's matter.
        let is_dead = |endpoint: &Endpoint| endpoint.is_kept && dead.contains(&endpoint.id);
        let endpoints: Vec<_> =
            known.cluster.endpoints.iter().filter(|endpoint| !is_dead(endpoint)).cloned().collect();
        if endpoints.len() == known.cluster.endpoints.len() {
            return;
        }
        tracing::info!(
            service = host,
            left = endpoints.len(),
            "endpoints that are not named any more do not answer either"
        );
        known.cluster = Arc::new(known.cluster.with(endpoints));
        self.has_changed = true;
    }
}

/// The endpoints of all sources as they count.
fn merged(mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    endpoints.sort_by_key(|endpoint| endpoint.origin);
    if endpoints.first().is_some_and(|first| first.origin != Origin::Dns) {
        endpoints.retain(|endpoint| endpoint.origin != Origin::Dns);
    }
    let mut seen = BTreeSet::new();
    endpoints.retain(|endpoint| {
        let is_first = seen.insert((endpoint.address, endpoint.protocol.as_str()));
        // Two instances in the registry may share an address.
        is_first || endpoint.origin == Origin::Registry
    });
    // The order decides who is next in the rotation; it must not depend on a source's.
    endpoints.sort_by(|one, other| (&one.instance, one.address).cmp(&(&other.instance, other.address)));
    // Most services have few, and there may be thousands of services.
    endpoints.shrink_to_fit();
    endpoints
}
