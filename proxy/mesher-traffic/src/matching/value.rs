//! How one value is compared.
//! It must not know where the value stands.

use std::cmp::Ordering;

use mesher_model::rule::ValueKind;

use super::number::Decimal;
use super::pattern::Pattern;

/// What a value has to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// Anything.
    Any,
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Pattern(Box<Pattern>),
    /// A number which stands so to this one.
    Number(Box<[u8]>, [Option<Ordering>; 2]),
}

impl Test {
    /// Compiles a comparison. That it has a value where it needs one was checked when it was read.
    pub(super) fn compile(kind: ValueKind, value: Option<&str>) -> Result<Self, String> {
        let text = value.unwrap_or_default();
        let bytes = || text.as_bytes().into();
        let number = |one, other| {
            let is_number = Decimal::parse(text.as_bytes()).is_some();
            if is_number {
                Ok(Self::Number(bytes(), [one, other]))
            } else {
                Err(format!("{text:?} is no number"))
            }
        };
        Ok(match kind {
            ValueKind::Present | ValueKind::Absent => Self::Any,
            ValueKind::Exact => Self::Exact(bytes()),
            ValueKind::Prefix => Self::Prefix(bytes()),
            ValueKind::Suffix => Self::Suffix(bytes()),
            ValueKind::RegularExpression => Self::Pattern(Box::new(Pattern::compile(text)?)),
            ValueKind::Greater => number(Some(Ordering::Greater), None)?,
            ValueKind::GreaterOrEqual => number(Some(Ordering::Greater), Some(Ordering::Equal))?,
            ValueKind::Less => number(Some(Ordering::Less), None)?,
            ValueKind::LessOrEqual => number(Some(Ordering::Less), Some(Ordering::Equal))?,
        })
    }

    pub(super) fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(wanted) => value == wanted.as_ref(),
            Self::Prefix(wanted) => value.starts_with(wanted),
            Self::Suffix(wanted) => value.ends_with(wanted),
            Self::Pattern(pattern) => pattern.fits(value),
            Self::Number(wanted, orders) => {
                let numbers = Decimal::parse(value).zip(Decimal::parse(wanted));
                numbers.is_some_and(|(value, wanted)| orders.contains(&Some(value.cmp(&wanted))))
            }
        }
    }

    /// How much room its automaton takes, in bytes.
    pub(super) fn pattern_bytes(&self) -> usize {
        if let Self::Pattern(pattern) = self { pattern.bytes() } else { 0 }
    }
}
