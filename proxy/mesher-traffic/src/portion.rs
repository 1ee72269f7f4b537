//! Portions of a service: which of its instances take the calls of a share.
//! It must look at all instances at once: which of them are the newest, or the others, is no matter of one alone.

use std::collections::BTreeMap;
use std::fmt;

use mesher_model::rule::Subset;

use crate::matching::condition::has_all;

/// An instance as far as a subset asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its version.
    pub version: &'a str,
    /// Its zone; empty where it is not known.
    pub zone: &'a str,
    /// Its properties, where they are known.
    pub properties: Option<&'a BTreeMap<String, String>>,
}

/// Some instances of a service. Documents name subsets alone; keys of ServiceComb say the others, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Portion {
    /// Those of one subset.
    Of(Subset),
    /// Those of any of these subsets.
    AnyOf(Box<[Subset]>),
    /// Those of a subset whose version is the highest in it, by its numbers. Versions that are not numbers do not count.
    Newest(Subset),
    /// Those that are in none of these portions.
    NoneOf(Box<[Self]>),
}

impl Portion {
    /// For each of all instances of the service, whether it belongs to this portion.
    #[must_use]
    pub fn members(&self, all: &[Member<'_>]) -> Box<[bool]> {
        match self {
            Self::Of(subset) => all.iter().map(|member| is_member(subset, *member)).collect(),
            Self::AnyOf(subsets) => {
                let is_of_any = |member: &Member<'_>| subsets.iter().any(|subset| is_member(subset, *member));
                all.iter().map(is_of_any).collect()
            }
            Self::Newest(subset) => {
                let number =
                    |member: &Member<'_>| numbers(member.version).filter(|_| is_member(subset, *member));
                let newest = all.iter().filter_map(number).max();
                all.iter().map(|member| newest.is_some() && number(member) == newest).collect()
            }
            Self::NoneOf(portions) => {
                let taken: Vec<_> = portions.iter().map(|portion| portion.members(all)).collect();
                let is_taken = |place| taken.iter().any(|taken| taken.get(place) == Some(&true));
                (0..all.len()).map(|place| !is_taken(place)).collect()
            }
        }
    }

    /// Whether it asks for more of an instance than its version.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        match self {
            Self::Of(subset) | Self::Newest(subset) => subset.is_particular(),
            Self::AnyOf(subsets) => subsets.iter().any(Subset::is_particular),
            Self::NoneOf(portions) => portions.iter().any(Self::is_particular),
        }
    }
}

/// The numbers of a version such as `1.10.0`, without zeros at its end.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let mut numbers = version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let end = numbers.iter().rposition(|number| *number > 0).map_or(0, |last| last + 1);
    numbers.truncate(end);
    // 0.0.0 is what those have who say nothing of a version.
    Some(numbers).filter(|numbers| !numbers.is_empty())
}

/// Whether an instance belongs to a subset.
#[must_use]
pub fn is_member(subset: &Subset, member: Member<'_>) -> bool {
    subset.version.as_deref().is_none_or(|wanted| wanted == member.version)
        && subset.zone.as_ref().is_none_or(|wanted| wanted.as_str() == member.zone)
        && (subset.properties.is_empty()
            || member.properties.is_some_and(|given| has_all(given, &subset.properties)))
}

/// A subset in words, as in "no instance is of version 0.0.2, zone az-1".
struct Wording<'a>(&'a Subset);

impl fmt::Display for Wording<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(subset) = self;
        let version = subset.version.iter().map(|version| format!("version {version}"));
        let zone = subset.zone.iter().map(|zone| format!("zone {zone}"));
        let properties = subset.properties.iter().map(|(name, value)| format!("property {name}={value}"));
        let parts: Vec<_> = version.chain(zone).chain(properties).collect();
        if parts.is_empty() {
            formatter.write_str("any version")
        } else {
            formatter.write_str(&parts.join(", "))
        }
    }
}

/// In words, as in "no instance is of version 0.0.2, zone az-1".
impl fmt::Display for Portion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(subset) => Wording(subset).fmt(formatter),
            Self::AnyOf(subsets) => {
                let words: Vec<_> = subsets.iter().map(|subset| Wording(subset).to_string()).collect();
                formatter.write_str(&words.join(" or "))
            }
            Self::Newest(subset) if subset.is_particular() => {
                write!(formatter, "the newest version of {}", Wording(subset))
            }
            Self::Newest(_) => formatter.write_str("the newest version"),
            Self::NoneOf(portions) if portions.is_empty() => formatter.write_str("any version"),
            Self::NoneOf(portions) => {
                let words: Vec<_> = portions.iter().map(ToString::to_string).collect();
                write!(formatter, "the rest (all but {})", words.join(" and "))
            }
        }
    }
}
