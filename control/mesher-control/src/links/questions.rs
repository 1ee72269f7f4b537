//! Questions to proxies: asked over their links, answered when they answer.
//! It must keep no question whose asker has gone, and none for a proxy that has gone.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mesher_model::explain::{Caller, proxy_tag};
use mesher_model::rule::link::{Ask, Told};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::hub::Links;
use super::session::Session;

/// How long a proxy may take: the first call to a name may wait for its look-up.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(7);
/// Questions that wait for one proxy.
const QUESTIONS_MAX: usize = 16;
/// Proxies that one question is put to.
const PROXIES_MAX: usize = 64;

/// The questions to one proxy.
#[derive(Debug, Default)]
pub(super) struct Questions {
    next_number: u64,
    unasked: VecDeque<(u64, Ask)>,
    open: HashMap<u64, oneshot::Sender<Told>>,
}

impl Questions {
    fn put(&mut self, ask: Ask) -> Option<oneshot::Receiver<Told>> {
        self.open.retain(|_, answer| !answer.is_closed());
        if self.open.len() >= QUESTIONS_MAX {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        self.next_number += 1;
        self.unasked.push_back((self.next_number, ask));
        self.open.insert(self.next_number, answer);
        Some(answered)
    }

    /// What is to be asked now.
    pub(super) fn next(&mut self) -> Option<(u64, Ask)> {
        self.unasked.pop_front()
    }

    fn answer(&mut self, number: u64, told: Told) {
        if let Some(answer) = self.open.remove(&number) {
            // Whoever asked may have given up.
            let _ = answer.send(told);
        }
    }
}

impl Links {
    /// Proxies with a link that stand beside a service, in the order of their ids.
    pub(crate) fn proxies_of(&self, caller: &Caller) -> Vec<String> {
        self.linked(|_, peer| peer.is_of(&caller.env, &caller.app, &caller.service))
    }

    /// Proxies with a link that may have given a call this tag: seldom more than one.
    pub(crate) fn proxies_by_tag(&self, tag: u32) -> Vec<String> {
        self.linked(|id, _| proxy_tag(id) == tag)
    }

    /// Proxies with a link beside services of this name, or all.
    pub(crate) fn proxies_named(&self, service: Option<&str>) -> Vec<String> {
        self.linked(|_, peer| service.is_none_or(|service| peer.is_named(service)))
    }

    fn linked(&self, wanted: impl Fn(&str, &super::peer::Peer) -> bool) -> Vec<String> {
        let state = self.lock();
        let linked =
            state.peers.iter().filter(|(id, peer)| peer.is_away_since().is_none() && wanted(id, peer));
        let mut ids: Vec<_> = linked.map(|(id, _)| id.clone()).collect();
        ids.sort();
        ids.truncate(PROXIES_MAX);
        ids
    }

    /// What these proxies say; of those that do not answer in time, nothing.
    pub(crate) async fn ask(&self, proxies: &[String], ask: &Ask) -> Vec<Told> {
        let asked: Vec<_> = {
            let mut state = self.lock();
            let peers = proxies.iter().filter_map(|id| {
                let peer = state.peers.get_mut(id).filter(|peer| peer.is_away_since().is_none())?;
                let answered = peer.questions.put(ask.clone())?;
                peer.wake.notify_one();
                Some(answered)
            });
            peers.collect()
        };
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        let mut told = Vec::new();
        for answered in asked {
            if let Ok(Ok(answer)) = tokio::time::timeout_at(deadline, answered).await {
                told.push(answer);
            }
        }
        told
    }
}

impl Session {
    pub(crate) fn told(&self, number: u64, told: Told) {
        self.with_peer(|peer| peer.questions.answer(number, told));
    }
}
