//! Keys that say one thing each, `ITEM` of every service or `SERVICE.ITEM` of one.
//! It must keep the last good value of each by itself, and know what none of them means.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::last_good::unusable;
use super::sorted::Entry;

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    Flag,
    /// From the one to the other.
    Number(u64, u64),
    /// One of these words, and what they are.
    OneOf(&'static [&'static str], &'static str),
}

impl Check {
    /// Whether it is that.
    ///
    /// # Errors
    /// A sentence where it is not.
    pub(super) fn holds(self, value: &str) -> Result<(), String> {
        match self {
            Self::Flag if ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word)) => Ok(()),
            Self::Flag => Err(format!("{value:?} is neither true nor false")),
            Self::Number(least, most) => match value.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(()),
                _ => Err(format!("{value:?} is no number from {least} to {most}")),
            },
            Self::OneOf(words, _) if words.contains(&value) => Ok(()),
            Self::OneOf(words, what) => Err(format!("{value:?} is no {what}: {}", words.join(", "))),
        }
    }
}

/// The items of one family.
pub(super) struct Table(pub(super) &'static [(&'static str, Check)]);

impl Table {
    /// The service that a key is about, if it names one, with its item and what that has to be. `rest` is what stands behind the
    /// word of the family.
    pub(super) fn split<'k>(&self, rest: &'k str) -> Option<(Option<&'k str>, &'static str, Check)> {
        // The longest one: an item may be the end of another.
        let fitting = self.0.iter().filter_map(|(item, check)| {
            let service = match rest.strip_suffix(item)? {
                "" => None,
                service => Some(service.strip_suffix('.').filter(|service| !service.is_empty())?),
            };
            Some((service, *item, *check))
        });
        fitting.max_by_key(|(_, item, _)| item.len())
    }
}

/// The keys of one family that hold, by what each is about, with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held<P>(BTreeMap<P, (String, String)>);

impl<P> Default for Held<P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<P: Ord> Held<P> {
    /// Reads those of `entries` for which `place` says what they are about, and what their value has to be. One whose value is
    /// no use keeps the last good one.
    pub(super) fn read(
        place: impl Fn(&str) -> Option<(P, Check)>,
        entries: &BTreeMap<&str, Entry<'_>>,
        before: &Self,
        problems: &mut Vec<String>,
    ) -> Self {
        let mut all = BTreeMap::new();
        for (rest, (key, value)) in entries {
            let Some((place, check)) = place(rest) else { continue };
            match check.holds(value.trim()) {
                Ok(()) => {
                    all.insert(place, ((*key).to_owned(), value.trim().to_owned()));
                }
                Err(words) => {
                    let last = before.0.get(&place).filter(|(other, _)| other == key);
                    problems.push(unusable(key, words, last.is_some()));
                    all.extend(last.map(|last| (place, last.clone())));
                }
            }
        }
        Self(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys with the values that hold.
    pub(super) fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The key that is about something, with its value.
    pub(super) fn get(&self, place: &P) -> Option<(&str, &str)> {
        self.0.get(place).map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// What a value says yes or no to.
pub(super) const fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

/// Which calls a key is about, and what it says of them.
type Place = (Option<String>, &'static str);

/// The keys of one table that hold.
pub(super) type Items = Held<Place>;

impl Items {
    /// Reads those of `entries` that are of a table.
    pub(super) fn of(
        table: &Table,
        entries: &BTreeMap<&str, Entry<'_>>,
        before: &Self,
        problems: &mut Vec<String>,
    ) -> Self {
        let place = |rest: &str| {
            let (service, item, check) = table.split(rest)?;
            Some(((service.map(str::to_owned), item), check))
        };
        Self::read(place, entries, before, problems)
    }

    /// Each item that is set, with its key and its value.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &str, &str)> {
        self.0.iter().map(|((_, item), (key, value))| (*item, key.as_str(), value.as_str()))
    }

    /// What is about the calls to a service; `qualified` is its name as callers of other applications write it.
    pub(super) fn look<'i>(&'i self, service: &'i str, qualified: &'i str) -> Look<'i> {
        Look { all: self, names: [Some(service), Some(qualified), None] }
    }
}

/// Looks for what is about one service: each item by itself, its own before that of all.
#[derive(Clone, Copy)]
pub(super) struct Look<'i> {
    all: &'i Items,
    names: [Option<&'i str>; 3],
}

impl<'i> Look<'i> {
    /// The key of an item with its value, and whether it is about this service alone.
    pub(super) fn find(self, item: &'static str) -> Option<(&'i str, &'i str, bool)> {
        self.names.into_iter().find_map(|name| {
            let (key, value) = self.all.get(&(name.map(str::to_owned), item))?;
            Some((key, value, name.is_some()))
        })
    }

    /// What it says yes or no to; `None` where it is not set.
    pub(super) fn is_set(self, item: &'static str) -> Option<bool> {
        self.find(item).map(|(_, value, _)| is_true(value))
    }

    /// A number, which was checked where it was read.
    pub(super) fn number<N: FromStr>(self, item: &'static str, default: N) -> N {
        self.find(item).and_then(|(_, value, _)| value.parse().ok()).unwrap_or(default)
    }
}
