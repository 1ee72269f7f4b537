//! Header fields, parameters of a query, cookies: what has a name and may be there several times.
//! It must see every value: a rule about one of several must not depend on their order.

use std::borrow::Cow;
use std::fmt;

use mesher_model::rule::{FieldMatch, ValueKind};

use super::call::HeadView;
use super::value::Test;

/// What is asked of the values under a name: that one of them fits, or that none does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
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
        any_parameter(&self.name, query, |value| self.test.holds(&decode(value))) != self.is_negated
    }

    pub(super) fn holds_for_cookies(&self, head: &dyn HeadView) -> bool {
        any_cookie(&self.name, head, |value| self.test.holds(value)) != self.is_negated
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it holds where there is nothing of its name.
    pub(super) fn holds_without(&self) -> bool {
        self.is_negated
    }

    /// Whether a header field of its name is there.
    pub(super) fn is_in_headers(&self, head: &dyn HeadView) -> bool {
        head.any_field(&self.name, &mut |_| true)
    }

    /// Whether a parameter of its name is there.
    pub(super) fn is_in_query(&self, query: &[u8]) -> bool {
        any_parameter(&self.name, query, |_| true)
    }

    /// Whether a cookie of its name is there.
    pub(super) fn is_in_cookies(&self, head: &dyn HeadView) -> bool {
        any_cookie(&self.name, head, |_| true)
    }

    /// How much room its automaton takes, in bytes.
    pub(super) fn pattern_bytes(&self) -> usize {
        self.test.pattern_bytes()
    }
}

/// In the words of documents.
impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, test, is_negated } = self;
        match (test, is_negated) {
            (Test::Any, true) => write!(formatter, "{name} Absent"),
            (test, true) => write!(formatter, "{name} not {test}"),
            (test, false) => write!(formatter, "{name} {test}"),
        }
    }
}

/// Whether one of the parameters of this name fits, as it was sent.
pub(crate) fn any_parameter(name: &str, query: &[u8], mut fits: impl FnMut(&[u8]) -> bool) -> bool {
    let mut pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs.any(|pair| {
        let (other, value) = split_once(pair, b'=').unwrap_or((pair, b""));
        decoded(other).eq(name.bytes()) && fits(value)
    })
}

/// Whether one of the cookies of this name fits.
pub(crate) fn any_cookie(name: &str, head: &dyn HeadView, mut fits: impl FnMut(&[u8]) -> bool) -> bool {
    let mut is_one = |pair: &[u8]| {
        let (other, value) = split_once(pair, b'=').unwrap_or((b"", pair));
        other.trim_ascii() == name.as_bytes() && fits(value.trim_ascii())
    };
    head.any_field("cookie", &mut |value| value.split(|byte| *byte == b';').any(&mut is_one))
}

fn split_once(whole: &[u8], divider: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(divider, whole)?;
    Some((whole.get(..place)?, whole.get(place + 1..)?))
}

/// A part of a query as it was meant (WHATWG URL, application/x-www-form-urlencoded). `%` that encodes nothing stands for
/// itself.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
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
