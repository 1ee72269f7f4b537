//! The scopes of config-center, as labels: which records a service sees through each of them.
//! It must write one spelling of the labels and read both that SDKs have.

use super::draft::{check_label_value, check_selector};
use super::labels::Labels;
use crate::ConfigError;

/// The longest text of a scope, in bytes.
const TEXT_MAX: usize = 256;
/// The scope of all services of an environment.
const APPLICATION: &str = "application";
/// Stands in the place of a service where rules for all services of an application are.
const DARK_LAUNCH: &str = "darklaunch";
/// The most further labels of a scope: with four of its own a record has no room for more.
const TAGS_MAX: usize = 2;

/// What a caller is told who names none of them.
const FORMS: &str = "dimensionsInfo: application, service@app, service@app#version or service@app#version!tag=value, at most 256 characters";

const APP: &str = "app";
const SERVICE: &str = "service";
const VERSION: &str = "version";
const ENVIRONMENT: &str = "environment";
/// Names that a further label may not have, in either spelling.
const OWN: [&str; 6] = [APP, SERVICE, VERSION, ENVIRONMENT, "appId", "serviceName"];

/// A scope within an environment: `application`, `service@app`, `service@app#version`, `service@app#version!tag=value,…`.
///
/// Source: config-center v3, `dimensionsInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dimension {
    environment: String,
    /// The widest first: what stands later counts more.
    ladder: Vec<Step>,
    /// Which step is the scope itself.
    own: usize,
}

/// One scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    /// As config-center writes it.
    pub(crate) name: String,
    /// Its labels beside the environment.
    labels: Labels,
    environment: String,
}

impl Dimension {
    /// Reads a scope.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], [`ConfigError::Field`]
    pub fn parse(text: &str, environment: &str) -> Result<Self, ConfigError> {
        check_label_value(environment)?;
        let mut ladder = vec![(APPLICATION.to_owned(), Labels::default())];
        if text != APPLICATION {
            let parts = Parts::parse(text).ok_or_else(|| ConfigError::Invalid(FORMS.to_owned()))?;
            [parts.service, parts.app, parts.version.unwrap_or_default()]
                .into_iter()
                .try_for_each(check_label_value)?;
            ladder.extend(parts.ladder());
        }
        let environment = environment.to_owned();
        let step = |(name, labels)| Step { name, labels, environment: environment.clone() };
        let ladder: Vec<_> = ladder.into_iter().map(step).collect();
        // Only that of a service without a version is not the last one.
        let own = ladder.iter().position(|step| step.name == text).unwrap_or(ladder.len() - 1);
        Ok(Self { environment, ladder, own })
    }

    /// The labels under which records of this scope are written.
    #[must_use]
    pub fn labels(&self) -> Labels {
        let mut labels = self.own().labels.clone();
        labels.set(ENVIRONMENT, &self.environment);
        labels
    }

    /// The scopes that a client of this one sees, the widest first.
    pub(crate) fn ladder(&self) -> &[Step] {
        &self.ladder
    }

    /// The scope itself.
    pub(crate) fn own(&self) -> &Step {
        &self.ladder[self.own]
    }
}

impl Step {
    /// Whether records under these labels belong to it, in whichever spelling. No label for the environment is as good
    /// as an empty one.
    pub(crate) fn holds(&self, labels: &Labels) -> bool {
        let (mut found, mut environment) = (0, "");
        for (name, value) in labels.iter() {
            match name {
                ENVIRONMENT => environment = value,
                _ if self.labels.value(canonical(name)) == Some(value) => found += 1,
                _ => return false,
            }
        }
        found == self.labels.len() && environment == self.environment
    }
}

/// Java SDKs name application and service otherwise than Go ones.
fn canonical(name: &str) -> &str {
    match name {
        "appId" => APP,
        "serviceName" => SERVICE,
        other => other,
    }
}

/// The parts of a scope that is not that of all services.
struct Parts<'a> {
    service: &'a str,
    app: &'a str,
    version: Option<&'a str>,
    tags: Labels,
}

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (rest, tags) = cut(text, '!');
        let (rest, version) = cut(rest, '#');
        let (service, app) = rest.split_once('@')?;
        let is_named = [service, app, version.unwrap_or(app)].iter().all(|part| !part.is_empty());
        let is_good = is_named && text.len() <= TEXT_MAX && (tags.is_none() || version.is_some());
        let tags = tags.map_or(Some(Labels::default()), parse_tags)?;
        is_good.then_some(Self { service, app, version, tags })
    }

    /// Names and labels of what it sees beside the scope of all services.
    fn ladder(&self) -> Vec<(String, Labels)> {
        let Self { service, app, version, tags } = self;
        let of = |service: &str| -> Labels { [(APP, *app), (SERVICE, service)].into_iter().collect() };
        let mut ladder = vec![(format!("{service}@{app}"), of(service))];
        if *service != DARK_LAUNCH {
            ladder.push((format!("{DARK_LAUNCH}@{app}"), of(DARK_LAUNCH)));
        }
        let Some(version) = version else { return ladder };
        let mut labels = of(service);
        labels.set(VERSION, version);
        ladder.push((format!("{service}@{app}#{version}"), labels.clone()));
        if !tags.is_empty() {
            let text: Vec<_> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
            labels.extend(tags);
            ladder.push((format!("{service}@{app}#{version}!{}", text.join(",")), labels));
        }
        ladder
    }
}

/// What stands before a divider, and behind it where there is one.
fn cut(text: &str, divider: char) -> (&str, Option<&str>) {
    text.split_once(divider).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Reads `tag=value,…`; `None` where that is not what it says.
fn parse_tags(text: &str) -> Option<Labels> {
    let mut tags = Labels::default();
    for tag in text.split(',') {
        let (name, value) = tag.split_once('=')?;
        if OWN.contains(&name) || tags.set(name, value).is_some() {
            return None;
        }
    }
    (tags.len() <= TAGS_MAX && check_selector(&tags).is_ok()).then_some(tags)
}
