//! The documents that a proxy holds, and the policy of each service that they are about.
//! It must take an update as a whole or not at all, and never an older one over a newer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesher_model::explain::Said;
use mesher_model::rule::link::{RemovedResource, Resource, Update};
use mesher_model::rule::{Document, Kind, RuleKey, Target};
use mesher_traffic::Policy;
use serde::{Deserialize, Serialize};

/// Documents, in the form in which one process tells them to the next, and in which they lie on disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HeldRules {
    pub(crate) epoch: String,
    pub(crate) revision: u64,
    pub(crate) documents: Vec<Resource>,
    /// Keys that are about calls, by the part of the configuration that they are of.
    pub(crate) keys: BTreeMap<usize, BTreeMap<String, String>>,
    /// Last good values of those whose values cannot be used.
    pub(crate) good_keys: BTreeMap<String, String>,
}

impl HeldRules {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.keys.values().all(BTreeMap::is_empty)
    }
}

/// A document that holds.
#[derive(Debug, Clone)]
struct Held {
    document: Arc<Document>,
    revision: u64,
}

/// The documents and what they mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Rulebook {
    epoch: String,
    revision: u64,
    /// Names are shared: with each update all of it is copied.
    documents: BTreeMap<Arc<RuleKey>, Held>,
    /// The same by the services that they are about.
    by_target: BTreeMap<Arc<Target>, BTreeSet<Arc<RuleKey>>>,
    policies: BTreeMap<Arc<Target>, Arc<Policy>>,
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// A new snapshot is due.
    Changed,
    /// All stands as it stood.
    Unchanged,
}

impl Rulebook {
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    pub(super) const fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    /// What holds for a service: what its own documents say, beside those about every service.
    pub(super) fn policy(&self, target: &Target) -> Option<&Arc<Policy>> {
        if self.policies.is_empty() {
            return None;
        }
        self.policies.get(target).or_else(|| self.policies.get(&target.every()))
    }

    /// Takes an update, or says why not; nothing has changed then.
    pub(super) fn take(&mut self, update: &Update) -> Result<Taken, String> {
        let is_same_history = self.epoch == update.epoch;
        if is_same_history && update.revision < self.revision {
            return Err(format!("revision {} comes after revision {}", update.revision, self.revision));
        }
        if !is_same_history && update.is_empty && !self.documents.is_empty() {
            // It lost all that it knew: what worked until now is not forgotten for that, however often it says so.
            tracing::warn!("the control plane knows no rule at all any more; keeping those that hold");
            return Ok(Taken::Unchanged);
        }
        let mut next = self.clone();
        (next.epoch, next.revision) = (update.epoch.clone(), update.revision);
        let mut touched = BTreeSet::new();
        // The first document of a history that had none: all that is held is of the one before.
        let is_all_old = !is_same_history && update.targets.is_empty();
        next.clear(|target| is_all_old || update.targets.contains(target), &mut touched);
        for resource in &update.changed {
            next.put(resource, &mut touched)?;
        }
        for removed in &update.removed {
            next.remove(removed, &mut touched);
        }
        next.compile(&touched)?;
        let has_changed = self.policies != next.policies;
        *self = next;
        Ok(if has_changed { Taken::Changed } else { Taken::Unchanged })
    }

    /// Takes back what another process held, or this one before it ended. What cannot be read is left out.
    pub(super) fn adopt(&mut self, held: &HeldRules) {
        let mut next = Self { epoch: held.epoch.clone(), revision: held.revision, ..Self::default() };
        let mut touched = BTreeSet::new();
        let all = held.documents.iter().try_for_each(|resource| next.put(resource, &mut touched));
        match all.and_then(|()| next.compile(&touched)) {
            Ok(()) => *self = next,
            Err(reason) => tracing::warn!(reason, "rules that were held before cannot be used"),
        }
    }

    /// What holds, for another process.
    pub(super) fn tell(&self) -> HeldRules {
        let documents = self.documents.values().map(|held| Resource {
            kind: held.document.kind().to_string(),
            revision: held.revision,
            // Documents are plain data, of which serde can write all.
            document: serde_json::to_value(held.document.as_ref()).unwrap_or_default(),
        });
        HeldRules {
            epoch: self.epoch.clone(),
            revision: self.revision,
            documents: documents.collect(),
            ..HeldRules::default()
        }
    }

