//! What somebody should look at before they believe in a rule: names that nobody has, and documents about `*`.
//! It must refuse nothing: whoever writes a rule before its version is started does right.

use std::collections::BTreeSet;

use mesher_model::rule::{
    Backend, Diagnostic, Document, Egress, Filter as RuleFilter, Host, Metadata, RequestMirror, Route,
    RouteFallback, RouteRule, Rule, RuleKey, ServiceName, SourceMatch, Subset,
};
use mesher_registry::{InstanceRecord, Registry, ServiceRecord};
use mesher_rules::{Book, Parsed, Part, warning};

use super::filter::Filter;
use crate::control::Control;

/// Names and parts that are looked for in one request: the registry answers nobody else meanwhile.
const LOOKS_MAX: usize = 128;
/// Findings of one request that are told.
const FINDINGS_MAX: usize = 100;
/// Services that one finding names.
const SERVICES_TOLD_MAX: usize = 5;

/// Everything to look at, what the text alone shows first.
pub(super) fn found(control: &Control, filter: &Filter, text: &str, parsed: &Parsed) -> Vec<Diagnostic> {
    let mut found = parsed.warnings.clone();
    let placed = || parsed.documents.iter().zip(&parsed.places);
    control.look(|registry, _| {
        let mut search = Search { registry, filter, looks: 0 };
        for (document, places) in placed() {
            // The same of two parts is told once, of the first.
            let mut told = BTreeSet::new();
            let doubts =
                search.doubts(document).into_iter().filter(|(_, message)| told.insert(message.clone()));
            found.extend(doubts.map(|(part, message)| warning(text, places.of(part), message)));
        }
    });
    control.look_at_rules(|book| {
        let shadows = placed().filter_map(|(document, places)| {
            let message = shadow(book, &parsed.documents, document)?;
            Some(warning(text, places.of(Part::Whole), message))
        });
        found.extend(shadows);
    });
    found.truncate(FINDINGS_MAX);
    found
}

/// What documents about every service and documents about one of them keep from each other.
fn shadow(book: &Book, written: &[Document], document: &Document) -> Option<String> {
    let target = document.target();
    let head = format!("{} {}", document.kind(), document.metadata.name);
    // What is written now stands in place of what is there under the same name.
    let is_left = |key: &RuleKey| !written.iter().any(|document| document.key() == *key);
    let coming = written.iter().filter(|other| is_kin(document, &other.key()));
    if !target.is_every() {
        let of_every = target.every();
        let standing = book.of_target(&of_every);
        let standing = standing.filter(|row| is_kin(document, &row.key) && is_left(&row.key));
        let mut every = standing.map(|row| &row.document).chain(coming);
        let every = every.find(|other| other.target() == of_every)?;
        return Some(format!(
            "{head}: for {service} it holds in place of {} {}, which is about every service; write here too what of that is meant for {service}",
            every.kind(),
            every.metadata.name,
            service = document.service(),
        ));
    }
    let standing = book.rows().filter(|row| is_kin(document, &row.key) && is_left(&row.key));
    let others = standing.map(|row| &row.document).chain(coming);
    let own: BTreeSet<_> = others.filter(|other| !other.target().is_every()).map(told).collect();
    let shown: Vec<_> = own.iter().take(SERVICES_TOLD_MAX).map(String::as_str).collect();
    let more = own.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!own.is_empty()).then(|| {
        format!(
            "{head}: it does not hold for {}{more}, which a document of its own is about; write there what is meant for it too",
            shown.join(", "),
        )
    })
}

/// Whether a document of this key is of the same kind, and about services of the same application and environment.
fn is_kin(document: &Document, key: &RuleKey) -> bool {
    let Metadata { application, environment, .. } = &document.metadata;
    key.kind == document.kind() && key.application == application.as_str() && key.environment == *environment
}

/// A service, with the document that is about it.
fn told(document: &Document) -> String {
    format!("{} ({} {})", document.service(), document.kind(), document.metadata.name)
}

/// A finding about a part of a document.
type Doubt = (Part, String);

/// Looks for what documents name.
struct Search<'a> {
    registry: &'a Registry,
    filter: &'a Filter,
    looks: usize,
}

impl<'a> Search<'a> {
    fn doubts(&mut self, document: &Document) -> Vec<Doubt> {
        let head = format!("{} {}", document.kind(), document.metadata.name);
        let doubts = match &document.rule {
            Rule::Route(route) => self.of_route(&document.metadata, route),
            Rule::Egress(egress) => self.of_egress(&document.metadata, egress),
            rule => {
                let place = &document.metadata;
                let of_service =
                    self.of_service(place, rule.service()).or_else(|| self.of_fallback(place, rule));
                let sources = rule.all_matches().filter_map(|part| part.source.as_ref());
                let callers: Vec<_> = sources.filter_map(|source| self.of_caller(place, source)).collect();
                of_service.into_iter().chain(callers).map(|doubt| (Part::Whole, doubt)).collect()
            }
        };
        doubts.into_iter().map(|(part, doubt)| (part, format!("{head}: {doubt}"))).collect()
    }

