//! Checks of what was just read, so that a fault is told where it stands.
//! It must not know what it checks.

use serde::de::{Deserialize, Deserializer, Error};

/// A member that has a value where it is there at all: one left empty is a fault of whoever wrote it, and not nothing.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Items of which there are at least one and at most so many.
pub(super) fn bounded<T, E: Error>(items: Vec<T>, most: usize, what: &str) -> Result<Vec<T>, E> {
    if (1..=most).contains(&items.len()) {
        return Ok(items);
    }
    Err(E::custom(format_args!("{} {what}; there have to be 1 to {most}", items.len())))
}

/// A value of which `check` finds nothing wrong.
pub(super) fn checked<T, E: Error>(value: T, check: impl FnOnce(&T) -> Result<(), String>) -> Result<T, E> {
    check(&value).map_err(E::custom)?;
    Ok(value)
}
