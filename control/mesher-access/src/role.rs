//! A role: a name for a list of permissions.
//! It must not be believed before it was checked: what a caller sends is bounded in length, number and words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AccessError, account};

/// Kinds of resources, as the original names them.
const KINDS: [&str; 7] = ["account", "config", "role", "service", "governance", "ops", "service/schema"];
/// What may be done, as the original names it.
const VERBS: [&str; 5] = ["get", "create", "update", "delete", "*"];
/// Kinds of which a permission may reach a part.
const NARROWED: [&str; 2] = ["service", "config"];
/// What such a permission may be narrowed by.
const LABELS: [&str; 3] = ["environment", "appId", "serviceName"];
/// Most permissions of one role, resources of one permission, and verbs of it.
const LIST_MAX: usize = 64;
/// Most characters of the value of a label.
const LABEL_CHARACTERS_MAX: usize = 160;

/// What may be done to which resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permission {
    /// To these.
    pub resources: Vec<Resource>,
    /// `get`, `create`, `update`, `delete`, or `*` for all of them.
    pub verbs: Vec<String>,
}

/// A kind of resource, all of it or a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// `service`, `service/schema`, `governance`, `config`, `account`, `role` or `ops`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Narrows services, or keys, to those of this `environment`, `appId` and `serviceName`; those that are not named are all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A role as a caller sends it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub perms: Vec<Permission>,
}

/// A role as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it allows; left out when empty, as the original does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perms: Vec<Permission>,
    /// Seconds since 1970, as text.
    pub create_time: String,
    /// Seconds since 1970, as text.
    pub update_time: String,
}

impl Role {
    pub(crate) fn built_in(name: &str, kinds: &[&str], id: String, now: &str) -> Self {
        let resources =
            kinds.iter().map(|kind| Resource { kind: (*kind).to_owned(), labels: BTreeMap::new() }).collect();
        Self {
            id,
            name: name.to_owned(),
            perms: vec![Permission { resources, verbs: vec!["*".to_owned()] }],
            create_time: now.to_owned(),
            update_time: now.to_owned(),
        }
    }
}

/// The kinds of the role that may do everything, and of the one that may not change accounts and roles.
pub(crate) fn kinds_of_all() -> Vec<&'static str> {
    KINDS.to_vec()
}

pub(crate) fn kinds_of_developers() -> Vec<&'static str> {
    KINDS.into_iter().filter(|kind| !["account", "role"].contains(kind)).collect()
}

impl NewRole {
    pub(crate) fn check(&self) -> Result<(), AccessError> {
        account::check_name("Role.Name", &self.name)?;
        check_list("Role.Perms", self.perms.len())?;
        self.perms.iter().try_for_each(Permission::check)
    }
}

impl Permission {
    fn check(&self) -> Result<(), AccessError> {
        check_list("Permission.Resources", self.resources.len())?;
        check_list("Permission.Verbs", self.verbs.len())?;
        self.verbs.iter().try_for_each(|verb| check_word("Permission.Verbs", verb, &VERBS))?;
        self.resources.iter().try_for_each(Resource::check)
    }
}

impl Resource {
    fn check(&self) -> Result<(), AccessError> {
        check_word("Resource.Type", &self.kind, &KINDS)?;
        if !self.labels.is_empty() && !NARROWED.contains(&self.kind.as_str()) {
            return Err(invalid("Resource.Labels", "only services and configuration can be narrowed"));
        }
        for (name, value) in &self.labels {
            check_word("Resource.Labels", name, &LABELS)?;
            if value.chars().count() > LABEL_CHARACTERS_MAX {
                return Err(invalid("Resource.Labels", "a value is too long"));
            }
        }
        Ok(())
    }
}

fn check_list(field: &str, length: usize) -> Result<(), AccessError> {
    if length <= LIST_MAX { Ok(()) } else { Err(invalid(field, &format!("at most {LIST_MAX}"))) }
}

fn check_word(field: &str, word: &str, known: &[&str]) -> Result<(), AccessError> {
    if known.contains(&word) { Ok(()) } else { Err(invalid(field, &format!("one of {}", known.join(", ")))) }
}

fn invalid(field: &str, rule: &str) -> AccessError {
    AccessError::Invalid(format!("field '{field}' does not match rule: {rule}"))
}
