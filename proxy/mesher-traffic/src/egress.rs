//! Which hosts outside the mesh may be called: looked up by name, however many there are.
//! It must not know whether a host is a service's: that was found out before.

use std::collections::HashMap;

use mesher_model::rule::{Document, Egress, Host, Otherwise, Way};

/// What may leave the mesh from a service.
#[derive(Debug, PartialEq, Eq)]
pub struct EgressPolicy {
    /// Name of the document.
    pub name: String,
    rules: Box<[Rule]>,
    /// The rules that are about exactly this host, in their order.
    exact: HashMap<Box<str>, Vec<u16>>,
    /// The rules that are about every name below this one.
    below: HashMap<Box<str>, Vec<u16>>,
    /// The rules that are about every host.
    every: Vec<u16>,
    otherwise: Otherwise,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// Its name, or its number.
    name: String,
    ports: Option<Box<[u16]>>,
    way: Way,
    /// The service that takes the calls, where they are routed.
    to: Box<str>,
}

/// What becomes of a call to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit<'p> {
    /// The rule that decided: its name, or its number; `None` where none is about the host.
    pub rule: Option<&'p str>,
    /// What it says.
    pub way: Way,
    /// The service that takes the call, where it is routed.
    pub to: &'p str,
}

impl EgressPolicy {
    /// Compiles a document of this kind.
    pub(crate) fn compile(document: &Document, egress: &Egress) -> Self {
        let (mut exact, mut below) = (HashMap::<_, Vec<u16>>::new(), HashMap::<_, Vec<u16>>::new());
        let mut every = Vec::new();
        let mut rules = Vec::with_capacity(egress.rules.len());
        for (place, rule) in (0..).zip(&egress.rules) {
            for host in &rule.hosts {
                match (host.as_str(), host.as_str().strip_prefix("*.")) {
                    (Host::EVERY, _) => every.push(place),
                    (_, Some(name)) => below.entry(name.into()).or_default().push(place),
                    (name, None) => exact.entry(name.into()).or_default().push(place),
                }
            }
            rules.push(Rule {
                name: rule.name.as_ref().map_or_else(|| (place + 1).to_string(), ToString::to_string),
                ports: rule.ports.as_deref().map(Into::into),
                way: rule.action,
                to: rule.to.as_ref().map_or("", |to| to.as_str()).into(),
            });
        }
        let name = document.metadata.name.to_string();
        Self { name, rules: rules.into(), exact, below, every, otherwise: egress.otherwise }
    }

    /// What becomes of a call to a host, which is in lower case.
    #[must_use]
    pub fn decide(&self, host: &str, port: u16) -> Exit<'_> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let dots = host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..));
        let below = dots.filter_map(|name| self.below.get(name));
        let named = self.exact.get(host).into_iter().chain(below).chain([&self.every]).flatten();
        let is_about = |rule: &&Rule| rule.ports.as_ref().is_none_or(|ports| ports.contains(&port));
        let first =
            named.filter(|place| self.rules.get(usize::from(**place)).as_ref().is_some_and(is_about)).min();
        match first.and_then(|place| self.rules.get(usize::from(*place))) {
            Some(rule) => Exit { rule: Some(&rule.name), way: rule.way, to: &rule.to },
            None if self.otherwise == Otherwise::Allow => Exit { rule: None, way: Way::Allow, to: "" },
            None => Exit { rule: None, way: Way::Refuse, to: "" },
        }
    }

    /// A decision in words.
    #[must_use]
    pub fn describe(&self, exit: Exit<'_>) -> String {
        let who = match exit.rule {
            Some(rule) => format!("rule {rule} of Egress {}", self.name),
            None => format!("Egress {}, of which no rule is about it,", self.name),
        };
        match exit.way {
            Way::Allow => format!("{who} allows it"),
            Way::Refuse => format!("{who} refuses it"),
            Way::Route => format!("{who} sends it to {}", exit.to),
        }
    }
}
