//! What the documents of one service say together, compiled: the form that a proxy holds.
//! It must be valid by construction: what cannot be kept is refused here, before a call meets it.

use std::time::Duration;

use mesher_model::rule::{Backend, Document, Kind, Route, Rule, Subset};

/// Turns a count into draws that are spread evenly: 2³² divided by the golden ratio (Knuth, TAOCP 3, 6.4).
const SPREAD: u32 = 0x9E37_79B9;

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
    #[error("Route {name:?}: no backend has a weight")]
    NoShare {
        /// Its name.
        name: String,
    },
}

/// The policy of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// How the calls are shared; any instance takes them where absent.
    pub route: Option<RoutePolicy>,
    /// How long a call may take to the head of its answer. Zero: the proxy's own limits alone hold, whatever keys say;
    /// absent: what keys say holds.
    pub request_timeout: Option<Duration>,
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
                Rule::Route(route) => policy.route = Some(RoutePolicy::compile(document, route)?),
                Rule::Timeout(timeout) => {
                    policy.request_timeout = Some(timeout.request.duration());
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

/// Shares of the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePolicy {
    /// Name of the document.
    pub name: String,
    /// Name of its rule that decides, or its number.
    pub rule: String,
    shares: Vec<Share>,
    total: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    subset: Subset,
    /// Draws below this one, and not below that of the share before, are its own.
    end: u32,
}

impl RoutePolicy {
    fn compile(document: &Document, route: &Route) -> Result<Self, PolicyError> {
        let no_share = || PolicyError::NoShare { name: document.metadata.name.to_string() };
        let rule = route.rules.first().ok_or_else(no_share)?;
        let (mut shares, mut total) = (Vec::new(), 0_u32);
        for Backend { subset, weight } in rule.backends.iter().filter(|backend| backend.weight > 0) {
            // Weights and their number are bounded where documents are read; a sum beyond that is none we can keep.
            total = total.checked_add(*weight).ok_or_else(no_share)?;
            shares.push(Share { subset: subset.clone(), end: total });
        }
        if shares.is_empty() {
            return Err(no_share());
        }
        let rule = rule.name.as_ref().map_or_else(|| "1".to_owned(), ToString::to_string);
        Ok(Self { name: document.metadata.name.to_string(), rule, shares, total })
    }

    /// The share of the `count`-th call, as a place among [`Self::subsets`]. Over any run of calls each share gets
    /// its part but for a few calls, without chance.
    #[must_use]
    pub fn choose(&self, count: u32) -> usize {
        let draw = (u64::from(count.wrapping_mul(SPREAD)) * u64::from(self.total)) >> 32;
        self.shares.iter().position(|share| draw < u64::from(share.end)).unwrap_or(0)
    }

    /// The instances of each share.
    pub fn subsets(&self) -> impl ExactSizeIterator<Item = &Subset> {
        self.shares.iter().map(|share| &share.subset)
    }
}

/// Whether an instance of this version belongs to a subset.
#[must_use]
pub fn is_member(subset: &Subset, version: &str) -> bool {
    subset.version.as_deref().is_none_or(|wanted| wanted == version)
}
