//! How a path is compared: as it was sent, by segments where that is asked for.
//! It must decode nothing: what a path means beyond its bytes is for the application that it leads to.

use std::fmt;

use mesher_model::rule::{PathKind, PathMatch};

use super::pattern::Pattern;

/// What a path has to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathTest {
    Exact(Box<str>),
    /// Begins with these segments; without a slash at the end.
    Prefix(Box<str>),
    Pattern(Box<Pattern>),
    /// Its segments; `None` stands for any one. And what stands before the first of these.
    Template(Box<[Option<Box<str>>]>, Box<str>),
}

impl PathTest {
    pub(super) fn compile(path: &PathMatch) -> Result<Self, String> {
        let value = path.value.as_str();
        Ok(match path.kind {
            PathKind::Exact => Self::Exact(value.into()),
            PathKind::PathPrefix => Self::Prefix(value.strip_suffix('/').unwrap_or(value).into()),
            PathKind::RegularExpression => Self::Pattern(Box::new(Pattern::compile(value)?)),
            PathKind::Template => {
                let segments = value.split('/').skip(1);
                let segments = segments.map(|text| (!text.starts_with('{')).then(|| text.into())).collect();
                Self::Template(segments, value.split("/{").next().unwrap_or_default().into())
            }
        })
    }

    pub(super) fn holds(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => path == wanted.as_bytes(),
            Self::Prefix(wanted) => {
                let rest = path.strip_prefix(wanted.as_bytes());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            }
            Self::Pattern(pattern) => pattern.fits(path),
            Self::Template(segments, _) => {
                let mut given = path.split(|byte| *byte == b'/').skip(1);
                let all_fit = segments.iter().all(|wanted| {
                    given.next().is_some_and(|given| match wanted {
                        Some(wanted) => given == wanted.as_bytes(),
                        None => !given.is_empty(),
                    })
                });
                all_fit && given.next().is_none()
            }
        }
    }

    /// Whether it is every path, but for the asterisk of an OPTIONS.
    pub(super) fn is_every(&self) -> bool {
        matches!(self, Self::Prefix(begin) if begin.is_empty())
    }

    /// What every path begins with that fits.
    pub(super) fn beginning(&self) -> &[u8] {
        match self {
            Self::Exact(begin) | Self::Prefix(begin) | Self::Template(_, begin) => begin.as_bytes(),
            Self::Pattern(_) => &[],
        }
    }

    /// How much room its automaton takes, in bytes.
    pub(super) fn pattern_bytes(&self) -> usize {
        if let Self::Pattern(pattern) = self { pattern.bytes() } else { 0 }
    }
}

/// In the words of documents.
impl fmt::Display for PathTest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(wanted) => write!(formatter, "Exact {wanted:?}"),
            Self::Prefix(wanted) if wanted.is_empty() => formatter.write_str("PathPrefix \"/\""),
            Self::Prefix(wanted) => write!(formatter, "PathPrefix {wanted:?}"),
            Self::Pattern(pattern) => write!(formatter, "RegularExpression {:?}", pattern.source()),
            Self::Template(segments, _) => {
                let words = segments.iter().map(|segment| segment.as_deref().unwrap_or("{}"));
                let words: Vec<_> = words.collect();
                write!(formatter, "Template \"/{}\"", words.join("/"))
            }
        }
    }
}
