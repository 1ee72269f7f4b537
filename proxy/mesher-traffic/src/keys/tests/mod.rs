//! Values of keys as ServiceComb's users write them, and who takes which calls then.
//! It must show each example of the references by what becomes of calls, never by the form that it is compiled to.

mod bad_values;
mod balance;
mod dark_launch;
mod failing;
mod go_rules;
mod governed;
mod guards;
mod java_rules;
mod limits;
mod mapper;
mod precedence;

use std::collections::BTreeMap;
use std::net::IpAddr;

use mesher_model::rule::RouteFallback;

use crate::portion::Member;
use crate::{CallView, Caller, HeadView, KeyRules, Message, Own};

/// Calls over which shares are counted.
const CALLS: u32 = 1_000;

/// A call of a test.
#[derive(Clone)]
struct Call {
    method: &'static str,
    target: &'static str,
    fields: Vec<(&'static str, &'static str)>,
    caller: [&'static str; 3],
}

/// A GET of the shop in version 1.0.0.
fn call(target: &'static str) -> Call {
    Call { method: "GET", target, fields: Vec::new(), caller: ["web-shop", "default", "1.0.0"] }
}

/// One with a header field.
fn with(name: &'static str, value: &'static str) -> Call {
    call("/").and(name, value)
}

impl Call {
    fn and(mut self, name: &'static str, value: &'static str) -> Self {
        self.fields.push((name, value));
        self
    }

    fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    fn from(self, service: &'static str, application: &'static str, version: &'static str) -> Self {
        Self { caller: [service, application, version], ..self }
    }
}

impl HeadView for Call {
    fn message(&self) -> Option<Message<'_>> {
        Some(Message { method: self.method.as_bytes(), path_and_query: self.target.as_bytes() })
    }

    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.iter().any(|(given, value)| given.eq_ignore_ascii_case(name) && holds(value.as_bytes()))
    }

    fn each_name(&self, see: &mut dyn FnMut(&[u8])) {
        self.fields.iter().for_each(|(name, _)| see(name.as_bytes()));
    }

    fn address(&self) -> Option<IpAddr> {
        None
    }
}

fn read(keys: &[(&str, &str)]) -> KeyRules {
    KeyRules::read(keys.iter().copied(), &Own::default(), &KeyRules::default())
}

/// Keys of which nothing is told.
#[track_caller]
fn good(keys: &[(&str, &str)]) -> KeyRules {
    let rules = read(keys);
    assert_eq!(rules.problems, Vec::<String>::new());
    rules
}

/// Rules for `order-service`.
#[track_caller]
fn rules_of(value: &str) -> KeyRules {
    good(&[("servicecomb.routeRule.order-service", value)])
}

/// Instances of a service: their versions, and behind a slash the value of their property `zone`.
type Instances = &'static [&'static str];

/// Who takes the call with this count.
fn takers(rules: &KeyRules, instances: Instances, call: &Call, count: u32) -> Vec<&'static str> {
    let Some(route) = rules.route("order-service", "default:order-service") else {
        return instances.to_vec();
    };
    let properties: Vec<_> = instances
        .iter()
        .map(|name| {
            name.split_once('/').into_iter().map(|(_, zone)| ("zone".to_owned(), zone.to_owned())).collect()
        })
        .collect::<Vec<BTreeMap<String, String>>>();
    let version = |name: &'static str| name.split_once('/').map_or(name, |(version, _)| version);
    let members: Vec<_> = instances
        .iter()
        .zip(&properties)
        .map(|(name, properties)| Member { version: version(name), zone: "", properties: Some(properties) })
        .collect();
    let own = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    let [service, application, version] = call.caller;
    let view = CallView { head: call, caller: Caller { service, application, version, properties: &own } };
    let Some(choice) = route.choose(&view, |_| count) else { return instances.to_vec() };
    for place in choice.portions() {
        let belongs = route.portions().nth(place.into()).unwrap().members(&members);
        let names: Vec<_> =
            instances.iter().zip(belongs).filter(|(_, belongs)| *belongs).map(|(name, _)| *name).collect();
        if !names.is_empty() {
            return names;
        }
    }
    if route.fallback(choice.rule) == RouteFallback::Any { instances.to_vec() } else { Vec::new() }
}

/// Calls of this kind are all taken by these, and by each of them.
#[track_caller]
fn assert_takes(rules: &KeyRules, instances: Instances, call: &Call, expected: &[&str]) {
    for count in 0..20 {
        let taking = takers(rules, instances, call, count);
        assert_eq!(
            taking, expected,
            "{} {} {:?} of {:?}",
            call.method, call.target, call.fields, call.caller
        );
    }
}

/// Of so many calls as [`CALLS`] each set of instances takes its part, in percent.
#[track_caller]
fn assert_shares(rules: &KeyRules, instances: Instances, call: &Call, expected: &[(&[&str], u32)]) {
    let mut counts = BTreeMap::<Vec<&str>, u32>::new();
    for count in 0..CALLS {
        *counts.entry(takers(rules, instances, call, count)).or_default() += 1;
    }
    for (names, percent) in expected {
        let taken = counts.remove(*names).unwrap_or_default();
        let wanted = CALLS * percent / 100;
        assert!(
            taken.abs_diff(wanted) <= 8,
            "{names:?}: {taken} of {CALLS}, {percent} % wanted; others: {counts:?}"
        );
    }
    assert!(counts.is_empty(), "{counts:?}");
}

/// The only sentence about keys.
#[track_caller]
fn told(rules: &KeyRules) -> &str {
    assert_eq!(rules.problems.len(), 1, "{:?}", rules.problems);
    &rules.problems[0]
}
