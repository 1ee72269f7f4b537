//! How one value is compared.
//! It must not know where the value stands.

use std::cmp::Ordering;
use std::fmt;

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

/// In the words of documents.
impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut write = |kind: ValueKind, wanted: &[u8]| {
            write!(formatter, "{kind:?} {:?}", String::from_utf8_lossy(wanted))
        };
        match self {
            Self::Any => write!(formatter, "{:?}", ValueKind::Present),
            Self::Exact(wanted) => write(ValueKind::Exact, wanted),
            Self::Prefix(wanted) => write(ValueKind::Prefix, wanted),
            Self::Suffix(wanted) => write(ValueKind::Suffix, wanted),
            Self::Pattern(pattern) => write(ValueKind::RegularExpression, pattern.source().as_bytes()),
            Self::Number(wanted, [Some(Ordering::Greater), None]) => write(ValueKind::Greater, wanted),
            Self::Number(wanted, [Some(Ordering::Greater), _]) => write(ValueKind::GreaterOrEqual, wanted),
            Self::Number(wanted, [_, None]) => write(ValueKind::Less, wanted),
            Self::Number(wanted, _) => write(ValueKind::LessOrEqual, wanted),
        }
    }
}
