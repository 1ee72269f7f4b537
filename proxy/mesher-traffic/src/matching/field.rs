//! Header fields, parameters of a query, cookies: what has a name and may be there several times.
//! It must see every value: a rule about one of several must not depend on their order.

use std::borrow::Cow;

use mesher_model::rule::{FieldMatch, ValueKind};

use super::call::HeadView;
use super::value::Test;

/// What is asked of the values under a name: that one of them fits, or that none does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    name: Box<str>,
    test: Test,
    is_negated: bool,
}

impl Field {
    pub(super) fn compile(field: &FieldMatch, name: String) -> Result<Self, String> {
        let test = Test::compile(field.kind, field.value.as_deref())?;
        let is_negated = field.not != (field.kind == ValueKind::Absent);
        Ok(Self { name: name.into(), test, is_negated })
    }

    pub(super) fn holds_for_headers(&self, head: &dyn HeadView) -> bool {
        head.any_field(&self.name, &mut |value| self.test.holds(value)) != self.is_negated
    }

    pub(super) fn holds_for_query(&self, query: &[u8]) -> bool {
        let pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let fits = |pair: &[u8]| {
            let (name, value) = split_once(pair, b'=').unwrap_or((pair, b""));
            decoded(name).eq(self.name.bytes()) && self.test.holds(&decode(value))
        };
        pairs.into_iter().any(fits) != self.is_negated
    }

    pub(super) fn holds_for_cookies(&self, head: &dyn HeadView) -> bool {
        let fits = |pair: &[u8]| {
            let (name, value) = split_once(pair, b'=').unwrap_or((b"", pair));
            name.trim_ascii() == self.name.as_bytes() && self.test.holds(value.trim_ascii())
        };
        let any = head.any_field("cookie", &mut |value| value.split(|byte| *byte == b';').any(fits));
        any != self.is_negated
    }

    /// How much room its automaton takes, in bytes.
    pub(super) fn pattern_bytes(&self) -> usize {
        self.test.pattern_bytes()
    }
}

fn split_once(whole: &[u8], divider: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(divider, whole)?;
    Some((whole.get(..place)?, whole.get(place + 1..)?))
}

/// A part of a query as it was meant (WHATWG URL, application/x-www-form-urlencoded). `%` that encodes nothing stands for
/// itself.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(decoded(text).collect())
}

/// The bytes of [`decode`], one by one.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (first, behind) = rest.split_first()?;
        rest = behind;
        if *first != b'%' {
            return Some(if *first == b'+' { b' ' } else { *first });
        }
        let digit = |place: usize| char::from(*behind.get(place)?).to_digit(16);
        let Some((high, low)) = digit(0).zip(digit(1)) else { return Some(b'%') };
        rest = behind.get(2..).unwrap_or_default();
        u8::try_from(high * 16 + low).ok()
    })
}
