//! `flowcontrol.Consumer.qps.…` and `flowcontrol.Provider.qps.…`: so many calls in a second, for each service that is called
//! or that calls. It must keep the last good value of a key whose value is none.
//!
//! Source: Java Chassis, `handler-flowcontrol-qps`; Go Chassis, `middleware/ratelimiter`.

use std::collections::BTreeMap;
use std::time::Duration;

use mesher_model::rule::{CallMatch, Name, SourceMatch};

use super::last_good;
use super::rules::About;
use super::sorted::Entry;
use crate::limit::rule::Group;
use crate::limit::{LimitRule, Meter, Pace, Window};
use crate::selection::Entry as Rule;

/// Names of all callers together.
const EVERY: &str = "ANY";
/// Limits of one side.
const LIMITS_MAX: usize = 1_000;
const SECOND: Duration = Duration::from_secs(1);

/// What they say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FlowControl {
    sides: [Limits; 2],
    /// `FixedWindow`, or a bucket.
    is_bucket: bool,
    /// The values that hold, by key.
    held: BTreeMap<String, String>,
}

/// Of one side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Limits {
    is_off: bool,
    /// By service: the key, and how many calls.
    services: BTreeMap<String, (String, i64)>,
    every: Option<(String, i64)>,
    buckets: BTreeMap<String, i64>,
}

/// What stands behind `qps.`.
enum Word<'k> {
    Enabled,
    Limit(&'k str),
    Bucket(&'k str),
}

impl FlowControl {
    /// Reads the keys, by what stands behind `flowcontrol.`.
    pub(super) fn read(
        entries: &BTreeMap<&str, Entry<'_>>,
        before: &Self,
        problems: &mut Vec<String>,
    ) -> Self {
        let mut all = Self::default();
        let take = |rest: &str, key: &str, value: &str| all.take(rest, key, value);
        let held = last_good::take_each(entries, &before.held, problems, take);
        Self { held, ..all }
    }

    fn take(&mut self, rest: &str, key: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        if rest == "strategy" {
            self.is_bucket = match value {
                "FixedWindow" => false,
                "LeakyBucket" | "TokenBucket" => true,
                _ => return Err(format!("{value:?} is none of FixedWindow, LeakyBucket, TokenBucket")),
            };
            return Ok(());
        }
        let (side, word) = split(rest).ok_or("no proxy knows what it says")?;
        let [consumer, provider] = &mut self.sides;
        let side = if side == "Consumer" { consumer } else { provider };
        let number = || value.parse::<i64>().map_err(|_| format!("{value:?} is no whole number"));
        match word {
            Word::Enabled => {
                side.is_off = match value {
                    "true" => false,
                    "false" => true,
                    _ => return Err(format!("{value:?} is neither true nor false")),
                }
            }
            Word::Bucket(name) => {
                side.buckets.insert(name.to_owned(), number()?);
            }
            Word::Limit("global" | EVERY) => side.every = Some((key.to_owned(), number()?)),
            Word::Limit(service) => {
                if side.services.len() >= LIMITS_MAX {
                    return Err(format!("there are more than {LIMITS_MAX} limits of one side"));
                }
                side.services.insert(service.to_owned(), (key.to_owned(), number()?));
            }
        }
        Ok(())
    }

    /// What they say about some calls, the most particular first.
    pub(super) fn rules(&self, about: &About) -> Vec<Rule<LimitRule>> {
        let [consumer, provider] = &self.sides;
        let mut rules = Vec::new();
        match about {
            About::Called { service, qualified } if !consumer.is_off => {
                let own = [service, qualified].into_iter().find_map(|name| {
                    let (key, limit) = consumer.services.get(name)?;
                    Some((name.as_str(), key, *limit))
                });
                let every = || consumer.every.as_ref().map(|(key, limit)| ("global", key, *limit));
                if let Some((name, key, limit)) = own.or_else(every) {
                    rules.extend(self.rule(key, (name, limit, consumer.buckets.get(name)), None));
                }
            }
            About::Provider if !provider.is_off => {
                for (caller, (key, limit)) in &provider.services {
                    let Ok(name) = Name::try_from(caller.clone()) else { continue };
                    let source = SourceMatch { service: Some(name), ..SourceMatch::default() };
                    let is_caller = CallMatch { source: Some(source), ..CallMatch::default() };
                    let bucket = provider.buckets.get(caller);
                    rules.extend(self.rule(key, (caller, *limit, bucket), Some(&is_caller)));
                }
                if let Some((key, limit)) = &provider.every {
                    rules.extend(self.rule(key, ("global", *limit, provider.buckets.get("global")), None));
                }
            }
            _ => {}
        }
        rules
    }

    fn rule(
        &self,
        key: &str,
        (name, limit, bucket): (&str, i64, Option<&i64>),
        is_about: Option<&CallMatch>,
    ) -> Option<Rule<LimitRule>> {
        let requests = u32::try_from(limit.max(0)).unwrap_or(u32::MAX);
        let burst = bucket.copied().unwrap_or(limit.saturating_mul(2));
        let pace = || Pace::new(requests, SECOND, u32::try_from(burst.max(1)).unwrap_or(u32::MAX));
        let window = || Window::new(requests, SECOND, Duration::ZERO);
        let meter = match (requests, self.is_bucket) {
            (0, _) => Meter::Closed,
            (_, true) => pace().map_or(Meter::Closed, Meter::Pace),
            // More than are counted apart in a second are a rate.
            (_, false) => window().map(Meter::Window).or_else(|| pace().map(Meter::Pace))?,
        };
        let item = LimitRule {
            name: name.into(),
            requests,
            interval: SECOND,
            meter,
            per: None,
            mesh: None,
            group: Some(Group::FlowControl),
        };
        let matches = is_about.into_iter().map(|part| (part, [].as_slice()));
        Rule::compile(key, matches, item).ok()
    }

    pub(super) fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.held.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// The side, and what is said of it.
fn split(rest: &str) -> Option<(&str, Word<'_>)> {
    let (side, rest) = rest.split_once(".qps.")?;
    if !["Consumer", "Provider"].contains(&side) {
        return None;
    }
    let word = match rest {
        "enabled" => Word::Enabled,
        "global.limit" => Word::Limit("global"),
        "global.bucket" => Word::Bucket("global"),
        _ => match rest.split_once('.')? {
            ("limit", service) if !service.is_empty() => Word::Limit(service),
            ("bucket", service) if !service.is_empty() => Word::Bucket(service),
            _ => return None,
        },
    };
    Some((side, word))
}
