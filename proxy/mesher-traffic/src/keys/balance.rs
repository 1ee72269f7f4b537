//! `loadbalance.…`: which of several instances takes a call, in the words of Java Chassis and Go Chassis.
//! It must leave to others what such keys say of tries and of isolation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::last_good::unusable;
use super::matching::pass_over;
use super::sorted::Entry;
use super::yaml::{self, Fault, members};
use super::{isolation, tries};
use crate::balance::session::{FAILURES, IDLE_LIMIT};
use crate::balance::{BalancePolicy, Persistence, Strategy, ZoneRule};

/// Least part of all instances that lets a zone stand alone, in percent. Source: Java Chassis, `ZoneAwareDiscoveryFilter`.
const RATIO: u8 = 30;
/// The strategy that stays with one server.
const STICKINESS: &str = "SessionStickiness";
/// What else ServiceComb calls by these names: `ribbon`'s, and those of both SDKs.
const STRATEGIES: &str =
    "RoundRobin, Random, WeightedResponse, SessionStickiness; ours LeastRequest, PeakEwma";
/// What keys of this family say beside that, which no proxy could carry out.
const OF_OTHERS: [&str; 4] = ["retryHandler", "filter", "transactionControl", "NFLoadBalancerRuleClassName"];

/// What a key is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    Strategy,
    IdleLimit,
    Failures,
    ZoneAware,
    Ratio,
    Ceiling,
    Filters,
}

impl Word {
    /// Each as it stands at the end of a key.
    const ALL: [(Self, &str); 7] = [
        (Self::Strategy, "strategy.name"),
        (Self::IdleLimit, "SessionStickinessRule.sessionTimeoutInSeconds"),
        (Self::Failures, "SessionStickinessRule.successiveFailedTimes"),
        (Self::ZoneAware, "filter.zoneaware.enabled"),
        (Self::Ratio, "filter.zoneaware.ratio"),
        (Self::Ceiling, "filter.zoneaware.ratioCeiling"),
        (Self::Filters, "serverListFilters"),
    ];
}

/// What a key of this family is, by what stands behind `loadbalance.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'k> {
    /// About a service, or every one.
    Setting(Option<&'k str>, Word),
    /// About tries, or about isolation.
    Further,
    /// About the calls of a match group.
    Governed,
    /// Somebody else's.
    Others,
}

impl<'k> Part<'k> {
    pub(super) fn of(rest: &'k str) -> Self {
        for (word, end) in Word::ALL {
            match rest.strip_suffix(end) {
                Some("") => return Self::Setting(None, word),
                Some(before) => {
                    if let Some(service) = before.strip_suffix('.').filter(|service| !service.is_empty()) {
                        return Self::Setting(Some(service), word);
                    }
                }
                None => {}
            }
        }
        if [&tries::TABLE, &isolation::TABLE].iter().any(|table| table.split(rest).is_some()) {
            return Self::Further;
        }
        let is_others = rest.split('.').any(|part| OF_OTHERS.contains(&part));
        if is_others { Self::Others } else { Self::Governed }
    }
}

/// What a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// The strategy, and whether calls stay with one server.
    Strategy(Strategy, bool),
    /// A number; none where it is one below one, which turns the thing off.
    Number(Option<u32>),
    Percent(u8),
    Flag(bool),
}

/// A value that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    key: String,
    value: String,
    said: Said,
}

/// What all keys say of services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Balances(BTreeMap<(Option<String>, Word), Held>);

impl Balances {
    /// Reads the values. Where one cannot be used, its last good one holds.
    pub(super) fn read(
        entries: &BTreeMap<(Option<&str>, Word), Entry<'_>>,
        before: &Self,
        problems: &mut Vec<String>,
    ) -> Self {
        let mut all = BTreeMap::new();
        for ((service, word), (key, value)) in entries {
            let place = (service.map(str::to_owned), *word);
            match read(*word, value.trim()) {
                Ok(said) => {
                    let held = Held { key: (*key).to_owned(), value: (*value).to_owned(), said };
                    all.insert(place, held);
                }
                Err(words) => {
                    let last = before.0.get(&place).filter(|held| held.key == *key);
                    let reason = format_args!("{value:?} {words}");
                    problems.push(unusable(key, reason, last.is_some()));
                    all.extend(last.map(|held| (place, held.clone())));
                }
            }
        }
        Self(all)
    }