    fn clear(&mut self, is_stale: impl Fn(&Target) -> bool, touched: &mut BTreeSet<Target>) {
        self.by_target.retain(|target, keys| {
            let stays = !is_stale(target);
            if !stays {
                touched.insert(target.as_ref().clone());
                keys.iter().for_each(|key| drop(self.documents.remove(key)));
            }
            stays
        });
    }

    /// A kind that this release does not know is passed over.
    fn put(&mut self, resource: &Resource, touched: &mut BTreeSet<Target>) -> Result<(), String> {
        if Kind::parse(&resource.kind).is_none() {
            tracing::debug!(kind = resource.kind, "a kind of rule that this release does not know");
            return Ok(());
        }
        let document = Document::deserialize(&resource.document)
            .map_err(|error| format!("{} at revision {}: {error}", resource.kind, resource.revision))?;
        let (key, target) = (document.key(), document.target());
        self.forget(&key, touched);
        let key = Arc::new(key);
        self.by_target.entry(Arc::new(target.clone())).or_default().insert(Arc::clone(&key));
        self.documents.insert(key, Held { revision: resource.revision, document: Arc::new(document) });
        touched.insert(target);
        Ok(())
    }

    fn remove(&mut self, removed: &RemovedResource, touched: &mut BTreeSet<Target>) {
        let Some(kind) = Kind::parse(&removed.kind) else { return };
        let RemovedResource { env, app, name, .. } = removed.clone();
        self.forget(&RuleKey { kind, environment: env, application: app, name }, touched);
    }

    fn forget(&mut self, key: &RuleKey, touched: &mut BTreeSet<Target>) {
        let Some(before) = self.documents.remove(key) else { return };
        let target = before.document.target();
        if let Some(keys) = self.by_target.get_mut(&target) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_target.remove(&target);
            }
        }
        touched.insert(target);
    }

    /// What is about exactly this target, in the order of kinds and names.
    fn about(&self, target: &Target) -> impl Iterator<Item = &Held> {
        let keys = self.by_target.get(target).into_iter().flatten();
        keys.filter_map(|key| self.documents.get(key))
    }

    fn compile(&mut self, touched: &BTreeSet<Target>) -> Result<(), String> {
        for target in touched {
            self.compile_one(target)?;
            if target.is_every() {
                // What holds for every service is part of what each of them has of its own.
                let is_own = |own: &&Target| own.every() == *target && *own != target;
                let targets = self.policies.keys().map(AsRef::as_ref);
                let own: Vec<Target> = targets.filter(is_own).cloned().collect();
                own.iter().try_for_each(|target| self.compile_one(target))?;
            }
        }
        Ok(())
    }

    fn compile_one(&mut self, target: &Target) -> Result<(), String> {
        let every = target.every();
        if !self.by_target.contains_key(target) {
            self.policies.remove(target);
            return Ok(());
        }
        let own: Vec<_> = self.about(target).collect();
        let of_every: Vec<_> = self.about(&every).filter(|_| every != *target).collect();
        // A route is compiled once for all services that it holds for: its automata may be large, the services many.
        let compiled = of_every.iter().filter(|held| held.document.kind() != Kind::Route);
        let documents = own.iter().chain(compiled).map(|held| held.document.as_ref());
        let mut policy = Policy::compile(documents).map_err(|error| error.to_string())?;
        policy.said = own
            .iter()
            .map(|held| held.said(&[]))
            .chain(of_every.iter().map(|held| held.said(&own)))
            .collect();
        if policy.route.is_none() {
            policy.route = self.policies.get(&every).and_then(|policy| policy.route.clone());
        }
        self.policies.insert(Arc::new(target.clone()), Arc::new(policy));
        Ok(())
    }
}

impl Held {
    /// What it says, beside documents that are more particular.
    fn said(&self, particular: &[&Self]) -> Said {
        let kind = self.document.kind();
        let shadow = particular.iter().find(|other| other.document.kind() == kind);
        Said {
            kind: kind.to_string(),
            name: self.document.metadata.name.to_string(),
            source: Said::DOCUMENT.to_owned(),
            revision: self.revision,
            service: self.document.service().to_string(),
            shadowed_by: shadow
                .map(|other| format!("{kind} {}, which names the service", other.document.metadata.name)),
        }
    }
}
