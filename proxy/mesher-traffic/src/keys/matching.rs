//! Which calls a rule is about: what stands under `match`, in match groups and in source templates.
//! It must make a condition that it cannot hold to one that no call fits, and say so: never one that every call fits.

use std::collections::BTreeMap;
use std::fmt;

use mesher_model::rule::{Name, SourceMatch};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::operators::{self, Carrier, Operators};
use super::ways::{TooMany, Ways};
use super::yaml::{self, Fault, PASSED_OVER, members};

/// Header fields with their operators.
type Fields = BTreeMap<String, Spanned<Operators>>;

members! {
    /// What a call has to be, all of it together.
    Matching {
        "name" => name: IgnoredAny,
        /// Whether a mark travels on with the call: no proxy sets one.
        "trafficMarkPolicy" => mark_policy: IgnoredAny,
        /// The match group or the source template that says it instead.
        "refer" => refer: String,
        /// The calling service.
        "source" => source: String,
        /// Version, application and properties of the calling instance.
        "sourceTags" => source_tags: BTreeMap<String, String>,
        "headers" => headers: Fields,
        "httpHeaders" => http_headers: Fields,
        "apiPath" => api_path: Operators,
        "method" => method: Methods,
        "queries" => queries: BTreeMap<String, Spanned<QueryTest>>,
        /// The service that is called.
        "serviceName" => service_name: String,
        /// A class of the Java virtual machine.
        "customMatcher" => custom_matcher: IgnoredAny,
    }
}

members! {
    /// A match group: one of its matches has to hold.
    Group {
        "name" => name: IgnoredAny,
        "order" => order: IgnoredAny,
        /// The calling services that it is about, as `a,b:1.0.0`.
        "services" => services: String,
        "matches" => matches: Vec<Spanned<Matching>>,
    }
}

