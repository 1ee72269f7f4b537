//! What becomes of a key whose value cannot be used: its last good value holds, and whoever looks is told.
//! It must not know what a value says.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::sorted::Entry;

/// The end of a sentence about a key whose last good value holds.
pub(super) const LAST_HOLDS: &str = "; its last good value holds";
/// The end of one about a key that never had one.
pub(super) const AS_IF_ABSENT: &str = "; it is as if the key were not there";

/// What is told of a key that cannot be used; `is_held` where its last good value holds.
pub(super) fn unusable(key: &str, reason: impl Display, is_held: bool) -> String {
    format!("{key}: {reason}{}", if is_held { LAST_HOLDS } else { AS_IF_ABSENT })
}

/// Gives the value of each key to `take`, with what the key is about; where that refuses it, the last good one. Answers
/// the values that hold, by their keys.
pub(super) fn take_each(
    entries: &BTreeMap<&str, Entry<'_>>,
    before: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
    mut take: impl FnMut(&str, &str, &str) -> Result<(), String>,
) -> BTreeMap<String, String> {
    let mut held = BTreeMap::new();
    for (rest, (key, value)) in entries {
        let taken = match take(rest, key, value) {
            Ok(()) => Some(*value),
            Err(reason) => {
                let last = before.get(*key).filter(|last| take(rest, key, last).is_ok());
                problems.push(unusable(key, reason, last.is_some()));
                last.map(String::as_str)
            }
        };
        held.extend(taken.map(|value| ((*key).to_owned(), value.to_owned())));
    }
    held
}
