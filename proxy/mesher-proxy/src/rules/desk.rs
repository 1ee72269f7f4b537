//! Where the fleet asks for rules and the link brings them: all on the control thread.
//! It must hold up no look-up longer than a moment: without the control plane calls go on with what is held.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::explain::Said;
use mesher_model::rule::link::{TARGETS_AT_ONCE_MAX, Update};
use mesher_model::rule::{Kind, Target};
use mesher_traffic::{About, EgressPolicy, KeyRules, Own, Policy};
use tokio::sync::{Notify, mpsc, oneshot};

use super::held::{HeldRules, Rulebook, Taken};

/// How long the first call of a service waits for its rules.
const FIRST_WAIT_MAX: Duration = Duration::from_secs(1);

/// Servers of keys, by what they speak: the control plane's link brings those of kie.
pub(super) const KIE: &str = "kie";
/// The other one.
pub(super) const CONFIG_CENTER: &str = "config-center";

/// A wish for a new snapshot, answered with its number once it is published.
pub(crate) type Order = oneshot::Sender<u64>;

/// The rules of this proxy. Cheap to clone; clones are the same desk.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The service that the proxy stands beside.
    own: Target,
    /// The same as keys name it.
    own_for_keys: Own,
    state: RefCell<State>,
    /// Services were added that the link has not asked for.
    has_wish: Notify,
    orders: mpsc::UnboundedSender<Order>,
}

impl Shared {
    fn own_as_caller(&self) -> Target {
        let Target { environment, application, service } = &self.own;
        Target::of_caller(environment, application, service)
    }

    fn own_as_provider(&self) -> Target {
        let Target { environment, application, service } = &self.own;
        Target::of_provider(environment, application, service)
    }
}

#[derive(Debug, Default)]
struct State {
    rules: Rulebook,
    /// What keys of a configuration server say beside them, by the part of the configuration that they are of. Those that
    /// are not about calls are an application's own, and may be secrets.
    keys: BTreeMap<usize, BTreeMap<String, String>>,
    /// What the server of these keys speaks.
    source: &'static str,
    key_rules: KeyRules,
    /// What both say together, as it was made.
    merged: BTreeMap<Target, Arc<Policy>>,
    /// Services whose rules are wanted.
    wishes: BTreeMap<Target, Wish>,
    /// Whether the control plane was not asked about some of them.
    has_unsaid: bool,
    waiting: BTreeMap<Target, Vec<oneshot::Sender<()>>>,
    is_linked: bool,
}

/// How far the asking for a service's rules has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Wish {
    /// The control plane was not asked.
    #[default]
    Unsaid,
    /// It was.
    Said,
    /// The rules are here.
    Known,
}

/// What a key says beside documents, which hold before it.
fn beside(said: Said, documents: &[Said]) -> Said {
    let holding = documents.iter().find(|other| other.kind == said.kind && other.shadowed_by.is_none());
    Said { shadowed_by: holding.map(|other| format!("{} {}, a document", other.kind, other.name)), ..said }
}

impl State {
    /// What all keys say together to a proxy of this application.
    fn read_keys(&self, own: &Own) -> KeyRules {
        KeyRules::read(self.all_keys(), own, &self.key_rules)
    }

    /// What comes later is written over what came before.
    fn all_keys(&self) -> BTreeMap<&str, &str> {
        self.keys.values().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    /// Services to ask for now: as many as one message may name.
    fn next_wishes(&mut self) -> Vec<Target> {
        if !std::mem::take(&mut self.has_unsaid) {
            return Vec::new();
        }
        let mut next = Vec::new();
        for (target, wish) in self.wishes.iter_mut().filter(|(_, wish)| **wish == Wish::Unsaid) {
            if next.len() == TARGETS_AT_ONCE_MAX {
                self.has_unsaid = true;
                break;
            }
            *wish = Wish::Said;
            next.push(target.clone());
        }
        next
    }
}

impl Desk {
    /// A desk for the proxy beside a service, and the orders that the fleet has to fill.
    pub(crate) fn new(own: Target, version: &str) -> (Self, mpsc::UnboundedReceiver<Order>) {
        // Bounded by the link, which waits for the answer to each.
        let (orders, receiver) = mpsc::unbounded_channel();
        let state = State { source: KIE, ..State::default() };
        let own_for_keys = Own {
            application: own.application.clone(),
            service: own.service.clone(),
            version: version.to_owned(),
        };
        let shared =
            Shared { own, own_for_keys, state: RefCell::new(state), has_wish: Notify::new(), orders };
        (Self { shared: Rc::new(shared) }, receiver)
    }

