//! `request.timeout` and `request.SERVICE.timeout`: how long a call may take, in milliseconds.
//! It must take no time that a proxy could not keep.

use std::collections::BTreeMap;
use std::time::Duration;

/// The longest time that is taken: no call is longer.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Source: Java Chassis, `OperationConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timeouts {
    every: Option<Limit>,
    services: BTreeMap<String, Limit>,
}

/// A time, and the key that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) time: Duration,
    pub(super) key: String,
}

impl Timeouts {
    /// Takes a key; `rest` is what stands behind `request.`.
    ///
    /// # Errors
    /// A sentence where its value is no time.
    pub(super) fn take(&mut self, key: &str, rest: &str, value: &str) -> Result<(), String> {
        let service = match rest {
            "timeout" => None,
            rest => match rest.strip_suffix(".timeout") {
                Some(service) => Some(service),
                None => return Ok(()),
            },
        };
        let limit = value.trim().parse().ok().map(Duration::from_millis);
        let Some(limit) = limit.filter(|limit| !limit.is_zero() && *limit <= TIMEOUT_MAX) else {
            return Err(format!(
                "{key}: {value:?} is no timeout; it is a whole number of milliseconds from 1 to {}",
                TIMEOUT_MAX.as_millis()
            ));
        };
        let limit = Limit { time: limit, key: key.to_owned() };
        match service {
            None => self.every = Some(limit),
            Some(service) => {
                self.services.insert(service.to_owned(), limit);
            }
        }
        Ok(())
    }

    /// Of a service, or of every one.
    pub(super) fn of(&self, service: &str, qualified: &str) -> Option<&Limit> {
        let own = self.services.get(service).or_else(|| self.services.get(qualified));
        own.or(self.every.as_ref())
    }

    /// Whether a service has one of its own.
    pub(super) fn has_own(&self, service: &str, qualified: &str) -> bool {
        self.services.contains_key(service) || self.services.contains_key(qualified)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.every.is_none() && self.services.is_empty()
    }
}
