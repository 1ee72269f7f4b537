//! What the roles of an account let it do: everything of a kind, a part of it by labels, or nothing.
//! It must answer "no" wherever nothing says "yes".

use std::collections::BTreeMap;

use crate::AccessError;
use crate::role::Role;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// To look.
    Get,
    /// To make.
    Create,
    /// To change.
    Update,
    /// To take away.
    Delete,
}

impl Verb {
    /// The word in permissions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What a service is found by in permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Its environment.
    pub environment: String,
    /// Its application.
    pub app: String,
    /// Its name.
    pub service: String,
}

/// The parts of a kind that a grant reaches. Each part names the labels that must be equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(Vec<BTreeMap<String, String>>);

impl Scope {
    /// Whether it reaches a service.
    #[must_use]
    pub fn admits(&self, environment: &str, app: &str, service: &str) -> bool {
        let is_it = |(name, value): (&String, &String)| match name.as_str() {
            "environment" => value == environment,
            "appId" => value == app,
            "serviceName" => value == service,
            _ => false,
        };
        self.0.iter().any(|part| part.iter().all(is_it))
    }

    /// Refuses unless it reaches all of these.
    ///
    /// # Errors
    /// [`AccessError::NoPermission`] names the first that it does not reach.
    pub fn check(&self, kind: &str, verb: Verb, wanted: &[Labels]) -> Result<(), AccessError> {
        let missed = wanted.iter().find(|one| !self.admits(&one.environment, &one.app, &one.service));
        match missed {
            None => Ok(()),
            Some(Labels { environment, app, service }) => Err(AccessError::NoPermission(format!(
                "role has no permissions[{kind}:{}] for labels [map[appId:{app} environment:{environment} serviceName:{service}]]",
                verb.as_str()
            ))),
        }
    }
}

/// How far a permission reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// To everything of the kind.
    All,
    /// To a part of it.
    Part(Scope),
}

/// What `roles` allow of `verb` on `kind`.
pub(crate) fn decide<'a>(
    roles: impl Iterator<Item = &'a Role>,
    kind: &str,
    verb: Verb,
) -> Result<Grant, AccessError> {
    let mut parts = Vec::new();
    let allows = |word: &String| word == "*" || word == verb.as_str();
    let permissions =
        roles.flat_map(|role| &role.perms).filter(|permission| permission.verbs.iter().any(allows));
    for resource in permissions.flat_map(|permission| &permission.resources) {
        if resource.kind != kind {
            continue;
        }
        if resource.labels.is_empty() {
            return Ok(Grant::All);
        }
        parts.push(resource.labels.clone());
    }
    if parts.is_empty() {
        return Err(AccessError::NoPermission(format!("role has no permissions[{kind}:{}]", verb.as_str())));
    }
    Ok(Grant::Part(Scope(parts)))
}
