//! `rateLimiting.NAME` and `identifierRateLimiting.NAME`: how many calls pass in a period, as Java Chassis' governance says
//! it; or at which rate, as Go Chassis does.
//! It must read what is there alone; which calls it is about stands in a match group.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::matching::pass_over;
use super::sorted::Sorted;
use super::values;
use super::yaml::{self, Fault, members};
use crate::limit::rule::{Group, Key};
use crate::limit::window::PERMITS_MAX;
use crate::limit::{LimitRule, Meter, Pace, Window};

/// The kind of those that all calls have together.
pub(super) const KIND: &str = "rateLimiting";
/// The kind of those that each value of a header field has for itself.
pub(super) const KIND_BY_IDENTIFIER: &str = "identifierRateLimiting";
/// The longest name of a header field, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 256;

members! {
    /// One policy. Source: Java Chassis, `RateLimitingPolicy`, `IdentifierRateLimitingPolicy`; Go Chassis, `RateLimitingPolicy`.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        "rate" => rate: String,
        "limitRefreshPeriod" => period: String,
        "timeoutDuration" => patience: String,
        /// The header field whose values have it each for themselves.
        "identifier" => identifier: String,
        /// Go's: the match group that says which calls it is about.
        "match" => group: String,
        /// Go's: how many pass at once.
        "burst" => burst: String,
    }
}

/// The name of a limit: what stands behind its kind in its key.
pub(super) fn name_of(key: &str) -> &str {
    let kinds = [KIND_BY_IDENTIFIER, KIND];
    let name = kinds.iter().find_map(|kind| key.split_once(kind)?.1.strip_prefix('.'));
    name.unwrap_or(key)
}

/// Reads a value of the first kind. What it makes gets its name with [`name_of`].
pub(super) fn read(text: &str) -> Result<Frame<LimitRule>, Fault> {
    let (node, mut notices) = item(text)?;
    if let Some(identifier) = &node.value.identifier {
        notices.push(Fault::at(
            identifier,
            "it is passed over: a limit for each value of a header is a servicecomb.identifierRateLimiting",
        ));
    }
    frame(node.value, notices, None)
}

/// Reads one of the second.
pub(super) fn read_by_identifier(text: &str) -> Result<Frame<LimitRule>, Fault> {
    let (node, notices) = item(text)?;
    let Some(identifier) = &node.value.identifier else {
        return Err(Fault::at(&node, "identifier is missing: the header field whose values are counted"));
    };
    let field = identifier.value.trim().to_ascii_lowercase();
    if !(1..=IDENTIFIER_BYTES_MAX).contains(&field.len())
        || field.bytes().any(|byte| !byte.is_ascii_graphic())
    {
        return Err(Fault::at(identifier, format!("{:?} is no name of a header field", identifier.value)));
    }
    frame(node.value, notices, Some(Key::Header(field.into())))
}

fn item(text: &str) -> Result<(Spanned<Item>, Vec<Fault>), Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    Ok((node, notices))
}

fn frame(item: Item, notices: Vec<Fault>, per: Option<Key>) -> Result<Frame<LimitRule>, Fault> {
    let requests = values::number(item.rate.as_ref(), 1_000, 1..=PERMITS_MAX)?;
    let interval = values::span(item.period.as_ref(), Duration::from_secs(1))?;
    let meter = match &item.burst {
        Some(_) => {
            let burst = values::number(item.burst.as_ref(), 1, 1..=PERMITS_MAX)?;
            Pace::new(requests, interval, burst).map(Meter::Pace)
        }
        None => {
            let patience = values::span(item.patience.as_ref(), Duration::ZERO)?;
            Window::new(requests, interval, patience).map(Meter::Window)
        }
    };
    let meter = meter.ok_or_else(|| match &item.period {
        Some(period) => Fault::at(period, "a period has at least a millisecond"),
        None => Fault::whole("it cannot be counted"),
    })?;
    let group = if per.is_some() { Group::ByIdentifier } else { Group::RateLimiting };
    let rule = LimitRule { name: "".into(), requests, interval, meter, per, mesh: None, group: Some(group) };
    Ok(Frame { services: item.services, order: item.order, item: rule, notices })
}

/// Puts Go's policies under the names of the match groups that they are about. Answers what cannot be.
pub(super) fn join_marked(sorted: &mut Sorted<'_>) -> Vec<String> {
    let Some(all) = sorted.governed.get_mut(KIND) else { return Vec::new() };
    let marked: Vec<_> = all
        .iter()
        .filter_map(|(name, (_, value))| Some((*name, group_of(value)?)))
        .filter(|(name, group)| name != group)
        .collect();
    let mut problems = Vec::new();
    for (name, group) in marked {
        let Some(entry) = all.remove(name) else { continue };
        if let Some((other, _)) = all.get(group) {
            problems.push(format!("{}: {other} is about the same match group {group}, and holds", entry.0));
        } else {
            all.insert(group, entry);
        }
    }
    problems
}

/// The match group that Go's policy names, as it stands in its value.
fn group_of(value: &str) -> Option<&str> {
    let item: Item = yaml::read(value).ok()?;
    let group = item.group?.value;
    let place = value.find(group.trim()).filter(|_| !group.trim().is_empty())?;
    value.get(place..place + group.trim().len())
}
