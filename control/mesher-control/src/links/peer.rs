//! One proxy: which rules it wants, which it has, what it waits for, what it refused.
//! It must outlive its connection for a while: who is away is a finding, not nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesher_config::Tenant;
use mesher_model::mesh::{RefusedRules, RulesOfProxy};
use mesher_model::rule::link::{LIMITS_AT_ONCE_MAX, LimitKey, Update};
use mesher_model::rule::{Behind, Change, RuleKey, Target};
use mesher_registry::Moment;
use tokio::sync::Notify;

use super::keys::Interest;
use super::questions::Questions;
use super::shelf::Shelf;
use crate::rows;

/// Services of which one update brings everything: more come with the next one.
const TARGETS_AT_ONCE: usize = 200;
/// Documents of one update.
const DOCUMENTS_AT_ONCE: usize = 500;

/// Who a proxy says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) environment: String,
    pub(crate) application: String,
    pub(crate) service: String,
}

/// What one proxy has and wants.
#[derive(Debug)]
pub(super) struct Peer {
    name: Name,
    targets: BTreeSet<Target>,
    /// The session that speaks for it; none while it is away.
    pub(super) session: Option<u64>,
    link_since: Moment,
    serving: u64,
    serving_since: Option<Moment>,
    refused: Option<(RefusedRules, Moment)>,
    /// Services of which it waits for everything.
    whole: BTreeSet<Target>,
    /// Documents that changed.
    changed: BTreeSet<RuleKey>,
    in_flight: Option<InFlight>,
    next_nonce: u64,
    keys: Option<Arc<Interest>>,
    /// Whether it has to be told of its keys.
    are_keys_due: bool,
    /// Whether it has to be told that instances changed.
    are_instances_due: bool,
    /// Limits of which it has to be told its part.
    due_limits: BTreeSet<LimitKey>,
    pub(super) questions: Questions,
    pub(super) wake: Arc<Notify>,
}

/// The update that it has not answered yet.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    nonce: u64,
    revision: u64,
    /// Whether nothing was left to tell when it was made.
    is_complete: bool,
}

impl Peer {
    pub(super) fn new(name: Name, session: u64, now: Moment) -> Self {
        Self {
            name,
            targets: BTreeSet::new(),
            session: Some(session),
            link_since: now,
            serving: 0,
            serving_since: None,
            refused: None,
            whole: BTreeSet::new(),
            changed: BTreeSet::new(),
            in_flight: None,
            next_nonce: 1,
            keys: None,
            are_keys_due: false,
            are_instances_due: false,
            due_limits: BTreeSet::new(),
            questions: Questions::default(),
            wake: Arc::default(),
        }
    }

    /// Another connection of the same proxy, which says what it has. What was on its way is sent again.
    pub(super) fn begin(&mut self, name: Name, session: u64, serving: u64, now: Moment) {
        let older = std::mem::take(&mut self.wake);
        older.notify_one();
        self.name = name;
        self.session = Some(session);
        self.link_since = now;
        self.refused = None;
        if self.serving != serving {
            self.serving = serving;
            self.serving_since = Some(now);
        }
        self.questions = Questions::default();
        self.targets.clear();
        self.whole.clear();
        self.changed.clear();
        self.due_limits.clear();
        self.in_flight = None;
    }

    pub(super) fn leave(&mut self, now: Moment) {
        self.session = None;
        self.questions = Questions::default();
        self.link_since = now;
        self.in_flight = None;
    }

    /// Whether it stands beside this service.
    pub(super) fn is_of(&self, environment: &str, application: &str, service: &str) -> bool {
        let Name { environment: own, application: of, service: named } = &self.name;
        own == environment && of == application && named == service
    }

    /// Whether the service beside it has this name.
    pub(super) fn is_named(&self, service: &str) -> bool {
        self.name.service == service
    }

    /// Takes note of the keys that it wants to hear of, from what they are now.
    pub(super) fn listen(&mut self, keys: Option<Arc<Interest>>) {
        self.are_keys_due = keys.is_some();
        self.keys = keys;
    }

    /// Takes note of a change of a key.
    pub(super) fn tell_of_key(&mut self, tenant: Tenant<'_>, format: &str) {
        if self.keys.as_ref().is_some_and(|keys| keys.includes(tenant, format)) {
            self.are_keys_due = true;
            self.wake.notify_one();
        }
    }

    /// Whether it asked for this service.
    pub(super) fn holds(&self, target: &Target) -> bool {
        self.targets.contains(target)
    }

    /// Takes note of a change of instances.
    pub(super) fn tell_of_instances(&mut self) {
        self.are_instances_due = true;
        self.wake.notify_one();
    }

    /// Whether it has to be told of instances now.
    pub(super) fn is_due_for_instances(&mut self) -> bool {
        std::mem::take(&mut self.are_instances_due)
    }

    /// Takes note of a limit of which its part is another one now.
    pub(super) fn tell_of_limit(&mut self, key: LimitKey) {
        self.due_limits.insert(key);
        self.wake.notify_one();
    }

    /// Limits of which it has to be told now: as many as one message may name.
    pub(super) fn due_limits(&mut self) -> Vec<LimitKey> {
        let mut due = Vec::new();
        while due.len() < LIMITS_AT_ONCE_MAX
            && let Some(key) = self.due_limits.pop_first()
        {
            due.push(key);
        }
        due
    }

