//! All links, behind one lock, and the rules that proxies are told.
//! It must not write to a socket: each session asks for its next update itself, so that a slow one holds up nobody.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_config::Edit;
use mesher_model::mesh::RulesOfProxy;
use mesher_model::rule::link::{KEY_LABELS_MAX, KeyWish};
use mesher_model::rule::{Change, Convergence, Document, Target};
use mesher_registry::Moment;
use mesher_rules::Book;
use tokio::sync::watch;

use super::keys::Interest;
use super::leases::Leases;
use super::peer::{Name, Peer, Standing};
use super::session::Session;
use super::shelf::Shelf;
use crate::Clock;

/// The most proxies that are known at one time.
const PEERS_MAX: usize = 20_000;
/// Services whose rules one proxy may hold.
const TARGETS_MAX: usize = 20_004;
/// How long a proxy that went away is remembered.
const AWAY_TIME_MAX: Duration = Duration::from_secs(600);
/// The longest id of a proxy, in bytes.
const ID_BYTES_MAX: usize = 64;

/// Why a link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("{PEERS_MAX} proxies are linked already")]
    Full,
    #[error("an id has 1 to {ID_BYTES_MAX} letters, digits, _-.")]
    BadId,
    #[error("one proxy holds the rules of at most {TARGETS_MAX} services")]
    TooManyTargets,
    #[error("one proxy asks for at most {KEY_LABELS_MAX} sets of labels")]
    TooManyLabels,
}

/// What a proxy says of itself at first.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) name: Name,
    /// The services whose rules it wants.
    pub(crate) targets: Vec<Target>,
    /// The revision that it serves with, and the history that this belongs to.
    pub(crate) serving: u64,
    pub(crate) epoch: String,
    pub(crate) keys: Option<KeyWish>,
}

/// All links.
#[derive(Debug)]
pub(crate) struct Links {
    pub(super) state: Mutex<State>,
    pub(super) clock: Clock,
    /// Changes whenever a proxy says something, or goes, or comes.
    progress: watch::Sender<()>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) shelf: Shelf,
    pub(super) peers: HashMap<String, Peer>,
    pub(super) leases: Leases,
    last_session: u64,
}

impl Links {
    pub(crate) fn new(epoch: String, book: &Book, clock: Clock) -> Self {
        let state = State {
            shelf: Shelf::new(epoch, book),
            peers: HashMap::new(),
            leases: Leases::default(),
            last_session: 0,
        };
        Self { state: Mutex::new(state), clock, progress: watch::Sender::new(()) }
    }

    /// Tells of changes that are kept, in their order.
    pub(crate) fn publish(&self, changes: &[Arc<Change>]) {
        if changes.is_empty() {
            return;
        }
        let mut state = self.lock();
        let State { shelf, peers, .. } = &mut *state;
        for change in changes {
            shelf.take(change);
            let targets = targets(change.before.as_ref(), change.after.as_ref());
            peers.values_mut().filter(|peer| peer.holds_any(&targets)).for_each(|peer| peer.tell(change));
        }
        drop(state);
        self.moved();
    }

    /// Has those told who asked for a service whose instances changed.
    pub(crate) fn instances_changed(&self, changes: &[mesher_registry::Change]) {
        let of_instances = changes.iter().filter(|change| change.instance.is_some());
        let moved: BTreeSet<Target> = of_instances
            .map(|change| Target {
                environment: change.record.environment.clone(),
                application: change.record.app_id.clone(),
                service: change.record.service_name.clone(),
            })
            .collect();
        if !moved.is_empty() {
            let mut state = self.lock();
            let peers = state.peers.values_mut();
            peers
                .filter(|peer| moved.iter().any(|target| peer.holds(target)))
                .for_each(Peer::tell_of_instances);
        }
    }

    /// Has those told who want to hear of the record of this edit.
    pub(crate) fn keys_changed(&self, edit: &Edit) {
        let Some((tenant, labels)) = edit.subject() else { return };
        let format = labels.format();
        self.lock().peers.values_mut().for_each(|peer| peer.tell_of_key(tenant, &format));
    }

