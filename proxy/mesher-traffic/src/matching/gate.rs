//! What can be seen of a match in a few steps: whether a call could fit it at all.
//! It must let every call through that fits: whoever passes is looked at whole.

use super::call::HeadView;
use super::condition::{Condition, Request};

/// Names of header fields that are told apart. Those beyond are not asked for here.
const NAMES_MAX: usize = 62;
/// Lists of names, by a mark of each.
const LISTS: usize = 32;
/// Beside the names: whether it is a request, and whether that has a query.
const IS_REQUEST: u64 = 1 << NAMES_MAX;
const HAS_QUERY: u64 = 1 << (NAMES_MAX + 1);

/// The names of header fields that matches of a route ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    all: Vec<Box<[u8]>>,
    /// For each mark, which names have it, as bits.
    lists: [u64; LISTS],
}

/// What a call has, in the form in which gates ask for it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    present: u64,
    /// The first eight bytes, filled up with zeros.
    path: u64,
    method: u64,
}

/// What a match needs of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gate {
    /// All of these have to be there.
    needed: u64,
    /// These bytes of the path have to be those.
    path: u64,
    path_mask: u64,
    /// The same for the method.
    method: u64,
    method_mask: u64,
}

impl Names {
    /// The bit of a name, which is in lower case; none where there are too many.
    fn add(&mut self, name: &str) -> u64 {
        let name = name.as_bytes();
        let known = self.bit(name);
        if known != 0 || self.all.len() >= NAMES_MAX {
            return known;
        }
        let bit = 1 << self.all.len();
        self.all.push(name.into());
        if let Some(list) = self.lists.get_mut(mark(name)) {
            *list |= bit;
        }
        bit
    }

    /// The bit of a name, however it is written; none where nobody asks for it.
    fn bit(&self, name: &[u8]) -> u64 {
        let mut candidates = self.lists.get(mark(name)).copied().unwrap_or_default();
        while candidates != 0 {
            let place = candidates.trailing_zeros() as usize;
            if self.all.get(place).is_some_and(|known| known.eq_ignore_ascii_case(name)) {
                return 1 << place;
            }
            candidates &= candidates - 1;
        }
        0
    }
}

/// Tells most names apart: by their length, their first and their last letter, in either case.
fn mark(name: &[u8]) -> usize {
    let letter = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default() | 0x20);
    (name.len() * 7 + letter(name.first()) * 3 + letter(name.last())) % LISTS
}

/// The first eight bytes as a number, and which of its bits they are.
fn head(text: &[u8]) -> (u64, u64) {
    if let Some(whole) = text.first_chunk::<8>() {
        return (u64::from_le_bytes(*whole), u64::MAX);
    }
    let bytes = text.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    (bytes, !(u64::MAX << (text.len() * 8)))
}

impl Facts {
    /// What a call has.
    pub(crate) fn of(names: &Names, call: &dyn HeadView, request: Option<Request<'_>>) -> Self {
        let Some(request) = request else { return Self::default() };
        let mut present = IS_REQUEST | if request.query.is_empty() { 0 } else { HAS_QUERY };
        if !names.all.is_empty() {
            call.each_name(&mut |name| present |= names.bit(name));
        }
        Self { present, path: head(request.path).0, method: head(request.method).0 }
    }
}

impl Gate {
    /// What a match needs.
    pub(crate) fn of(condition: &Condition, names: &mut Names) -> Self {
        let mut gate = Self::default();
        for name in condition.needed_fields() {
            gate.needed |= names.add(name);
        }
        if condition.needs_query() {
            gate.needed |= HAS_QUERY;
        }
        if !condition.asks_of_caller_only() {
            gate.needed |= IS_REQUEST;
        }
        (gate.path, gate.path_mask) = head(condition.beginning_of_path());
        (gate.method, gate.method_mask) = condition.method().map(head).unwrap_or_default();
        gate
    }

    /// Whether a call with these may fit.
    pub(crate) fn may_pass(&self, facts: Facts) -> bool {
        // Most matches ask for something that is not there.
        if self.needed & !facts.present != 0 {
            return false;
        }
        let other_path = (facts.path ^ self.path) & self.path_mask;
        let other_method = (facts.method ^ self.method) & self.method_mask;
        other_path | other_method == 0
    }
}
