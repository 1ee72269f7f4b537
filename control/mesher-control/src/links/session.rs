//! One connection of a proxy, as its socket sees it: what to send next, what was heard.
//! It must end itself as soon as another connection speaks for the same proxy.

use std::sync::Arc;

use mesher_model::rule::Target;
use mesher_model::rule::link::{Ask, Demand, LIMITS_AT_ONCE_MAX, Slice, Update};
use tokio::sync::Notify;

use super::hub::{LinkError, Links, State, check_targets};
use super::keys::Interest;
use super::peer::Peer;

/// A connection of a proxy.
#[derive(Debug)]
pub(crate) struct Session {
    links: Arc<Links>,
    id: String,
    number: u64,
    wake: Arc<Notify>,
}

/// What is sent next.
#[derive(Debug)]
pub(crate) enum Next {
    Update(Update),
    /// These keys as they stand.
    Keys(Arc<Interest>),
    /// That instances changed.
    Moved,
    /// Its parts of limits.
    Slices(Vec<Slice>),
    /// A question, with its number.
    Ask(u64, Ask),
}

/// Why a connection speaks for its proxy no more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Over {
    #[error("another connection speaks for this proxy")]
    Replaced,
    #[error("this proxy said that it ends")]
    Forgotten,
}

impl Session {
    pub(super) fn new(links: Arc<Links>, id: String, number: u64, wake: Arc<Notify>) -> Self {
        Self { links, id, number, wake }
    }

    /// What is sent next. May be dropped at any time.
    pub(crate) async fn next(&self) -> Result<Next, Over> {
        loop {
            {
                let mut state = self.links.lock();
                let over = if state.peers.contains_key(&self.id) { Over::Replaced } else { Over::Forgotten };
                let (peer, shelf) = state.peer(&self.id, self.number).ok_or(over)?;
                if peer.is_due_for_instances() {
                    return Ok(Next::Moved);
                }
                let due = peer.due_limits();
                if !due.is_empty() {
                    let slices: Vec<_> =
                        due.iter().filter_map(|key| state.leases.tell(&self.id, key)).collect();
                    if !slices.is_empty() {
                        return Ok(Next::Slices(slices));
                    }
                    continue;
                }
                if let Some((number, ask)) = peer.questions.next() {
                    return Ok(Next::Ask(number, ask));
                }
                if let Some(keys) = peer.due_keys() {
                    return Ok(Next::Keys(keys));
                }
                if let Some(update) = peer.next_update(shelf) {
                    return Ok(Next::Update(update));
                }
            }
            self.wake.notified().await;
        }
    }

    pub(crate) fn accepted(&self, nonce: u64) {
        let now = self.links.clock.now();
        let is_known =
            self.links.lock().peer(&self.id, self.number).is_some_and(|(peer, _)| peer.accept(nonce, now));
        if is_known {
            self.links.moved();
        }
    }

    pub(crate) fn refused(&self, nonce: u64, reason: String) {
        let now = self.links.clock.now();
        let is_known = self
            .links
            .lock()
            .peer(&self.id, self.number)
            .is_some_and(|(peer, _)| peer.refuse(nonce, reason.clone(), now));
        if is_known {
            tracing::error!(proxy = self.id, reason, "a proxy refused rules and goes on with those it has");
            self.links.moved();
        }
    }

    /// Takes note of what the proxy wants of limits, as far as it holds what they are about.
    pub(crate) fn wants(&self, demands: Vec<Demand>) {
        let now = self.links.clock.now().monotonic;
        let mut state = self.links.lock();
        for demand in demands.into_iter().take(LIMITS_AT_ONCE_MAX) {
            let peer = state.peer(&self.id, self.number);
            if !peer.is_some_and(|(peer, _)| peer.holds(&demand.key.target)) {
                continue;
            }
            let key = demand.key.clone();
            let State { peers, leases, .. } = &mut *state;
            for id in leases.take(&self.id, demand, now) {
                if let Some(peer) = peers.get_mut(&id) {
                    peer.tell_of_limit(key.clone());
                }
            }
        }
    }

    /// The proxy, while this speaks for it.
    pub(super) fn with_peer(&self, act: impl FnOnce(&mut Peer)) {
        if let Some((peer, _)) = self.links.lock().peer(&self.id, self.number) {
            act(peer);
        }
    }

    /// The proxy ends: nobody waits for it from here on.
    pub(crate) fn end(&self) {
        self.links.forget_speaker(&self.id, self.number);
    }

    pub(crate) fn subscribe(&self, targets: Vec<Target>) -> Result<(), LinkError> {
        self.with_peer(|peer| peer.subscribe(targets));
        self.check_bound()
    }

    pub(super) fn check_bound(&self) -> Result<(), LinkError> {
        let mut state = self.links.lock();
        check_targets(state.peer(&self.id, self.number).map_or(0, |(peer, _)| peer.target_count()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let now = self.links.clock.now();
        {
            let mut state = self.links.lock();
            if let Some((peer, _)) = state.peer(&self.id, self.number) {
                peer.leave(now);
                state.leases.leave(&self.id, now.monotonic);
            }
        }
        self.links.moved();
    }
}
