//! `faultInjection.NAME`: what goes wrong with calls, as Java Chassis' governance says it; and the older
//! `governance.Consumer.…policy.fault.…` of both SDKs.
//! It must read what is there alone; which calls the first is about stands in the match group of the same name.

use std::collections::BTreeMap;
use std::time::Duration;

use mesher_model::rule::Percent;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::last_good;
use super::matching::pass_over;
use super::rules::About;
use super::sorted::Entry;
use super::values;
use super::yaml::{self, Fault, members};
use crate::fault::{Abort, Plan};
use crate::selection::Entry as Rule;

/// The kind.
pub(super) const KIND: &str = "faultInjection";
/// The longest delay, in milliseconds: that of documents.
const DELAY_MAX: u64 = 300_000;
/// Behind the service: the protocol that a proxy speaks.
const PROTOCOL: &str = ".policy.fault.protocols.rest.";
/// What stands in the place of a service for all of them.
const GLOBAL: &str = "_global";

members! {
    /// One policy. Source: Java Chassis, `FaultInjectionPolicy`.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        "type" => kind: String,
        "delayTime" => delay: String,
        "percentage" => percentage: String,
        "errorCode" => code: String,
        "forceClosed" => is_off: String,
        /// What a call returns that is aborted: an exception, or nothing.
        "fallbackType" => fallback: String,
    }
}

/// Reads a value.
pub(super) fn read(text: &str) -> Result<Frame<Plan>, Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    let item = node.value;
    let percent = values::number(item.percentage.as_ref(), -1, -1..=100_i16)?;
    let delay = values::span(item.delay.as_ref(), Duration::ZERO)?;
    let code = values::number(item.code.as_ref(), 500, 200..=599_u16)?;
    let is_off = item.is_off.as_ref().is_some_and(|off| off.value.trim() == "true");
    let percent = u8::try_from(percent).ok().and_then(Percent::whole).filter(|_| !is_off);
    let returns_nothing =
        item.fallback.as_ref().is_some_and(|fallback| fallback.value.trim() == "ReturnNull");
    let mut plan = Plan::default();
    match item.kind.as_ref().map(|kind| kind.value.trim()) {
        Some("delay") => {
            if delay.as_millis() > u128::from(DELAY_MAX) {
                let words = format!("{delay:?} is longer than the {DELAY_MAX} ms of the longest delay");
                return Err(item
                    .delay
                    .as_ref()
                    .map_or_else(|| Fault::whole(""), |node| Fault::at(node, words)));
            }
            plan.delay = percent.filter(|_| !delay.is_zero()).map(|percent| (percent, delay));
        }
        Some("abort") => {
            let status = if returns_nothing { 200 } else { code };
            plan.abort = percent.map(|percent| (percent, Abort::Status(status)));
        }
        other => {
            let words = format!("type is {:?}; it is delay or abort", other.unwrap_or_default());
            return Err(item
                .kind
                .as_ref()
                .map_or_else(|| Fault::whole(words.clone()), |node| Fault::at(node, &*words)));
        }
    }
    Ok(Frame { services: item.services, order: item.order, item: plan, notices })
}

/// The older keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OlderFaults {
    /// By service.
    services: BTreeMap<String, Older>,
    /// The values that hold, by key.
    held: BTreeMap<String, String>,
}

/// What they say of one service, each with its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Older {
    key: String,
    delay: Option<Duration>,
    delay_percent: Option<u8>,
    status: Option<u16>,
    abort_percent: Option<u8>,
}

impl OlderFaults {
    /// Reads the keys, by what stands behind `governance.`.
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
        let (service, what) = split(rest).ok_or("no proxy knows what it says")?;
        if service.contains(".schemas.") {
            return Err("a proxy knows no schemas and operations; write it for the service".to_owned());
        }
        let bounded = |most: u64| {
            let number = value.trim().parse().ok().filter(|number| *number <= most);
            number.ok_or_else(|| format!("{value:?} is no number from 0 to {most}"))
        };
        let percent = || bounded(100).map(|percent| u8::try_from(percent).ok());
        let mut older = self.services.get(service).cloned().unwrap_or_default();
        match what {
            "delay.fixedDelay" => older.delay = Some(Duration::from_millis(bounded(DELAY_MAX)?)),
            "delay.percent" => older.delay_percent = percent()?,
            "abort.percent" => older.abort_percent = percent()?,
            "abort.httpStatus" => {
                let status = u16::try_from(bounded(599)?).ok().filter(|status| *status >= 200);
                older.status = Some(status.ok_or("it is no status that a call ends with: 200 to 599")?);
            }
            _ => return Err("no proxy knows what it says".to_owned()),
        }
        older.key = key.strip_suffix(what).unwrap_or(key).trim_end_matches('.').to_owned();
        self.services.insert(service.to_owned(), older);
        Ok(())
    }

    /// What they say about some calls: for each part the service's own, or that of all.
    pub(super) fn rule(&self, about: &About) -> Option<Rule<Plan>> {
        let About::Called { service, qualified } = about else { return None };
        let own = self.services.get(service).or_else(|| self.services.get(qualified));
        let scopes = [own, self.services.get(GLOBAL)];
        let percent = |pick: fn(&Older) -> Option<u8>| {
            let percent = scopes.into_iter().flatten().find_map(pick)?;
            Percent::whole(percent).filter(|percent| percent.hundredths() > 0)
        };
        let delay =
            scopes.into_iter().flatten().find_map(|older| older.delay).filter(|delay| !delay.is_zero());
        let status = scopes.into_iter().flatten().find_map(|older| older.status);
        let plan = Plan {
            delay: percent(|older| older.delay_percent).zip(delay),
            abort: percent(|older| older.abort_percent).zip(status.map(Abort::Status)),
            ..Plan::default()
        };
        let key = &scopes.into_iter().flatten().next()?.key;
        (plan != Plan::default()).then(|| Rule::compile(key.as_str(), [], plan).ok()).flatten()
    }

    pub(super) fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.held.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// The service, and what is said of it.
fn split(rest: &str) -> Option<(&str, &str)> {
    rest.strip_prefix("Consumer.")?.split_once(PROTOCOL)
}

/// Whether a key behind `governance.` is one of these.
pub(super) fn is_fault(rest: &str) -> bool {
    split(rest).is_some()
}