    /// How calls to a service are balanced, with the key that says so and whether it is about this service alone;
    /// `qualified` is its name as callers of other applications write it.
    pub(super) fn of(&self, service: &str, qualified: &str) -> Option<(BalancePolicy, &str, bool)> {
        let find = |word: Word| {
            let mut names = [Some(service), Some(qualified), None].into_iter();
            names.find_map(|name| Some((self.0.get(&(name.map(str::to_owned), word))?, name.is_some())))
        };
        let said = |word: Word| find(word).map(|(held, _)| held.said);
        let strategy = find(Word::Strategy);
        let zone = self.zone(said);
        let (held, is_own) = strategy.or_else(|| {
            let words = [Word::ZoneAware, Word::Filters].into_iter();
            zone.and_then(|_| words.filter(|word| said(*word) == Some(Said::Flag(true))).find_map(find))
        })?;
        let mut policy = BalancePolicy { zone, ..BalancePolicy::default() };
        if let Some((Held { said: Said::Strategy(strategy, stays), .. }, _)) = strategy {
            policy.strategy = *strategy;
            let number = |word: Word, default: u32| match said(word) {
                Some(Said::Number(number)) => number,
                _ => Some(default),
            };
            let seconds = number(Word::IdleLimit, IDLE_LIMIT.as_secs() as u32);
            policy.persistence = stays.then(|| Persistence::Caller {
                idle_limit: seconds.map(|seconds| Duration::from_secs(seconds.into())),
                failures_max: number(Word::Failures, FAILURES),
            });
        }
        Some((policy, held.key.as_str(), is_own))
    }

    /// How zones count, if they do.
    fn zone(&self, said: impl Fn(Word) -> Option<Said>) -> Option<ZoneRule> {
        let percent = |word: Word, default: u8| match said(word) {
            Some(Said::Percent(percent)) => percent,
            _ => default,
        };
        if said(Word::ZoneAware) == Some(Said::Flag(true)) {
            let least = percent(Word::Ratio, RATIO);
            return Some(ZoneRule::Ratio { least, most: percent(Word::Ceiling, 100 - least) });
        }
        // Go Chassis: whoever is nearest takes the calls, however few they are.
        (said(Word::Filters) == Some(Said::Flag(true))).then_some(ZoneRule::Ratio { least: 0, most: 100 })
    }

    /// The keys with the values that hold.
    pub(super) fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().map(|held| (held.key.as_str(), held.value.as_str()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn read(word: Word, value: &str) -> Result<Said, String> {
    match word {
        Word::Strategy => {
            let (strategy, stays) = strategy(value)?;
            Ok(Said::Strategy(strategy, stays))
        }
        // Java Chassis takes what is no whole number for the default, and less than one for "never".
        Word::IdleLimit | Word::Failures => match value.parse::<i32>() {
            Ok(number) => Ok(Said::Number(u32::try_from(number).ok().filter(|number| *number > 0))),
            Err(_) => Err("is no whole number".to_owned()),
        },
        Word::Ratio | Word::Ceiling => match value.parse() {
            Ok(percent @ 0..=100) => Ok(Said::Percent(percent)),
            _ => Err("is no whole number from 0 to 100".to_owned()),
        },
        Word::ZoneAware => match value {
            "true" => Ok(Said::Flag(true)),
            "false" => Ok(Said::Flag(false)),
            _ => Err("is neither true nor false".to_owned()),
        },
        Word::Filters => {
            let unknown = value.split(',').map(str::trim).find(|name| *name != "zoneaware");
            match unknown {
                None => Ok(Said::Flag(true)),
                Some(_) => Err("is no list of filters that a proxy has; it has zoneaware".to_owned()),
            }
        }
    }
}

/// A strategy of this name, and whether calls stay with one server. Names are those of documents, too, but for those that
/// need a value of the call.
fn strategy(name: &str) -> Result<(Strategy, bool), String> {
    if name == STICKINESS {
        return Ok((Strategy::RoundRobin, true));
    }
    let strategy = Strategy::named(name).filter(|strategy| !strategy.hashes());
    strategy.map(|strategy| (strategy, false)).ok_or_else(|| format!("is no strategy: {STRATEGIES}"))
}

members! {
    /// One policy. Source: Java Chassis, `LoadBalancerPolicy`.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        "rule" => rule: String,
    }
}

/// Reads a value that is about the calls of a match group.
pub(super) fn read_governed(text: &str) -> Result<Frame<BalancePolicy>, Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    let Item { services, order, rule, .. } = node.value;
    let Some(rule) = rule else {
        return Err(Fault::whole(format!("it has no rule; there are {STRATEGIES}")));
    };
    let (strategy, stays) =
        strategy(rule.value.trim()).map_err(|words| Fault::at(&rule, format!("{:?} {words}", rule.value)))?;
    let persistence =
        stays.then_some(Persistence::Caller { idle_limit: Some(IDLE_LIMIT), failures_max: Some(FAILURES) });
    let item = BalancePolicy { strategy, persistence, ..BalancePolicy::default() };
    Ok(Frame { services, order, item, notices })
}