/// One method or several.
#[derive(Debug, Default)]
pub(super) struct Methods(Vec<String>);

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Methods;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a method, or a list of methods")
            }

            fn visit_str<E>(self, text: &str) -> Result<Methods, E> {
                Ok(Methods(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Methods, A::Error> {
                let mut methods = Vec::new();
                while let Some(method) = list.next_element()? {
                    methods.push(method);
                }
                Ok(Methods(methods))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// What stands under a name of `queries`: operators of a parameter (Java), or the value of an operator on the whole query
/// (Go).
#[derive(Debug)]
pub(super) enum QueryTest {
    OfParameter(Operators),
    OfWhole,
}

impl<'de> Deserialize<'de> for QueryTest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = QueryTest;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of operators")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<QueryTest, A::Error> {
                let mut operators = Operators::new();
                while let Some((operator, value)) = map.next_entry()? {
                    operators.insert(operator, value);
                }
                Ok(QueryTest::OfParameter(operators))
            }

            fn visit_str<E>(self, _: &str) -> Result<QueryTest, E> {
                Ok(QueryTest::OfWhole)
            }

            fn visit_bool<E>(self, _: bool) -> Result<QueryTest, E> {
                Ok(QueryTest::OfWhole)
            }

            fn visit_i64<E>(self, _: i64) -> Result<QueryTest, E> {
                Ok(QueryTest::OfWhole)
            }

            fn visit_u64<E>(self, _: u64) -> Result<QueryTest, E> {
                Ok(QueryTest::OfWhole)
            }

            fn visit_f64<E>(self, _: f64) -> Result<QueryTest, E> {
                Ok(QueryTest::OfWhole)
            }

            fn visit_unit<E>(self) -> Result<QueryTest, E> {
                Ok(QueryTest::OfWhole)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Who is called, as far as it is known where a rule is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Called<'s> {
    /// This service.
    Service(&'s str),
    /// Any: the rule is about every service.
    Any,
    /// The application beside the proxy, which takes the calls.
    Own,
    /// Not asked yet: all of a match is read, whomever it is about.
    Whoever,
}

/// Where a match stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'s> {
    /// Who is called.
    pub(super) called: Called<'s>,
    /// What `refer` may name: values of match groups and of source templates.
    pub(super) named: &'s Named<'s>,
}

/// Values of keys that rules refer to, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named<'k> {
    pub(super) groups: BTreeMap<&'k str, (&'k str, &'k str)>,
    pub(super) templates: BTreeMap<&'k str, (&'k str, &'k str)>,
    /// By their keys, what is wrong with those that cannot be used.
    pub(super) unusable: BTreeMap<&'k str, String>,
}

fn too_many<T>(node: &Spanned<T>) -> impl Fn(TooMany) -> Fault + '_ {
    |error| Fault::at(node, error.words())
}

/// The ways in which a call fits what stands under `match` of a rule.
pub(super) fn of_rule(
    matching: &Spanned<Matching>,
    setting: Setting<'_>,
    notices: &mut Vec<Fault>,
) -> Result<Ways, Fault> {
    let Some(refer) = &matching.value.refer else { return of_one(matching, setting, false, notices) };
    let named = setting.named;
    let refer_to = refer.value.as_str();
    if let Some((key, _)) = named.groups.get(refer_to).or_else(|| named.templates.get(refer_to))
        && let Some(fault) = named.unusable.get(key)
    {
        // As good as none.
        let words = format!("{fault}; it cannot be used, so that the rule holds for no call");
        notices.push(Fault::at(refer, words));
        return Ok(Ways::none());
    }
    if let Some((key, value)) = named.groups.get(refer_to) {
        return of_group(key, value, setting, notices).map_err(|fault| Fault::at(refer, fault.to_string()));
    }
    if let Some((key, value)) = named.templates.get(refer_to) {
        let ways = of_template(key, value, setting, notices);
        return ways.map_err(|fault| Fault::at(refer, fault.to_string()));
    }
    notices.push(Fault::at(
        refer,
        format!("no key servicecomb.matchGroup.{} is there, to which the rule refers, so that it holds for no call", refer.value),
    ));
    Ok(Ways::none())
}

/// The ways in which a call fits a source template.
pub(super) fn of_template(
    key: &str,
    value: &str,
    setting: Setting<'_>,
    notices: &mut Vec<Fault>,
) -> Result<Ways, Fault> {
    let template = yaml::read::<Spanned<Matching>>(value);
    let ways = template.and_then(|template| of_one(&template, setting, false, notices));
    ways.map_err(|fault| Fault::whole(format!("{key}: {fault}")))
}

/// The ways in which a call fits a match group.
pub(super) fn of_group(
    key: &str,
    value: &str,
    setting: Setting<'_>,
    notices: &mut Vec<Fault>,
) -> Result<Ways, Fault> {
    let within = |fault: Fault| Fault::whole(format!("{key}: {fault}"));
    let group = yaml::read::<Spanned<Group>>(value).map_err(within)?;
    pass_over(&group, &group.value.unknown, notices);
    let mut ways = Ways::none();
    let mut told = Vec::new();
    for matching in group.value.matches.iter().flat_map(|matches| &matches.value) {
        let one = of_one(matching, setting, true, &mut told).map_err(within)?;
        ways = ways.or(one).map_err(too_many(matching)).map_err(within)?;
    }
    notices.extend(told.into_iter().map(within));
    if let Some(services) = &group.value.services {
        let sources = of_services(services).map_err(within)?;
        ways = ways.and(&sources).map_err(too_many(services)).map_err(within)?;
    }
    Ok(ways)
}

/// Calling services, as `a,b:1.0.0`; empty for all.
fn of_services(services: &Spanned<String>) -> Result<Ways, Fault> {
    let names = services.value.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut ways = Ways::none();
    for name in names {
        let (service, version) = match name.split_once(':') {
            Some((service, version)) => (service, Some(version.trim().to_owned())),
            None => (name, None),
        };
        let service = Some(name_of(services, service)?);
        let one = Ways::source(SourceMatch { service, version, ..SourceMatch::default() });
        ways = ways.or(one).map_err(too_many(services))?;
    }
    Ok(if ways.is_none() { Ways::every() } else { ways })
}

fn name_of<T>(node: &Spanned<T>, name: &str) -> Result<Name, Fault> {
    Name::try_from(name.trim().to_owned()).map_err(|error| Fault::at(node, error.to_string()))
}

/// Tells members that nobody knows.
pub(super) fn pass_over<T>(node: &Spanned<T>, unknown: &[String], notices: &mut Vec<Fault>) {
    for word in unknown {
        notices.push(Fault::at(node, format!("{word:?}{PASSED_OVER}it is no word for this place")));
    }
}

/// `is_of_group`: a match group knows no value that is not there.
fn of_one(
    node: &Spanned<Matching>,
    setting: Setting<'_>,
    is_of_group: bool,
    notices: &mut Vec<Fault>,
) -> Result<Ways, Fault> {
    let matching = &node.value;
    pass_over(node, &matching.unknown, notices);
    if let Some(custom) = &matching.custom_matcher {
        let words =
            "customMatcher names a Java class, which no proxy has, so that the match holds for no call";
        notices.push(Fault::at(custom, words));
        return Ok(Ways::none());
    }
    if let Some(name) = &matching.service_name
        && !is_service(name, setting)?
    {
        return Ok(Ways::none());
    }
    let mut ways = Ways::source(of_source(matching)?);
    let mut join = |one: &Ways| -> Result<(), Fault> {
        ways = ways.clone().and(one).map_err(too_many(node))?;
        Ok(())
    };
    for (name, tests) in
        [&matching.headers, &matching.http_headers].into_iter().flatten().flat_map(|fields| &fields.value)
    {
        join(&operators::of_field(Carrier::Header, name, tests, is_of_group, notices)?)?;
    }
    for (name, test) in matching.queries.iter().flat_map(|queries| &queries.value) {
        let QueryTest::OfParameter(tests) = &test.value else {
            let words = format!(
                "queries compares parameters by name, as in queries: {{debug: {{{name}: VALUE}}}}; the query as a whole is not compared"
            );
            return Err(Fault::at(test, words));
        };
        let tests = Spanned { value: tests.clone(), referenced: test.referenced, defined: test.defined };
        join(&operators::of_field(Carrier::Parameter, name, &tests, is_of_group, notices)?)?;
    }
    if let Some(path) = &matching.api_path {
        join(&operators::of_path(path, notices)?)?;
    }
    if let Some(methods) = &matching.method {
        let mut any = Ways::none();
        for method in &methods.value.0 {
            any = any.or(Ways::method(method.trim().to_ascii_uppercase())).map_err(too_many(methods))?;
        }
        if any.is_none() {
            notices.push(Fault::at(methods, "an empty list of methods holds for no call"));
        }
        join(&any)?;
    }
    Ok(ways)
}

fn is_service(name: &Spanned<String>, setting: Setting<'_>) -> Result<bool, Fault> {
    let service = match setting.called {
        Called::Service(service) => service,
        // Who takes a call knows no such thing (Java Chassis, `RequestProcessor`).
        Called::Own => return Ok(false),
        Called::Whoever => return Ok(true),
        Called::Any => {
            let words = "serviceName has no meaning in a rule about every service; write the rule under servicecomb.routeRule.SERVICE";
            return Err(Fault::at(name, words));
        }
    };
    let bare = service.rsplit_once(':').map_or(service, |(_, bare)| bare);
    Ok([service, bare].contains(&name.value.trim()))
}

/// Who has to be the caller.
fn of_source(matching: &Matching) -> Result<SourceMatch, Fault> {
    let mut source = SourceMatch::default();
    if let Some(service) = matching.source.as_ref().filter(|service| !service.value.is_empty()) {
        source.service = Some(name_of(service, &service.value)?);
    }
    let Some(tags) = &matching.source_tags else { return Ok(source) };
    for (name, value) in &tags.value {
        match name.as_str() {
            "version" => source.version = Some(value.clone()),
            "app" => source.application = Some(name_of(tags, value)?),
            _ => {
                source.properties.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(source)
}
