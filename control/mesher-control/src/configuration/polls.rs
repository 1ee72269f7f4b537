//! The last poll of each session: who asked for what, and what he got.
//! It must not be more than a memory of lately: it is bounded, and gone with the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The most sessions that are remembered; the one that began first goes first.
const SESSIONS_MAX: usize = 1_000;
/// The most records of an answer that are remembered.
pub(crate) const RECORDS_MAX: usize = 100;

/// One poll.
///
/// Source: kie v1, `GET track`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Poll {
    pub(crate) session_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) session_group: String,
    pub(crate) domain: String,
    pub(crate) project: String,
    pub(crate) polling_data: Asked,
    pub(crate) ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) user_agent: String,
    pub(crate) url_path: String,
    pub(crate) response_code: u16,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) response_body: Vec<Told>,
    /// Seconds since 1970.
    pub(crate) timestamp: u64,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Asked {
    pub(crate) revision: String,
    pub(crate) wait: String,
    pub(crate) labels: Vec<String>,
}

/// A record of the answer; its value may be a secret of others by the time somebody reads this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) update_revision: u64,
}

/// What of the polls a caller wants; an empty part asks for all.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) session_group: &'a str,
    pub(crate) ip: &'a str,
    pub(crate) user_agent: &'a str,
    pub(crate) url_path: &'a str,
}

impl Wanted<'_> {
    fn admits(&self, poll: &Poll) -> bool {
        let is_it = |wanted: &str, known: &str| wanted.is_empty() || wanted == known;
        is_it(self.session_id, &poll.session_id)
            && is_it(self.session_group, &poll.session_group)
            && is_it(self.ip, &poll.ip)
            && is_it(self.user_agent, &poll.user_agent)
            && is_it(self.url_path, &poll.url_path)
    }
}

/// Domain, project and session.
type Session = (String, String, String);

/// The last poll of each session.
#[derive(Debug, Default)]
pub(crate) struct Polls(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    polls: HashMap<Session, Poll>,
    /// Sessions in the order in which they began.
    order: VecDeque<Session>,
}

impl Polls {
    pub(crate) fn remember(&self, poll: Poll) {
        let session = (poll.domain.clone(), poll.project.clone(), poll.session_id.clone());
        let mut known = self.lock();
        if known.polls.insert(session.clone(), poll).is_some() {
            return;
        }
        known.order.push_back(session);
        if known.order.len() > SESSIONS_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.polls.remove(&oldest);
        }
    }

    /// The polls of a tenant that are wanted, the latest first.
    pub(crate) fn find(&self, domain: &str, project: &str, wanted: &Wanted<'_>) -> Vec<Poll> {
        let known = self.lock();
        let own = known.polls.values().filter(|poll| poll.domain == domain && poll.project == project);
        let mut polls: Vec<_> = own.filter(|poll| wanted.admits(poll)).cloned().collect();
        polls.sort_by(|one, other| {
            let order = other.timestamp.cmp(&one.timestamp);
            order.then_with(|| one.session_id.cmp(&other.session_id))
        });
        polls
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
