//! What keys of a configuration server say about calls: ServiceComb's words for what rule documents say.
//! It must pass over what it does not know: most keys of a configuration are an application's own.

use std::collections::BTreeMap;
use std::time::Duration;

/// What keys that are about calls begin with; the second is the older word. Source: Java Chassis, governance keys.
const PREFIXES: [&str; 2] = ["servicecomb.", "cse."];
/// The longest time that is taken: no call is longer.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What keys say, and which of them cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules {
    every: Option<Duration>,
    services: BTreeMap<String, Duration>,
    /// A sentence for each key whose value cannot be used.
    pub problems: Vec<String>,
}

impl KeyRules {
    /// Reads keys with their values, each of them once: `servicecomb.request.timeout` and
    /// `servicecomb.request.SERVICE.timeout`, in milliseconds. A key in its newer word wins over the older.
    ///
    /// Source: Java Chassis, `OperationConfig`.
    pub fn read<'k>(keys: impl IntoIterator<Item = (&'k str, &'k str)>) -> Self {
        let mut found: [Vec<(&str, &str, &str)>; PREFIXES.len()] = Default::default();
        for (key, value) in keys {
            for (prefix, found) in PREFIXES.iter().zip(&mut found) {
                let rest = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("request."));
                if let Some(rest) = rest {
                    found.push((key, rest, value));
                }
            }
        }
        let mut rules = Self::default();
        // The older word first: the newer one is written over it.
        for (key, rest, value) in found.into_iter().rev().flatten() {
            rules.take(key, rest, value);
        }
        rules
    }

    fn take(&mut self, key: &str, rest: &str, value: &str) {
        let service = match rest {
            "timeout" => None,
            rest => match rest.strip_suffix(".timeout") {
                Some(service) => Some(service),
                None => return,
            },
        };
        let limit = value.trim().parse().ok().map(Duration::from_millis);
        let Some(limit) = limit.filter(|limit| !limit.is_zero() && *limit <= TIMEOUT_MAX) else {
            self.problems.push(format!(
                "{key}: {value:?} is no timeout; it is a whole number of milliseconds from 1 to {}",
                TIMEOUT_MAX.as_millis()
            ));
            return;
        };
        match service {
            None => self.every = Some(limit),
            Some(service) => {
                self.services.insert(service.to_owned(), limit);
            }
        }
    }

    /// How long a call to a service may take; `qualified` is its name as callers of other applications write it.
    #[must_use]
    pub fn request_timeout(&self, service: &str, qualified: &str) -> Option<Duration> {
        let own = self.services.get(service).or_else(|| self.services.get(qualified));
        own.copied().or(self.every)
    }

    /// Whether they say anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.every.is_none() && self.services.is_empty()
    }
}
