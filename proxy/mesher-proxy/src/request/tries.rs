//! The tries of a call: what a further one may do, and whom those before it went to.
//! It must remember no more of them than is bounded, but for people those that failed.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mesher_traffic::Safety;

use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::invocation::Invocation;
use crate::snapshot::EndpointId;

/// Endpoints that one invocation remembers having tried.
const TRIED_MAX: usize = 8;

/// Those endpoints.
pub(super) type Tried = [Cell<Option<EndpointId>>; TRIED_MAX];

/// How a call stands with further tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retrying {
    /// The rule that is about it, as a place among those of its kind.
    pub(crate) rule: Option<usize>,
    /// What a further try after the current answer risks.
    pub(crate) answer_safety: Safety,
    /// Whether whoever answered, or failed, has tried again already.
    pub(crate) is_spent_below: bool,
    /// Whether the next try goes to the same endpoint.
    pub(crate) is_on_same: bool,
    /// Whether there was no try left for it in the budget of its service.
    pub(crate) is_denied: bool,
}

impl Default for Retrying {
    fn default() -> Self {
        Self {
            rule: None,
            answer_safety: Safety::Spent,
            is_spent_below: false,
            is_on_same: false,
            is_denied: false,
        }
    }
}

/// A try that failed, for those who ask why.
#[derive(Debug, Clone)]
pub(crate) struct FailedTry {
    pub(crate) address: SocketAddr,
    pub(crate) instance: Arc<str>,
    pub(crate) version: Arc<str>,
    /// Since the start of the call.
    pub(crate) began: Duration,
    /// Since the start of the call.
    pub(crate) ended: Duration,
    pub(crate) side: Side,
    pub(crate) kind: FailureKind,
    pub(crate) detail: Cow<'static, str>,
}

impl Invocation {
    /// When the last try that failed did, since the start of the call.
    pub(crate) fn last_failure_at(&self) -> Duration {
        self.failed_tries.last().map(|attempt| attempt.ended).unwrap_or_default()
    }

    /// When the current try began, since the start of the call.
    pub(crate) fn try_began_at(&self) -> Duration {
        self.hedge.began().unwrap_or_else(|| self.last_failure_at())
    }

    /// The current endpoint is not asked again as long as there are others.
    pub(crate) fn pass_over(&mut self) {
        if let (Some(endpoint), Some(slot)) =
            (self.current_endpoint(), self.tried.get(self.tries as usize % TRIED_MAX))
        {
            slot.set(Some(endpoint.id));
        }
    }

    /// Remembers that the current endpoint failed. What does not fit among those that are not tried again is forgotten,
    /// oldest first.
    pub(crate) fn mark_tried(&mut self, failure: &Failure) {
        if let Some(endpoint) = self.current_endpoint() {
            let attempt = FailedTry {
                address: endpoint.address,
                instance: Arc::clone(&endpoint.instance),
                version: Arc::clone(&endpoint.version),
                began: self.try_began_at(),
                ended: self.started.elapsed(),
                side: failure.side,
                kind: failure.kind,
                detail: failure.detail.clone(),
            };
            self.failed_tries.push(attempt);
        }
        self.pass_over();
    }

    /// Whether an endpoint failed in this invocation already.
    pub(crate) fn has_tried(&self, id: EndpointId) -> bool {
        self.tried.iter().any(|slot| slot.get() == Some(id))
    }
}