    fn of_egress(&mut self, place: &Metadata, egress: &Egress) -> Vec<Doubt> {
        let of_service = self.of_service(place, &egress.service);
        let mut doubts: Vec<_> = of_service.into_iter().map(|doubt| (Part::Whole, doubt)).collect();
        for (number, rule) in egress.rules.iter().enumerate() {
            let inside = rule.hosts.iter().map(Host::as_str).filter(|host| is_name_of_service(host));
            doubts.extend(inside.map(|host| {
                let doubt = format!(
                    "no call to {host} is ever asked about here: a name without a dot is that of a service, or nobody's, and does not leave the mesh; write the host's whole name"
                );
                (Part::Rule(number), doubt)
            }));
            let Some(name) = &rule.to else { continue };
            doubts.extend(self.absent(place, name.as_str()).map(|absent| {
                let doubt =
                    format!("{absent}, so that calls which `to` leads there fail; start it, or mend `to`");
                (Part::Rule(number), doubt)
            }));
        }
        doubts
    }

    /// The service that a document is about.
    fn of_service(&mut self, place: &Metadata, service: &ServiceName) -> Option<String> {
        if service.to_string() == ServiceName::EVERY {
            return None;
        }
        let absent = self.absent(place, &service.to_string())?;
        Some(format!(
            "{absent}, so that it holds for no call until one is; `mesher get services` lists names"
        ))
    }

    /// The part of a service that a fallback leads calls to which failed.
    fn of_fallback(&mut self, place: &Metadata, rule: &Rule) -> Option<String> {
        let Rule::Fallback(fallback) = rule else { return None };
        let (subset, service) = (fallback.subset.as_ref()?, fallback.service.to_string());
        let is_lacking = service != ServiceName::EVERY && self.lacks(place, &service, subset);
        is_lacking.then(|| {
            format!(
                "no instance of {service} is of {} now: calls that fail stay failed until one starts; start it, or mend the subset",
                words(subset)
            )
        })
    }

    fn of_route(&mut self, place: &Metadata, route: &Route) -> Vec<Doubt> {
        let name = route.service.to_string();
        let is_every = name == ServiceName::EVERY;
        let of_service = self.of_service(place, &route.service);
        let mut doubts: Vec<_> = of_service.into_iter().map(|doubt| (Part::Whole, doubt)).collect();
        let is_known = doubts.is_empty() && !is_every;
        for (number, rule) in route.rules.iter().enumerate() {
            let rule_name = rule.name.as_ref().map_or_else(|| (number + 1).to_string(), ToString::to_string);
            let sources = rule.matches.iter().filter_map(|part| part.source.as_ref());
            let callers = sources.filter_map(|source| self.of_caller(place, source));
            let mut of_rule: Vec<_> = callers.map(|doubt| (Part::Rule(number), doubt)).collect();
            if is_known {
                let backends = self.of_backends(place, &name, rule).into_iter();
                of_rule.extend(backends.map(|(backend, doubt)| (Part::Backend(number, backend), doubt)));
            }
            for mirror in rule.filters.iter().filter_map(mirror) {
                let doubt = self.of_mirror(place, is_known.then_some(&name), mirror);
                of_rule.extend(doubt.map(|doubt| (Part::Rule(number), doubt)));
            }
            doubts.extend(
                of_rule.into_iter().map(|(part, doubt)| (part, format!("rule {rule_name}: {doubt}"))),
            );
        }
        doubts
    }

    /// Each with the place of its backend.
    fn of_backends(&mut self, place: &Metadata, service: &str, rule: &RouteRule) -> Vec<(usize, String)> {
        let end = match rule.fallback {
            RouteFallback::Any => "every instance takes its calls until one starts",
            RouteFallback::None => {
                "its calls are answered 503 until one starts; start it, mend the subset, or say `fallback: Any`"
            }
        };
        let taking = rule.backends.iter().enumerate().filter(|(_, Backend { weight, .. })| *weight > 0);
        let lacking = taking.filter(|(_, backend)| self.lacks(place, service, &backend.subset));
        let told = |(number, backend): (usize, &Backend)| {
            (number, format!("no instance of {service} is of {} now: {end}", words(&backend.subset)))
        };
        lacking.map(told).collect()
    }

    fn of_mirror(
        &mut self,
        place: &Metadata,
        called: Option<&String>,
        mirror: &RequestMirror,
    ) -> Option<String> {
        let end = "no copy is sent until one starts; start it, or mend the mirror";
        if let Some(other) = &mirror.service
            && let Some(absent) = self.absent(place, other.as_str())
        {
            return Some(format!("{absent}: {end}"));
        }
        let service = mirror.service.as_ref().map(ToString::to_string);
        let service = service.or_else(|| called.cloned())?;
        self.lacks(place, &service, &mirror.subset)
            .then(|| format!("no instance of {service} is of {} now: {end}", words(&mirror.subset)))
    }