    /// What holds for a service: documents, and what keys say of which no document speaks.
    pub(crate) fn policy(&self, target: &Target) -> Option<Arc<Policy>> {
        let state = &mut *self.shared.state.borrow_mut();
        let documents = state.rules.policy(target).cloned();
        let keys = &state.key_rules;
        if keys.is_empty() {
            return documents;
        }
        // The same as long as nothing changed: clusters are made anew for another one.
        if let Some(merged) = state.merged.get(target) {
            return Some(Arc::clone(merged));
        }
        let about = match target.is_of_called() {
            true => About::called(&target.application, &target.service),
            false => About::Provider,
        };
        let Some(of_keys) = keys.policy(&about, state.source) else { return documents };
        let mut policy = documents.as_deref().cloned().unwrap_or_default();
        let said = of_keys.said.iter().cloned().map(|said| beside(said, &policy.said)).collect::<Vec<_>>();
        policy.complete(of_keys);
        policy.said = policy.said.iter().cloned().chain(said).collect();
        let policy = Arc::new(policy);
        state.merged.insert(target.clone(), Arc::clone(&policy));
        Some(policy)
    }

    /// Whether there is any rule at all.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.shared.state.borrow();
        state.rules.len() == 0 && state.key_rules.is_empty()
    }

    /// Takes the keys of parts of the configuration, in place of those before; a higher part wins over a lower. Waits until
    /// the snapshot with them is published. Answers what of them cannot be used.
    pub(super) async fn take_keys(
        &self,
        source: &'static str,
        parts: impl IntoIterator<Item = (usize, BTreeMap<String, String>)>,
    ) -> Vec<String> {
        let (has_changed, problems) = {
            let state = &mut *self.shared.state.borrow_mut();
            state.source = source;
            state.keys.extend(parts.into_iter().map(|(part, mut keys)| {
                keys.retain(|key, _| KeyRules::is_about_calls(key));
                (part, keys)
            }));
            let next = state.read_keys(&self.shared.own_for_keys);
            for problem in next.problems.iter().filter(|problem| !state.key_rules.problems.contains(problem))
            {
                if KeyRules::is_passed_over(problem) {
                    tracing::warn!(
                        problem,
                        "a key of the configuration holds but for a word that means nothing here"
                    );
                } else {
                    tracing::error!(problem, "a key of the configuration says something that cannot be used");
                }
            }
            let has_changed = state.key_rules != next;
            state.key_rules = next;
            if has_changed {
                state.merged.clear();
            }
            (has_changed, state.key_rules.problems.clone())
        };
        if has_changed {
            self.publish().await;
        }
        problems
    }

    /// Has a snapshot made, and waits until it is published.
    async fn publish(&self) {
        let (done, published) = oneshot::channel();
        if self.shared.orders.send(done).is_ok() {
            // The fleet ends with the proxy alone.
            let _ = published.await;
        }
    }

    /// Which outside hosts the application beside this proxy may call, and who says so; all where absent.
    pub(crate) fn egress(&self) -> Option<(Arc<EgressPolicy>, Vec<Said>)> {
        let state = self.shared.state.borrow();
        let policy = state.rules.policy(&self.shared.own_as_caller())?;
        let said = policy.said.iter().filter(|said| said.kind == Kind::Egress.as_str());
        Some((policy.egress.clone()?, said.cloned().collect()))
    }

    /// What holds for the calls that the application beside this proxy takes.
    pub(crate) fn policy_of_own(&self) -> Option<Arc<Policy>> {
        self.policy(&self.shared.own_as_provider())
    }