    /// The keys that it has to be told of now.
    pub(super) fn due_keys(&mut self) -> Option<Arc<Interest>> {
        if std::mem::take(&mut self.are_keys_due) { self.keys.clone() } else { None }
    }

    pub(super) fn subscribe(&mut self, targets: impl IntoIterator<Item = Target>) {
        for target in targets {
            let every = target.every();
            if self.targets.insert(every.clone()) {
                self.whole.insert(every);
            }
            self.targets.insert(target.clone());
            // Asked for again, it is answered again.
            self.whole.insert(target);
        }
        self.wake.notify_one();
    }

    /// The services that it calls.
    fn called(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| !target.is_every() && target.is_of_called())
    }

    pub(super) fn target_count(&self) -> usize {
        self.targets.len()
    }

    /// The service beside it.
    pub(super) fn service(&self) -> &str {
        &self.name.service
    }

    /// Whether a change of what is said about one of these services is about something that it holds.
    pub(super) fn holds_any(&self, targets: &[Target]) -> bool {
        targets.iter().any(|target| self.holds(target))
    }

    /// Takes note of a change that it has to hear of.
    pub(super) fn tell(&mut self, change: &Change) {
        if self.refused.take().is_some() {
            // What it refused it does not have: everything comes again.
            self.whole.extend(self.targets.iter().cloned());
        }
        self.changed.insert(change.key.clone());
        self.wake.notify_one();
    }

    /// What is sent next; nothing before the last update is answered.
    pub(super) fn next_update(&mut self, shelf: &Shelf) -> Option<Update> {
        if self.in_flight.is_some() || (self.whole.is_empty() && self.changed.is_empty()) {
            return None;
        }
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        let mut update = Update {
            nonce,
            epoch: shelf.epoch.clone(),
            revision: shelf.revision,
            is_empty: shelf.is_empty(),
            ..Update::default()
        };
        while update.targets.len() < TARGETS_AT_ONCE && update.changed.len() < DOCUMENTS_AT_ONCE {
            let Some(target) = self.whole.pop_first() else { break };
            update.changed.extend(shelf.of_target(&target));
            update.targets.push(target);
        }
        // A change that everything of its service brings needs no word of its own; but one that has left its service does.
        while update.changed.len() < DOCUMENTS_AT_ONCE && self.whole.is_empty() {
            let Some(key) = self.changed.pop_first() else { break };
            match shelf.delta(&key, &self.targets) {
                Ok(resource) => update.changed.push(resource),
                Err(removed) => update.removed.push(removed),
            }
        }
        // What was refused is still missing, whatever else it accepts.
        let is_complete = self.whole.is_empty() && self.changed.is_empty() && self.refused.is_none();
        self.in_flight = Some(InFlight { nonce, revision: update.revision, is_complete });
        Some(update)
    }

    /// Whether the answer is to the update that is on its way.
    pub(super) fn accept(&mut self, nonce: u64, now: Moment) -> bool {
        let Some(answered) = self.in_flight.take_if(|sent| sent.nonce == nonce) else { return false };
        if answered.is_complete && self.serving != answered.revision {
            self.serving = answered.revision;
            self.serving_since = Some(now);
        }
        self.wake.notify_one();
        true
    }

    /// Whether the answer is to the update that is on its way.
    pub(super) fn refuse(&mut self, nonce: u64, reason: String, now: Moment) -> bool {
        let Some(answered) = self.in_flight.take_if(|sent| sent.nonce == nonce) else { return false };
        if std::mem::take(&mut self.changed).is_empty() {
            let refused = RefusedRules { revision: answered.revision, reason, at: rows::date(now.unix) };
            self.refused = Some((refused, now));
        } else {
            // A further change may have mended it. What was refused the proxy does not have: everything comes again.
            self.whole.extend(self.targets.iter().cloned());
        }
        self.wake.notify_one();
        true
    }

    pub(super) fn is_away_since(&self) -> Option<Moment> {
        self.session.is_none().then_some(self.link_since)
    }

    /// How it stands to the rules.
    pub(super) fn state(&self) -> RulesOfProxy {
        RulesOfProxy {
            link: self.link().to_owned(),
            link_since_at: rows::date(self.link_since.unix),
            serving: self.serving,
            serving_since_at: self.serving_since.and_then(|since| rows::date(since.unix)),
            services: self.called().count() as u64,
            waiting: (self.whole.len() + self.changed.len() + usize::from(self.in_flight.is_some())) as u64,
            refused: self.refused.as_ref().map(|(refused, _)| refused.clone()),
        }
    }

    /// Whether it serves with a revision, refused it, or has not said anything.
    pub(super) fn standing(&self, id: &str, revision: u64) -> Standing {
        if self.serving >= revision {
            return Standing::Serving;
        }
        let refused = self.refused.as_ref().filter(|(refused, _)| refused.revision >= revision);
        let behind = Behind {
            instance: id.to_owned(),
            service: format!("{}/{}", self.name.application, self.name.service),
            serving: self.serving,
            link: self.link().to_owned(),
            since_at: rows::date(refused.map_or(self.link_since, |(_, at)| *at).unix),
            reason: refused.map(|(refused, _)| refused.reason.clone()),
        };
        if refused.is_some() { Standing::Refused(behind) } else { Standing::Waiting(behind) }
    }

    fn link(&self) -> &'static str {
        if self.session.is_some() { "connected" } else { "disconnected" }
    }
}

/// How a proxy stands to a revision.
pub(super) enum Standing {
    Serving,
    Refused(Behind),
    Waiting(Behind),
}