    /// Begins a session of a proxy, in place of one that it has.
    pub(crate) fn begin(self: &Arc<Self>, id: &str, greeting: Greeting) -> Result<Session, LinkError> {
        let is_id = (1..=ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if !is_id {
            return Err(LinkError::BadId);
        }
        let Greeting { name, targets, serving, epoch, keys } = greeting;
        let keys = keys.map(Interest::read).transpose()?.map(Arc::new);
        let now = self.clock.now();
        let mut state = self.lock();
        state.forget_away(now);
        let State { shelf, peers, last_session, .. } = &mut *state;
        if !peers.contains_key(id) && peers.len() >= PEERS_MAX {
            peers.retain(|_, peer| peer.is_away_since().is_none());
            if peers.len() >= PEERS_MAX {
                return Err(LinkError::Full);
            }
        }
        *last_session += 1;
        let number = *last_session;
        let peer = peers.entry(id.to_owned()).or_insert_with(|| Peer::new(name.clone(), number, now));
        // A revision of another history means nothing in this one.
        peer.begin(name, number, if epoch == shelf.epoch { serving } else { 0 }, now);
        peer.listen(keys);
        peer.subscribe(targets);
        let wake = Arc::clone(&peer.wake);
        drop(state);
        let session = Session::new(Arc::clone(self), id.to_owned(), number, wake);
        session.check_bound()?;
        self.moved();
        Ok(session)
    }

    /// How each proxy with a link stands to the rules.
    pub(crate) fn states(&self) -> HashMap<String, RulesOfProxy> {
        let state = self.lock_now();
        state.peers.iter().map(|(id, peer)| (id.clone(), peer.state())).collect()
    }

    /// Forgets a proxy that says it ends.
    pub(crate) fn forget(&self, id: &str) {
        let forgotten = {
            let mut state = self.lock();
            state.leases.forget(id);
            state.peers.remove(id)
        };
        if let Some(peer) = forgotten {
            peer.wake.notify_one();
            self.moved();
        }
    }

    /// Forgets a proxy that says so on this session, while that speaks for it.
    pub(super) fn forget_speaker(&self, id: &str, session: u64) {
        let mut state = self.lock();
        if state.peer(id, session).is_some() {
            state.peers.remove(id);
            drop(state);
            self.moved();
        }
    }

    /// How many proxies a change from one document to another concerns, and the services beside them.
    pub(crate) fn audience(
        &self,
        before: Option<&Document>,
        after: Option<&Document>,
    ) -> (u64, BTreeSet<String>) {
        let targets = targets(before, after);
        let state = self.lock_now();
        let concerned = state.peers.values().filter(|peer| peer.holds_any(&targets));
        let (mut count, mut services) = (0, BTreeSet::new());
        for peer in concerned {
            count += 1;
            let service = peer.service();
            if !services.contains(service) {
                services.insert(service.to_owned());
            }
        }
        (count, services)
    }

    /// How far a change has come. Only those count whom it concerns.
    pub(crate) fn convergence(&self, change: &Change) -> Convergence {
        let state = self.lock_now();
        let mut found = Convergence::default();
        let targets = targets(change.before.as_ref(), change.after.as_ref());
        for (id, peer) in state.peers.iter().filter(|(_, peer)| peer.holds_any(&targets)) {
            found.affected += 1;
            match peer.standing(id, change.changed_revision) {
                Standing::Serving => found.serving += 1,
                Standing::Refused(behind) => found.refused.push(behind),
                Standing::Waiting(behind) => found.waiting.push(behind),
            }
        }
        found.done = found.serving == found.affected;
        found.refused.sort_by(|one, other| one.instance.cmp(&other.instance));
        found.waiting.sort_by(|one, other| one.instance.cmp(&other.instance));
        found
    }

    /// Changes with everything that [`Self::convergence`] may depend on.
    pub(crate) fn progress(&self) -> watch::Receiver<()> {
        self.progress.subscribe()
    }

    pub(super) fn moved(&self) {
        self.progress.send_replace(());
    }

    /// All proxies but those that have been away for long.
    fn lock_now(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.forget_away(self.clock.now());
        state
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a change from one document to another is about.
fn targets(before: Option<&Document>, after: Option<&Document>) -> Vec<Target> {
    before.into_iter().chain(after).map(Document::target).collect()
}

impl State {
    fn forget_away(&mut self, now: Moment) {
        self.peers.retain(|_, peer| {
            let away = peer.is_away_since();
            away.is_none_or(|since| now.monotonic.saturating_sub(since.monotonic) < AWAY_TIME_MAX)
        });
    }

    /// The proxy of a session, while that speaks for it.
    pub(super) fn peer(&mut self, id: &str, session: u64) -> Option<(&mut Peer, &Shelf)> {
        let peer = self.peers.get_mut(id).filter(|peer| peer.session == Some(session))?;
        Some((peer, &self.shelf))
    }
}

/// Whether a proxy holds more than it may.
pub(super) fn check_targets(count: usize) -> Result<(), LinkError> {
    if count > TARGETS_MAX { Err(LinkError::TooManyTargets) } else { Ok(()) }
}