    /// As [`Self::want`], for what is about the application beside this proxy.
    pub(crate) fn want_own(&self) {
        self.want(self.shared.own_as_caller());
        self.want(self.shared.own_as_provider());
    }

    /// As [`Self::know`], for what it may call outside the mesh.
    pub(crate) async fn know_own(&self) {
        self.know(self.shared.own_as_caller()).await;
    }

    /// Asks for the rules of a service from now on.
    pub(crate) fn want(&self, target: Target) {
        let mut state = self.shared.state.borrow_mut();
        if let Entry::Vacant(entry) = state.wishes.entry(target) {
            entry.insert(Wish::Unsaid);
            state.has_unsaid = true;
            self.shared.has_wish.notify_one();
        }
    }

    /// As [`Self::want`], and waits until the rules are here; not at all without a link, and never for long.
    pub(crate) async fn know(&self, target: Target) {
        self.want(target.clone());
        let known = {
            let mut state = self.shared.state.borrow_mut();
            if state.wishes.get(&target) == Some(&Wish::Known) || !state.is_linked {
                return;
            }
            let (told, known) = oneshot::channel();
            state.waiting.entry(target).or_default().push(told);
            known
        };
        let _ = tokio::time::timeout(FIRST_WAIT_MAX, known).await;
    }

    /// What holds, for another process.
    pub(crate) fn tell(&self) -> HeldRules {
        let state = self.shared.state.borrow();
        let all = state.all_keys();
        let last_good = state.key_rules.holding().filter(|(key, value)| all.get(key) != Some(value));
        let good_keys = last_good.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        HeldRules { keys: state.keys.clone(), good_keys, ..state.rules.tell() }
    }

    /// Begins with what another process held.
    pub(crate) fn adopt(&self, held: &HeldRules) {
        let own = &self.shared.own_for_keys;
        let state = &mut *self.shared.state.borrow_mut();
        state.rules.adopt(held);
        state.keys = held.keys.clone();
        let good = held.good_keys.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let all = state.all_keys().into_iter().chain(good).collect::<BTreeMap<_, _>>();
        state.key_rules = KeyRules::read(all, own, &state.key_rules);
        state.key_rules = state.read_keys(own);
    }

    /// A link begins: the first services that it has to ask for, and what is held.
    pub(super) fn begin_link(&self) -> (Vec<Target>, u64, String) {
        let mut state = self.shared.state.borrow_mut();
        state.is_linked = true;
        state.wishes.values_mut().for_each(|wish| *wish = Wish::Unsaid);
        state.has_unsaid = true;
        (state.next_wishes(), state.rules.revision(), state.rules.epoch().to_owned())
    }

    /// The link is gone: nobody waits for it.
    pub(super) fn end_link(&self) {
        let mut state = self.shared.state.borrow_mut();
        state.is_linked = false;
        state.wishes.values_mut().for_each(|wish| *wish = Wish::Unsaid);
        state.waiting.clear();
    }

    /// Services that have to be asked for, once there are any.
    pub(super) async fn wishes(&self) -> Vec<Target> {
        loop {
            let wishes = self.shared.state.borrow_mut().next_wishes();
            if !wishes.is_empty() {
                return wishes;
            }
            self.shared.has_wish.notified().await;
        }
    }

    /// Takes an update, and waits until the snapshot with it is published.
    pub(super) async fn take(&self, update: &Update) -> Result<(), String> {
        let taken = self.shared.state.borrow_mut().rules.take(update)?;
        {
            let mut state = self.shared.state.borrow_mut();
            for target in &update.targets {
                if let Some(wish) = state.wishes.get_mut(target) {
                    *wish = Wish::Known;
                }
                for told in state.waiting.remove(target).into_iter().flatten() {
                    // Whoever waited may have given up.
                    let _ = told.send(());
                }
            }
        }
        if taken == Taken::Changed {
            self.shared.state.borrow_mut().merged.clear();
            self.publish().await;
        }
        Ok(())
    }

    /// Of the documents that hold; 0 for none.
    pub(crate) fn revision(&self) -> u64 {
        self.shared.state.borrow().rules.revision()
    }
}
