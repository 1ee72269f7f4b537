//! What the documents of one service say together, compiled: the form that a proxy holds.
//! It must be valid by construction: what cannot be kept is refused here, before a call meets it.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::explain::Said;
use mesher_model::rule::{Document, Kind, Rule};

use crate::egress::EgressPolicy;
use crate::route::RoutePolicy;

/// Why documents cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Two documents that are equally particular.
    #[error("{kind} {first:?} and {kind} {second:?} are about the same service; one of them has to go")]
    Twice {
        /// Their kind.
        kind: Kind,
        /// Name of the one.
        first: String,
        /// Name of the other.
        second: String,
    },
    /// A route without a share.
    #[error("Route {name:?}, rule {rule}: no backend has a weight")]
    NoShare {
        /// Its name.
        name: String,
        /// Its rule.
        rule: String,
    },
    /// Something that no call can be compared with.
    #[error("Route {name:?}, rule {rule}, {place}: {reason}")]
    Condition {
        /// The document's name.
        name: String,
        /// Its rule.
        rule: String,
        /// The part of the rule.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Regular expressions that take too much room together.
    #[error("Route {name:?}: its regular expressions become automata of more than {} KiB together; repeat less, or compare with prefixes", most / 1024)]
    Patterns {
        /// The document's name.
        name: String,
        /// How much they may take.
        most: usize,
    },
}

/// The policy of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Where the calls go; any instance takes them where absent. Shared, for its automata may be large.
    pub route: Option<Arc<RoutePolicy>>,
    /// How long a call may take to the head of its answer. Zero: the proxy's own limits alone hold, whatever keys say;
    /// absent: what keys say holds.
    pub request_timeout: Option<Duration>,
    /// Which hosts outside the mesh the service may call; all where absent.
    pub egress: Option<Arc<EgressPolicy>>,
    /// Who says so, and what is shadowed. Left empty by [`Self::compile`]: revisions are known to whoever keeps documents.
    pub said: Arc<[Said]>,
}

impl Policy {
    /// Compiles the documents that are about one service, by name or as one of all. Of each kind the most particular
    /// one holds.
    ///
    /// # Errors
    /// [`PolicyError`], with the names of the documents.
    pub fn compile<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Result<Self, PolicyError> {
        let mut holding: [Option<&Document>; Kind::ALL.len()] = [None; Kind::ALL.len()];
        for document in documents {
            let place = Kind::ALL.iter().position(|kind| *kind == document.kind());
            let Some(slot) = place.and_then(|place| holding.get_mut(place)) else { continue };
            *slot = Some(match *slot {
                None => document,
                Some(other) => more_particular(other, document)?,
            });
        }
        let mut policy = Self::default();
        for document in holding.into_iter().flatten() {
            match &document.rule {
                Rule::Route(route) => policy.route = Some(Arc::new(RoutePolicy::compile(document, route)?)),
                Rule::Timeout(timeout) => {
                    policy.request_timeout = Some(timeout.request.duration());
                }
                Rule::Egress(egress) => {
                    policy.egress = Some(Arc::new(EgressPolicy::compile(document, egress)))
                }
                _ => {}
            }
        }
        Ok(policy)
    }
}

fn more_particular<'d>(one: &'d Document, other: &'d Document) -> Result<&'d Document, PolicyError> {
    match (one.service().is_every(), other.service().is_every()) {
        (true, false) => Ok(other),
        (false, true) => Ok(one),
        _ => {
            let mut names = [one.metadata.name.to_string(), other.metadata.name.to_string()];
            names.sort();
            let [first, second] = names;
            Err(PolicyError::Twice { kind: one.kind(), first, second })
        }
    }
}
