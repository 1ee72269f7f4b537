//! The version of a service: up to four numbers with dots between.
//! It must not evaluate version rules: releases since 2.1 return every version, and so does this registry.

use crate::{RegistryError, grammar};

/// A version, ordered number by number; missing numbers are 0.
///
/// Source: Service Center v4, `MicroService.version`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u16; 4]);

/// The largest number in a version.
const MAX_NUMBER: u16 = 32_767;

impl Version {
    /// Reads a version, exact ones only.
    ///
    /// # Errors
    /// [`RegistryError::InvalidField`]: it is none, or longer than 64 characters.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        Self::read(text).ok_or_else(|| {
            RegistryError::invalid("version", text, "x[.y[.z[.w]]], each a number of 0-32767, Max: 64")
        })
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > grammar::MAX_SHORT {
            return None;
        }
        let mut numbers = [0; 4];
        for (place, part) in text.split('.').enumerate() {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = part.parse().ok().filter(|&number: &u16| is_number && number <= MAX_NUMBER)?;
            *numbers.get_mut(place)? = number;
        }
        Some(Self(numbers))
    }
}
