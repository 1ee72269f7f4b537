//! `darklaunch.policy.SERVICE`: groups of versions and who calls them, as the consoles of ServiceComb write it in JSON.
//! Its groups leave a default group, of all other instances: whatever no group takes goes there and nowhere else.

use std::collections::BTreeMap;

use mesher_model::rule::{Name, RouteFallback, Subset, ValueKind};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::operators::{Test, escaped};
use super::plan::{KeyRule, Reading};
use super::ways::{Ways, field};
use super::yaml::{Fault, PASSED_OVER, check_length};
use crate::matching::number::Decimal;
use crate::portion::Portion;

/// All calls, in percent.
const WHOLE: u32 = 100;
/// Operators of a condition, in the order in which they are looked for. Source: Java Chassis, `ConditionFactory`.
const OPERATORS: [&str; 7] = [">=", "<=", "!=", "=", ">", "<", "~"];
/// The rule that takes what no other takes.
const DEFAULT_GROUP: &str = "default-group";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    policy_type: PolicyType,
    #[serde(default)]
    rule_items: Vec<Item>,
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum PolicyType {
    #[serde(rename = "RATE")]
    Rate,
    #[serde(rename = "RULE")]
    Rule,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    group_name: Option<String>,
    group_condition: String,
    /// A number in some consoles.
    policy_condition: Value,
    #[serde(default)]
    case_insensitive: bool,
    /// Passed over, as in both SDKs.
    #[serde(default, rename = "versions")]
    _versions: IgnoredAny,
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

/// Reads a value.
pub(super) fn read(text: &str) -> Result<Reading, Fault> {
    check_length(text)?;
    let policy: Policy = serde_json::from_str(text).map_err(|error| json_fault(&error))?;
    let mut said = Reading::default();
    let unknown = policy.unknown.keys().chain(policy.rule_items.iter().flat_map(|item| item.unknown.keys()));
    said.notices.extend(
        unknown.map(|word| Fault::whole(format!("{word:?}{PASSED_OVER}it is no word for this place"))),
    );
    let groups = policy.rule_items.iter().map(group).collect::<Result<Vec<_>, _>>()?;
    let default = Portion::NoneOf(groups.iter().cloned().collect());
    let rule = |name: String, ways, shares| KeyRule {
        name,
        ways,
        shares,
        reserve: Vec::new(),
        rest: Some(default.clone()),
        fallback: RouteFallback::None,
    };
    let items = policy.rule_items.iter().zip(groups);
    let mut rules = Vec::new();
    if policy.policy_type == PolicyType::Rate {
        let shares = rates(items, &default, &mut said.notices)?;
        rules.push(rule("rate".to_owned(), Ways::every(), shares));
    } else {
        for (place, (item, group)) in items.enumerate() {
            let ways = conditions(item, &mut said.notices)?;
            rules.push(rule(name(item, place), ways, vec![(group, WHOLE)]));
        }
        rules.push(rule(DEFAULT_GROUP.to_owned(), Ways::every(), vec![(default.clone(), WHOLE)]));
    }
    said.rules = rules.into_iter().map(|rule| (0, rule)).collect();
    Ok(said)
}

fn json_fault(error: &serde_json::Error) -> Fault {
    let words = error.to_string();
    let told = format!(" at line {} column {}", error.line(), error.column());
    Fault::at_place(error.line(), error.column(), words.strip_suffix(&told).unwrap_or(&words))
}

fn name(item: &Item, place: usize) -> String {
    let given = item.group_name.clone().and_then(|name| Name::try_from(name).ok());
    given.map_or_else(|| (place + 1).to_string(), |name| name.to_string())
}

fn of_item(item: &Item, words: &str) -> Fault {
    Fault::whole(format!("group {:?}: {words}", item.group_name.as_deref().unwrap_or_default()))
}

/// The versions of a group.
fn group(item: &Item) -> Result<Portion, Fault> {
    let versions = item.group_condition.trim().strip_prefix("version").map(str::trim_start);
    let versions = versions.and_then(|rest| rest.strip_prefix('=')).unwrap_or_default();
    let subset = |version: &str| Subset { version: Some(version.to_owned()), ..Subset::default() };
    let versions = versions.split(',').map(str::trim).filter(|version| !version.is_empty());
    let subsets: Box<[Subset]> = versions.map(subset).collect();
    match subsets.as_ref() {
        [] => Err(of_item(
            item,
            &format!(
                "groupCondition {:?} names no version; it is written like version=1.0.0,1.1.0",
                item.group_condition
            ),
        )),
        [one] => Ok(Portion::Of(one.clone())),
        _ => Ok(Portion::AnyOf(subsets)),
    }
}

/// The shares of groups, of which those that come first are served first where they make more than all.
fn rates<'i>(
    items: impl Iterator<Item = (&'i Item, Portion)>,
    default: &Portion,
    notices: &mut Vec<Fault>,
) -> Result<Vec<(Portion, u32)>, Fault> {
    let (mut shares, mut left) = (Vec::new(), WHOLE);
    for (item, group) in items {
        let text = text(&item.policy_condition);
        let percent = text.trim().parse::<u32>().ok().filter(|percent| *percent <= WHOLE);
        let percent = percent.ok_or_else(|| {
            of_item(
                item,
                &format!("policyCondition {text:?} is no share; it is a whole number from 0 to {WHOLE}"),
            )
        })?;
        if percent > left {
            let words =
                format!("the groups make more than {WHOLE}; this one gets {left} instead of {percent}");
            notices.push(of_item(item, &words));
        }
        let percent = percent.min(left);
        left -= percent;
        shares.push((group, percent));
    }
    shares.push((default.clone(), left));
    Ok(shares)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The calls that a group takes: conditions with `&&` or `||` between them, not both.
fn conditions(item: &Item, notices: &mut Vec<Fault>) -> Result<Ways, Fault> {
    let text = text(&item.policy_condition);
    let many = |error: super::ways::TooMany| of_item(item, &error.words());
    let is_and = text.contains("&&");
    let mut ways = if is_and { Ways::every() } else { Ways::none() };
    for part in text.split(if is_and { "&&" } else { "||" }).filter(|part| !part.trim().is_empty()) {
        let one = condition(item, part, notices)?;
        ways = if is_and { ways.and(&one) } else { ways.or(one) }.map_err(many)?;
    }
    Ok(ways)
}

fn condition(item: &Item, part: &str, notices: &mut Vec<Fault>) -> Result<Ways, Fault> {
    let found = OPERATORS.iter().find_map(|operator| Some((*operator, part.split_once(operator)?)));
    let Some((operator, (name, expected))) = found.filter(|(_, (name, _))| !name.trim().is_empty()) else {
        let words = format!(
            "policyCondition {part:?} compares nothing; it is written like userId=10, userId!=10, age>=18 or userId~10*"
        );
        return Err(of_item(item, &words));
    };
    let (operator, expected) = match (operator, expected.trim_start().strip_prefix('~')) {
        ("=", Some(pattern)) => ("~", pattern),
        _ => (operator, expected),
    };
    // As Go Chassis names the field: `user_id` stands in `UserId`.
    let name = name.trim().replace('_', "");
    let mut ways = Ways::none();
    for value in expected.split(',').map(str::trim).filter(|value| !value.is_empty()) {
        let Some(one) = comparison(&name, operator, value, item.case_insensitive) else {
            let words =
                format!("{part:?} compares numbers, and {value:?} is none, so that it holds for no call");
            notices.push(of_item(item, &words));
            continue;
        };
        ways = ways.or(one).map_err(|error| of_item(item, &error.words()))?;
    }
    Ok(ways)
}

/// `None` where numbers are compared and there is none.
fn comparison(name: &str, operator: &str, value: &str, ignores_case: bool) -> Option<Ways> {
    let case = if ignores_case { "(?i)" } else { "" };
    let exact = match ignores_case {
        true => Test::new(ValueKind::RegularExpression, format!("(?i){}", escaped(value))),
        false => Test::new(ValueKind::Exact, value.to_owned()),
    };
    let number = |kind| {
        let is_number = Decimal::parse(value.as_bytes()).is_some();
        is_number.then(|| Ways::header(field(name, kind, Some(value.to_owned()), false)))
    };
    match operator {
        "=" => Some(Ways::header(exact.of_field(name))),
        "!=" => {
            let present = Ways::header(field(name, ValueKind::Present, None, false));
            let mut other = exact.of_field(name);
            other.not = true;
            present.and(&Ways::header(other)).ok()
        }
        "~" => {
            let test = Test::new(ValueKind::RegularExpression, format!("{case}{}", wildcards(value)));
            Some(Ways::header(test.of_field(name)))
        }
        ">=" => number(ValueKind::GreaterOrEqual),
        "<=" => number(ValueKind::LessOrEqual),
        ">" => number(ValueKind::Greater),
        _ => number(ValueKind::Less),
    }
}

/// A pattern in which `*` stands for anything and `?` for one byte, as a regular expression.
fn wildcards(pattern: &str) -> String {
    let pieces = pattern.split_inclusive(['*', '?']).map(|piece| {
        let (text, wildcard) = match piece.strip_suffix('*') {
            Some(text) => (text, ".*"),
            None => piece.strip_suffix('?').map_or((piece, ""), |text| (text, ".")),
        };
        escaped(text) + wildcard
    });
    pieces.collect()
}
