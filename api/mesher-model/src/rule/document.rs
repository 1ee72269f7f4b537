//! The frame that documents of all kinds share: version, kind, metadata, and the kind's own part.
//! It must refuse what it does not know: a word that is passed over is a rule that somebody believes in.

use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::kinds::{Kind, Rule};
use super::side::Side;
use super::words::{Name, ServiceName};
use crate::{DEFAULT, ENVIRONMENTS};

/// The version of all documents.
pub const API_VERSION: &str = "mesher/v1";
/// In front of a service that is meant as one that calls; no name has a colon.
const CALLER: &str = "caller:";
/// In front of a service whose own proxies are meant, as those that take calls.
const PROVIDER: &str = "provider:";
/// The members of a document, in the order in which they are written.
const MEMBERS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// The name of a document, and where it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Its name, the only one of its kind in its application and environment.
    pub name: Name,
    /// The application whose services it is about.
    #[serde(default = "default_application")]
    pub application: Name,
    /// The environment of those services; empty is one of its own.
    #[serde(default, skip_serializing_if = "str::is_empty", deserialize_with = "environment")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ENVIRONMENTS)))]
    pub environment: String,
}

fn default_application() -> Name {
    Name::try_from(DEFAULT.to_owned()).expect("the default application is a name")
}

fn environment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let environment = String::deserialize(deserializer)?;
    if ENVIRONMENTS.contains(&environment.as_str()) {
        return Ok(environment);
    }
    let known = ENVIRONMENTS.get(1..).unwrap_or_default().join(", ");
    Err(D::Error::custom(format_args!("{environment:?} is no environment; there are {known}, and none")))
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name, and where it holds.
    pub metadata: Metadata,
    /// What it says.
    pub rule: Rule,
}

/// Names one document. Ordered so that all of one kind stand together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleKey {
    /// Its kind.
    pub kind: Kind,
    /// Its environment.
    #[serde(rename = "env")]
    pub environment: String,
    /// Its application.
    #[serde(rename = "app")]
    pub application: String,
    /// Its name.
    pub name: String,
}

/// The services that a document is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Target {
    /// Their environment.
    #[serde(rename = "env")]
    pub environment: String,
    /// Their application.
    #[serde(rename = "app")]
    pub application: String,
    /// The service, or `*`; behind `caller:` where it is meant as one that calls, behind `provider:` where its own proxies
    /// are meant, and not those of its callers.
    pub service: String,
}

impl Target {
    /// A service as one that calls. What is said of it concerns its own proxies, and not those of its callers.
    #[must_use]
    pub fn of_caller(environment: &str, application: &str, service: &str) -> Self {
        Self::behind(CALLER, environment, application, service)
    }

    /// A service as one whose own proxies take its calls. What is said of it concerns them, and not those of its callers.
    #[must_use]
    pub fn of_provider(environment: &str, application: &str, service: &str) -> Self {
        Self::behind(PROVIDER, environment, application, service)
    }

    fn behind(role: &str, environment: &str, application: &str, service: &str) -> Self {
        Self {
            environment: environment.to_owned(),
            application: application.to_owned(),
            service: format!("{role}{service}"),
        }
    }

    /// What stands in front of the service; empty where it is meant as one that is called.
    fn role(&self) -> &'static str {
        [CALLER, PROVIDER].into_iter().find(|role| self.service.starts_with(role)).unwrap_or_default()
    }

    /// Whether the service is meant as one that its callers' proxies call.
    #[must_use]
    pub fn is_of_called(&self) -> bool {
        self.role().is_empty()
    }

    /// The service, or `*`, however it is meant.
    #[must_use]
    pub fn name(&self) -> &str {
        self.service.strip_prefix(self.role()).unwrap_or(&self.service)
    }

    /// Whether it stands for every service.
    #[must_use]
    pub fn is_every(&self) -> bool {
        self.name() == ServiceName::EVERY
    }

    /// Every service of the same application and environment, meant in the same way.
    #[must_use]
    pub fn every(&self) -> Self {
        Self { service: format!("{}{}", self.role(), ServiceName::EVERY), ..self.clone() }
    }
}

impl Document {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.rule.kind()
    }

    /// What names it.
    #[must_use]
    pub fn key(&self) -> RuleKey {
        RuleKey {
            kind: self.kind(),
            environment: self.metadata.environment.clone(),
            application: self.metadata.application.to_string(),
            name: self.metadata.name.to_string(),
        }
    }

    /// The service that it is about.
    #[must_use]
    pub const fn service(&self) -> &ServiceName {
        self.rule.service()
    }

    /// The services that it is about.
    #[must_use]
    pub fn target(&self) -> Target {
        let Metadata { environment, application, .. } = &self.metadata;
        let service = self.service().to_string();
        match (self.kind(), self.rule.side()) {
            (Kind::Egress, _) => Target::of_caller(environment, application.as_str(), &service),
            (_, Side::Provider) => Target::of_provider(environment, application.as_str(), &service),
            (_, Side::Consumer) => {
                Target { environment: environment.clone(), application: application.to_string(), service }
            }
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [version, kind, metadata, spec] = MEMBERS;
        let mut map = serializer.serialize_map(Some(MEMBERS.len()))?;
        map.serialize_entry(version, API_VERSION)?;
        map.serialize_entry(kind, &self.kind())?;
        map.serialize_entry(metadata, &self.metadata)?;
        map.serialize_entry(spec, &self.rule)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// Reads the members in one pass, so that what is wrong in `spec` is told where it stands.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Document;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a document with apiVersion, kind, metadata and spec")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let (mut has_version, mut kind, mut metadata, mut rule) = (false, None, None, None);
        while let Some(member) = map.next_key::<String>()? {
            let is_repeated = match member.as_str() {
                "apiVersion" => std::mem::replace(&mut has_version, version(&map.next_value::<String>()?)?),
                "kind" => kind.replace(map.next_value::<Kind>()?).is_some(),
                "metadata" => metadata.replace(map.next_value::<Metadata>()?).is_some(),
                "spec" => {
                    let kind = kind.ok_or_else(|| A::Error::custom("kind has to stand before spec"))?;
                    rule.replace(Rule::read(kind, &mut map)?).is_some()
                }
                other => return Err(A::Error::unknown_field(other, &MEMBERS)),
            };
            if is_repeated {
                return Err(A::Error::custom(format_args!("{member} stands there twice")));
            }
        }
        if !has_version {
            return Err(A::Error::missing_field("apiVersion"));
        }
        kind.ok_or_else(|| A::Error::missing_field("kind"))?;
        Ok(Document {
            metadata: metadata.ok_or_else(|| A::Error::missing_field("metadata"))?,
            rule: rule.ok_or_else(|| A::Error::missing_field("spec"))?,
        })
    }
}

fn version<E: serde::de::Error>(text: &str) -> Result<bool, E> {
    if text == API_VERSION {
        return Ok(true);
    }
    Err(E::custom(format_args!("unknown apiVersion {text:?}; this release knows {API_VERSION}")))
}
