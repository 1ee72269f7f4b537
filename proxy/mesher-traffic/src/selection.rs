//! What rules of one kind say about the calls of a service: the first that is about a call holds for it.
//! It must remember nothing of a call; what is remembered of many stands beside it, in [`Standing`].

use std::sync::Arc;

use mesher_model::rule::CallMatch;

use crate::matching::call::CallView;
use crate::matching::condition::{Condition, FurtherPath, Request};

/// Rules of one kind, in the order in which they are tried.
#[derive(Debug, PartialEq, Eq)]
pub struct Selection<T> {
    entries: Box<[Entry<T>]>,
}

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// Who says so: a kind with the name of a document, or a key.
    pub name: Box<str>,
    /// What it says.
    pub item: T,
    /// It is about a call for which one of these holds; about every call where there is none.
    conditions: Box<[Condition]>,
}

impl<T> Entry<T> {
    /// A rule about calls that fit one of `matches`; about every call where there are none.
    ///
    /// # Errors
    /// The place of what no call can be compared with, and what is wrong there.
    pub(crate) fn compile<'m>(
        name: impl Into<Box<str>>,
        matches: impl IntoIterator<Item = (&'m CallMatch, &'m [FurtherPath])>,
        item: T,
    ) -> Result<Self, (String, String)> {
        let compile = |(place, (part, further)): (usize, (&CallMatch, &[FurtherPath]))| {
            Condition::compile(part, further)
                .map_err(|fault| (format!("match {}, {}", place + 1, fault.place), fault.reason))
        };
        let conditions = matches.into_iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { name: name.into(), item, conditions })
    }

    /// A rule about every call.
    pub(crate) fn about_all(name: impl Into<Box<str>>, item: T) -> Self {
        Self { name: name.into(), item, conditions: Box::default() }
    }

    /// Whether it is about a call.
    #[must_use]
    pub fn is_about(&self, call: &CallView<'_>) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        let request = call.head.message().map(Request::of);
        self.conditions.iter().any(|condition| condition.check(call, request).is_ok())
    }

    /// Whether it is about every call.
    #[must_use]
    pub fn is_about_all(&self) -> bool {
        self.conditions.is_empty()
    }

    /// How much room its automata take, in bytes.
    pub(crate) fn pattern_bytes(&self) -> usize {
        self.conditions.iter().map(Condition::pattern_bytes).sum()
    }
}

impl<T> Selection<T> {
    /// `None` where there is no rule.
    pub(crate) fn of(entries: Vec<Entry<T>>) -> Option<Self> {
        (!entries.is_empty()).then(|| Self { entries: entries.into() })
    }

    /// These, and behind them one more.
    pub(crate) fn with_last(rules: Option<Self>, last: Option<Entry<T>>) -> Option<Self> {
        let rules = rules.map(|rules| rules.entries.into_vec()).unwrap_or_default();
        Self::of(rules.into_iter().chain(last).collect())
    }

    /// The same with one more, about all calls that no other is about.
    pub(crate) fn followed_by(one: Option<Self>, name: impl Into<Box<str>>, item: T) -> Self {
        let last = Entry { name: name.into(), item, conditions: Box::default() };
        let before = one.map(|one| one.entries.into_vec()).unwrap_or_default();
        Self { entries: before.into_iter().chain([last]).collect() }
    }

    /// The rules, to put them together with others.
    pub(crate) fn into_entries(self) -> Vec<Entry<T>> {
        self.entries.into_vec()
    }

    /// The rules, in their order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }

    /// Who says so, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.name.as_ref()).collect()
    }

    /// The place of the first rule that is about a call, and the rule.
    #[must_use]
    pub fn pick(&self, call: &CallView<'_>) -> Option<(usize, &Entry<T>)> {
        self.entries.iter().enumerate().find(|(_, entry)| entry.is_about(call))
    }

    /// As [`Self::pick`]; the call is only looked at where a rule asks for anything of it.
    pub fn pick_of<'v>(&self, call: impl FnOnce() -> CallView<'v>) -> Option<(usize, &Entry<T>)> {
        match &*self.entries {
            [first, ..] if first.is_about_all() => Some((0, first)),
            _ => self.pick(&call()),
        }
    }
}

/// Rules with what is remembered for each: counts of calls, and what follows from them. All workers share it.
#[derive(Debug)]
pub struct Standing<T, S> {
    rules: Arc<Selection<T>>,
    states: Box<[Arc<S>]>,
}

impl<T, S> Clone for Standing<T, S> {
    fn clone(&self) -> Self {
        Self { rules: Arc::clone(&self.rules), states: self.states.clone() }
    }
}

impl<T: PartialEq, S> Standing<T, S> {
    /// What is remembered of a rule stays as long as the rule says the same under the same name, whatever becomes of others.
    pub fn new(rules: &Arc<Selection<T>>, before: Option<&Self>, make: impl Fn(&T) -> S) -> Self {
        let state = |entry: &Entry<T>| {
            let mut known = before.into_iter().flat_map(Self::all);
            let same = known.find(|(other, _)| other.name == entry.name && other.item == entry.item);
            same.map_or_else(|| Arc::new(make(&entry.item)), |(_, state)| Arc::clone(state))
        };
        Self { states: rules.entries.iter().map(state).collect(), rules: Arc::clone(rules) }
    }

    /// The first rule that is about a call, with what is remembered for it.
    #[must_use]
    pub fn pick(&self, call: &CallView<'_>) -> Option<(&Entry<T>, &Arc<S>)> {
        let (place, entry) = self.rules.pick(call)?;
        Some((entry, self.states.get(place)?))
    }

    /// As [`Selection::pick_of`], with what is remembered for it.
    pub fn pick_of<'v>(&self, call: impl FnOnce() -> CallView<'v>) -> Option<(&Entry<T>, &Arc<S>)> {
        let (place, entry) = self.rules.pick_of(call)?;
        Some((entry, self.states.get(place)?))
    }

    /// The rule at a place, with what is remembered for it.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<(&Entry<T>, &Arc<S>)> {
        Some((self.rules.entries.get(place)?, self.states.get(place)?))
    }

    /// The only rule, where there is one alone.
    #[must_use]
    pub fn only(&self) -> Option<(&Entry<T>, &Arc<S>)> {
        match (&*self.rules.entries, &*self.states) {
            ([entry], [state]) => Some((entry, state)),
            _ => None,
        }
    }

    /// Every rule, with what is remembered for it.
    pub fn all(&self) -> impl Iterator<Item = (&Entry<T>, &Arc<S>)> {
        self.rules.entries.iter().zip(&self.states)
    }
}
