//! Conditions on a call as ways in which it may fit: one of them has to hold, and all parts of it.
//! It must stay within the bounds of documents: whoever writes "or" upon "or" is told so.

use mesher_model::rule::{CallMatch, FieldMatch, PathMatch, SourceMatch, ValueKind};

use crate::matching::condition::FurtherPath;

/// How many ways a rule may have: the matches of a document's rule.
const WAYS_MAX: usize = 16;

/// One way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Way {
    /// All of this has to hold.
    pub(super) call: CallMatch,
    /// And all of this.
    pub(super) further: Vec<FurtherPath>,
}

/// All ways. Without any no call fits; one that asks for nothing fits every call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ways(pub(super) Vec<Way>);

/// There are more ways than a rule may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl TooMany {
    pub(super) fn words(self) -> String {
        format!(
            "its methods, match groups and numbers that differ make more than {WAYS_MAX} matches; divide the rule"
        )
    }
}

impl Ways {
    /// Every call fits.
    pub(super) fn every() -> Self {
        Self(vec![Way::default()])
    }

    /// No call does.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn is_every(&self) -> bool {
        self.0.contains(&Way::default())
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// A header field has to be this.
    pub(super) fn header(field: FieldMatch) -> Self {
        Self::of(CallMatch { headers: vec![field], ..CallMatch::default() })
    }

    /// A parameter of the query has to be this.
    pub(super) fn parameter(field: FieldMatch) -> Self {
        Self::of(CallMatch { query_params: vec![field], ..CallMatch::default() })
    }

    /// The method has to be this.
    pub(super) fn method(method: String) -> Self {
        Self::of(CallMatch { method: Some(method), ..CallMatch::default() })
    }

    /// The caller has to be this.
    pub(super) fn source(source: SourceMatch) -> Self {
        if source == SourceMatch::default() {
            return Self::every();
        }
        Self::of(CallMatch { source: Some(source), ..CallMatch::default() })
    }

    /// The path has to be this, or must not.
    pub(super) fn path(path: PathMatch, not: bool) -> Self {
        Self(vec![Way { further: vec![FurtherPath { path, not }], ..Way::default() }])
    }

    fn of(call: CallMatch) -> Self {
        Self(vec![Way { call, further: Vec::new() }])
    }

    /// A call that fits the one or the other.
    pub(super) fn or(mut self, other: Self) -> Result<Self, TooMany> {
        for way in other.0 {
            if !self.0.contains(&way) {
                self.0.push(way);
            }
        }
        self.bounded()
    }

    /// A call that fits both.
    pub(super) fn and(self, other: &Self) -> Result<Self, TooMany> {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |other| (one, other)));
        let ways = pairs.filter_map(|(one, other)| both(one, other)).take(WAYS_MAX + 1);
        Self(ways.collect()).bounded()
    }

    fn bounded(self) -> Result<Self, TooMany> {
        if self.0.len() > WAYS_MAX { Err(TooMany) } else { Ok(self) }
    }
}

/// `None` where no call can be both.
fn both(one: &Way, other: &Way) -> Option<Way> {
    let (call, also) = (one.call.clone(), other.call.clone());
    let call = CallMatch {
        method: same(call.method, also.method)?,
        headers: joined(call.headers, also.headers),
        query_params: joined(call.query_params, also.query_params),
        source: match (call.source, also.source) {
            (Some(one), Some(other)) => Some(both_sources(one, other)?),
            (one, other) => one.or(other),
        },
        ..call
    };
    Some(Way { call, further: joined(one.further.clone(), other.further.clone()) })
}

fn both_sources(one: SourceMatch, other: SourceMatch) -> Option<SourceMatch> {
    let mut properties = one.properties;
    for (name, value) in other.properties {
        if properties.get(&name).is_some_and(|known| *known != value) {
            return None;
        }
        properties.insert(name, value);
    }
    Some(SourceMatch {
        service: same(one.service, other.service)?,
        application: same(one.application, other.application)?,
        version: same(one.version, other.version)?,
        properties,
        ..SourceMatch::default()
    })
}

/// What both say, as far as they say anything; `None` where they differ.
fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => None,
        (one, other) => Some(one.or(other)),
    }
}

fn joined<T: PartialEq>(mut one: Vec<T>, other: Vec<T>) -> Vec<T> {
    for part in other {
        if !one.contains(&part) {
            one.push(part);
        }
    }
    one
}

/// A condition on a value of this name.
pub(super) fn field(name: &str, kind: ValueKind, value: Option<String>, not: bool) -> FieldMatch {
    FieldMatch { name: name.to_owned(), kind, value, not }
}
