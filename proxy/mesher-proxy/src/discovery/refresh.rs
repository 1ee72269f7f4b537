//! The regular look of each source at all known services, one bounded batch after the other.
//! It must never take silence for an answer: a source that is away changes nothing.

use std::ops::Bound;
use std::rc::Rc;

use tokio::time::Instant;

use crate::discovery::fleet::{Fleet, KnownService, News};
use crate::discovery::source::{Answer, Answers, Occasion, Wanted};
use crate::snapshot::Endpoint;

/// Services asked for in one request.
const BATCH_MAX: usize = 200;
/// When nothing is due: every loop looks anew.
const FAR: std::time::Duration = std::time::Duration::from_secs(3600);

impl Fleet {
    /// When the next look of any source is due.
    pub(super) fn next_look(&self) -> Instant {
        let due = self.feeds.iter().filter(|feed| !feed.is_asking).map(|feed| feed.next_at).min();
        due.unwrap_or_else(|| Instant::now() + FAR)
    }

    /// Lets every source look that is due.
    pub(super) fn look(&mut self) {
        let now = Instant::now();
        for number in 0..self.feeds.len() {
            if let Some(feed) =
                self.feeds.get_mut(number).filter(|feed| !feed.is_asking && feed.next_at <= now)
            {
                feed.began();
                self.look_after(number, None);
            }
        }
    }

    /// Asks a source for the next services after `last`, each with the revision that is known.
    fn look_after(&mut self, number: usize, last: Option<&str>) {
        let Some(feed) = self.feeds.get_mut(number) else { return };
        let source = Rc::clone(&feed.source);
        let begin = last.map_or(Bound::Unbounded, Bound::Excluded);
        let is_asked_for = |known: &KnownService| {
            let is_others = |endpoint: &Endpoint| endpoint.origin != source.origin();
            source.adds_to_others() || !known.cluster.endpoints.iter().any(is_others)
        };
        let rest = self.services.range::<str, _>((begin, Bound::Unbounded));
        let batch = rest.filter(|(_, known)| is_asked_for(known)).take(BATCH_MAX);
        let (hosts, wanted): (Vec<Box<str>>, Vec<_>) =
            batch.map(|(host, known)| (host.clone(), known.wanted(number))).unzip();
        // What is at hand is looked at even where nothing is known of it yet: it may have changed meanwhile.
        feed.is_asking = !hosts.is_empty() || (last.is_none() && source.is_at_hand());
        if !feed.is_asking {
            return;
        }
        let news = self.news.0.clone();
        tokio::task::spawn_local(async move {
            let answers = source.find(wanted, Occasion::Regular).await;
            // Nobody listens any more only when the proxy ends.
            let _ = news.send(News::Refreshed { feed: number, hosts, answers });
        });
    }

    /// Takes the answers to one batch, and asks for the next, unless the source is away.
    pub(super) fn take_batch(&mut self, number: usize, hosts: &[Box<str>], answers: Answers) {
        let Some(feed) = self.feeds.get_mut(number) else { return };
        let Ok(answers) = answers else {
            feed.failed();
            feed.is_asking = false;
            return;
        };
        feed.answered();
        if feed.has_new_edition() {
            // Who is not there may be there now.
            self.misses.clear();
        }
        for (host, answer) in hosts.iter().zip(answers) {
            self.has_changed |= self.take_answer(number, host, answer);
        }
        match hosts.last() {
            Some(last) => self.look_after(number, Some(last)),
            None => self.stop_asking(number),
        }
    }

    fn stop_asking(&mut self, number: usize) {
        if let Some(feed) = self.feeds.get_mut(number) {
            feed.is_asking = false;
        }
    }

    fn take_answer(&mut self, number: usize, host: &str, answer: Answer) -> bool {
        match answer {
            Answer::Silent => false,
            Answer::Unchanged => {
                let held = self.services.get_mut(host).and_then(|known| known.held.get_mut(number));
                held.into_iter().for_each(|held| held.is_known = true);
                false
            }
            Answer::Unknown => self.forget(host, number),
            Answer::Set { revision, instances, .. } => self.update(host, number, revision, &instances),
        }
    }
}

impl KnownService {
    /// What the source of this number is asked.
    fn wanted(&self, number: usize) -> Wanted {
        let held = self.held.get(number).cloned().unwrap_or_default();
        Wanted { keys: vec![self.key.clone()], revision: held.revision, is_known: held.is_known }
    }
}