    /// A caller may be of any application, unless the match says of which.
    fn of_caller(&mut self, place: &Metadata, source: &SourceMatch) -> Option<String> {
        let name = source.service.as_ref()?.as_str();
        let application = source.application.as_ref().unwrap_or(&place.application).as_str();
        let place = Metadata {
            application: source.application.clone().unwrap_or_else(|| place.application.clone()),
            ..place.clone()
        };
        if !self.may_look(&place.environment, application, name) || !self.records(&place, name).is_empty() {
            return None;
        }
        let is_elsewhere = source.application.is_none()
            && self.elsewhere(name).is_some_and(|record| record.service().environment == place.environment);
        (!is_elsewhere).then(|| {
            format!("no service {name} that would call is registered, so that the match holds for no call; mend `source`, or start it")
        })
    }

    /// That no service has this name, with where there is one.
    fn absent(&mut self, place: &Metadata, name: &str) -> Option<String> {
        let Metadata { application, environment, .. } = place;
        if !self.may_look(environment, application.as_str(), name) || !self.records(place, name).is_empty() {
            return None;
        }
        let hint = self.elsewhere_of(Some(application.as_str()), name).or_else(|| self.elsewhere(name));
        let hint = hint.map(|record| hint_at(record, application.as_str()));
        let environment = of_environment(environment);
        let hint = hint.unwrap_or_default();
        Some(format!("no service {name} is registered in application {application}{environment}{hint}"))
    }

    /// Whether no instance of a service that is there fits a part of it.
    fn lacks(&mut self, place: &Metadata, name: &str, subset: &Subset) -> bool {
        if subset.is_all() || !self.may_look(&place.environment, place.application.as_str(), name) {
            return false;
        }
        let records = self.records(place, name);
        let is_of_version = |record: &&ServiceRecord| {
            subset.version.as_ref().is_none_or(|version| *version == record.service().version)
        };
        let mut instances = records.into_iter().filter(is_of_version).flat_map(ServiceRecord::instances);
        !instances.any(|instance| fits(instance, subset))
    }

    /// Whether another question may be asked, and whoever asks may see the answer.
    fn may_look(&mut self, environment: &str, application: &str, name: &str) -> bool {
        self.looks += 1;
        self.looks <= LOOKS_MAX && self.filter.sees(environment, application, name)
    }

    fn records(&self, place: &Metadata, name: &str) -> Vec<&'a ServiceRecord> {
        self.registry.named(self.filter.tenant(), &place.environment, place.application.as_str(), name)
    }

    /// A service of this name in any application and environment.
    fn elsewhere(&self, name: &str) -> Option<&'a ServiceRecord> {
        self.elsewhere_of(None, name)
    }

    /// The same, in one application where it is named.
    fn elsewhere_of(&self, application: Option<&str>, name: &str) -> Option<&'a ServiceRecord> {
        self.registry.services(self.filter.tenant(), false).find(|record| {
            let service = record.service();
            service.service_name == name
                && application.is_none_or(|application| service.app_id == application)
                && self.filter.sees(&service.environment, &service.app_id, name)
        })
    }
}

fn fits(record: &InstanceRecord, subset: &Subset) -> bool {
    let instance = record.instance();
    let zone = instance.data_center_info.as_ref().map(|place| place.available_zone.as_str());
    record.is_up()
        && subset.zone.as_ref().is_none_or(|wanted| zone == Some(wanted.as_str()))
        && subset.properties.iter().all(|(name, value)| instance.properties.get(name) == Some(value))
}

const fn mirror(filter: &RuleFilter) -> Option<&RequestMirror> {
    match filter {
        RuleFilter::RequestMirror(mirror) => Some(mirror),
        _ => None,
    }
}

/// A part of a service, for people.
fn words(subset: &Subset) -> String {
    let version = subset.version.iter().map(|version| format!("version {version}"));
    let properties = subset.properties.iter().map(|(name, value)| format!("property {name}={value}"));
    let zone = subset.zone.iter().map(|zone| format!("zone {zone}"));
    version.chain(properties).chain(zone).collect::<Vec<_>>().join(", ")
}

/// Where a service is that was looked for elsewhere: what differs is named.
fn hint_at(record: &ServiceRecord, application: &str) -> String {
    let service = record.service();
    if service.app_id != application {
        let environment = of_environment(&service.environment);
        return format!(
            " (there is one in application {}{environment}: say so in `metadata` if it is meant)",
            service.app_id
        );
    }
    match service.environment.as_str() {
        "" => " (there is one without an environment: leave out `metadata.environment` if it is meant)"
            .to_owned(),
        environment => format!(
            " (there is one in environment {environment}: say `metadata.environment: {environment}` if it is meant)"
        ),
    }
}

/// Whether a host of a rule is a name that calls look for among services alone.
fn is_name_of_service(host: &str) -> bool {
    host != Host::EVERY && !host.contains('.') && host.parse::<std::net::IpAddr>().is_err()
}

fn of_environment(environment: &str) -> String {
    if environment.is_empty() { String::new() } else { format!(", environment {environment}") }
}
