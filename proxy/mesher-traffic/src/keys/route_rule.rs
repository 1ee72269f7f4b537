//! `routeRule.SERVICE` and `globalRouteRule`: a YAML list of rules, as Java Chassis and Go Chassis write it.
//! Where both give a word two meanings Java's holds; `docs/deviations.md` lists what differs from either.

use std::collections::BTreeMap;

use mesher_model::rule::{RouteFallback, Subset};
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::matching::{self, Matching, Setting, pass_over};
use super::plan::{KeyRule, Reading};
use super::ways::Ways;
use super::yaml::{self, Fault, members};
use crate::portion::Portion;

/// What weights of one rule make together; what is missing to it goes to the instances that no tags name.
const WHOLE: u32 = 100;
/// The largest weight: that of documents.
const WEIGHT_MAX: u32 = 1_000_000;
/// Go's word for the highest version.
const LATEST: &str = "latest";

members! {
    /// One rule.
    Item {
        "name" => name: IgnoredAny,
        "description" => description: IgnoredAny,
        "precedence" => precedence: String,
        "match" => matching: Matching,
        "route" => route: Vec<Spanned<Share>>,
        "fallback" => fallback: Vec<Spanned<Share>>,
        /// Whether every instance takes the calls for which no other is there (Java Chassis).
        "emptyProtection" => empty_protection: String,
        /// The opposite, in its latest words.
        "forceEnabled" => force_enabled: String,
    }
}

members! {
    /// Instances with their weight.
    Share {
        "weight" => weight: String,
        "tags" => tags: BTreeMap<String, String>,
    }
}

/// Whose calls a value is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    /// The application of the service that is called: no tag leads to another one.
    pub(super) application: &'p str,
    pub(super) setting: Setting<'p>,
}

/// Reads a value.
pub(super) fn read(text: &str, place: Place<'_>) -> Result<Reading, Fault> {
    let items: Vec<Spanned<Item>> = yaml::read(text)?;
    let mut said = Reading::default();
    for item in &items {
        let precedence = precedence(&item.value)?;
        let rule = rule(item, place, &mut said.notices)?;
        let like = said.rules.iter().filter(|(other, _)| *other == precedence).count();
        let name = match like {
            0 => format!("precedence-{precedence}"),
            like => format!("precedence-{precedence}-{}", like + 1),
        };
        said.rules.push((precedence, KeyRule { name, ..rule }));
    }
    Ok(said)
}

fn precedence(item: &Item) -> Result<i64, Fault> {
    let Some(precedence) = &item.precedence else { return Ok(0) };
    precedence.value.trim().parse().map_err(|_| {
        Fault::at(
            precedence,
            format!(
                "{:?} is no precedence: it is a whole number, and higher ones are tried first",
                precedence.value
            ),
        )
    })
}

fn rule(item: &Spanned<Item>, place: Place<'_>, notices: &mut Vec<Fault>) -> Result<KeyRule, Fault> {
    let Item { matching, route, fallback, empty_protection, force_enabled, unknown, .. } = &item.value;
    pass_over(item, unknown, notices);
    let ways = match matching {
        Some(matching) => matching::of_rule(matching, place.setting, notices)?,
        None => Ways::every(),
    };
    let Some(route) = route.as_ref().filter(|route| !route.value.is_empty()) else {
        return Err(Fault::at(
            item,
            "the rule has no route; write for example route: [{weight: 100, tags: {version: 1.0.0}}]",
        ));
    };
    let mut shares = shares(&route.value, place, notices)?;
    let named: Box<[Portion]> = shares.iter().map(|(portion, _)| portion.clone()).collect();
    let sum: u64 = shares.iter().map(|(_, weight)| u64::from(*weight)).sum();
    if sum > u64::from(WHOLE) {
        notices.push(Fault::at(
            route,
            format!("the weights make {sum} and not {WHOLE}; each has its part of {sum}"),
        ));
    }
    let missing = u32::try_from(sum).map_or(0, |sum| WHOLE.saturating_sub(sum));
    let rest = (missing > 0).then_some(Portion::NoneOf(named));
    shares.extend(rest.iter().map(|rest| (rest.clone(), missing)));
    let reserve = match fallback {
        Some(fallback) => self::shares(&fallback.value, place, notices)?,
        None => Vec::new(),
    };
    let protects = flag(empty_protection.as_ref(), true)? && !flag(force_enabled.as_ref(), false)?;
    let fallback = if protects { RouteFallback::Any } else { RouteFallback::None };
    Ok(KeyRule { name: String::new(), ways, shares, reserve, rest, fallback })
}

fn flag(given: Option<&Spanned<String>>, default: bool) -> Result<bool, Fault> {
    let Some(given) = given else { return Ok(default) };
    match given.value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(Fault::at(given, format!("{other:?} is neither true nor false"))),
    }
}

fn shares(
    shares: &[Spanned<Share>],
    place: Place<'_>,
    notices: &mut Vec<Fault>,
) -> Result<Vec<(Portion, u32)>, Fault> {
    let share = |share: &Spanned<Share>| {
        pass_over(share, &share.value.unknown, notices);
        Ok((portion(share, place)?, weight(share)?))
    };
    shares.iter().map(share).collect()
}

fn weight(share: &Spanned<Share>) -> Result<u32, Fault> {
    let Some(weight) = &share.value.weight else {
        return Err(Fault::at(share, "a share without a weight; write weight: 100 where it is the only one"));
    };
    let number = weight.value.trim().parse().ok().filter(|weight| *weight <= WEIGHT_MAX);
    number.ok_or_else(|| {
        Fault::at(
            weight,
            format!("{:?} is no weight: it is a whole number from 0 to {WEIGHT_MAX}", weight.value),
        )
    })
}

fn portion(share: &Spanned<Share>, place: Place<'_>) -> Result<Portion, Fault> {
    let mut subset = Subset::default();
    let mut is_newest = false;
    for (name, value) in share.value.tags.iter().flat_map(|tags| &tags.value) {
        match name.as_str() {
            "version" if value == LATEST => is_newest = true,
            "version" => subset.version = Some(value.clone()),
            "app" if value == place.application => {}
            "app" => {
                let words = format!(
                    "tags.app: a rule leads to instances of application {} alone, and not to {value}; call SERVICE.{value}.app for those",
                    place.application
                );
                return Err(Fault::at(share, words));
            }
            _ => {
                subset.properties.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(if is_newest { Portion::Newest(subset) } else { Portion::Of(subset) })
}
