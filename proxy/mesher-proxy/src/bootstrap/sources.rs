//! Where the values of settings come from, and which of several wins: flags, then environment, then file.
//! It must not interpret a value beyond finding its place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::problem::{BootstrapError, Problem};
use super::table::{self, FOREIGN_VARIABLES, SETTINGS, Setting, State};
use crate::handler::Registration;

/// The largest settings file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Values as they were given, before anything is read out of them.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// By key of the setting; the place is the flag's name.
    pub flags: BTreeMap<&'static str, (String, String)>,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
    /// The file's name and content.
    pub file: Option<(PathBuf, String)>,
    /// Handlers that this build brings along.
    pub handlers: Vec<Registration>,
}

impl Sources {
    /// The environment of this process and, where one is named, a file.
    ///
    /// # Errors
    /// [`BootstrapError`] where the file cannot be read.
    pub fn of_process(file: Option<&Path>) -> Result<Self, BootstrapError> {
        let file = file.map(read_file).transpose()?;
        #[expect(clippy::disallowed_methods, reason = "this module is the one that reads the environment")]
        let variables = std::env::vars_os();
        // What is no UTF-8 is no setting of ours.
        let environment =
            variables.filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
        Ok(Self { environment: environment.collect(), file, ..Self::default() })
    }

    /// Sets what a flag says.
    pub fn flag(&mut self, key: &'static str, flag: &str, value: String) {
        self.flags.insert(key, (flag.to_owned(), value));
    }
}

fn read_file(path: &Path) -> Result<(PathBuf, String), BootstrapError> {
    let problem = |message: String| BootstrapError {
        problems: vec![Problem { place: path.display().to_string(), message, excerpt: None }],
    };
    let size = std::fs::metadata(path).map_err(|error| problem(format!("cannot be read: {error}")))?.len();
    if size > FILE_BYTES_MAX {
        return Err(problem(format!("has {size} bytes; a settings file has at most {FILE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
    Ok((path.to_owned(), text))
}

/// A value with the place where it stands.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) place: String,
    pub(super) excerpt: Option<(String, usize)>,
}

/// The winning value of each setting.
pub(super) type Values = BTreeMap<&'static str, Given>;

/// Collects the winning values. Problems found on the way are added to `problems`.
pub(super) fn collect(sources: &Sources, problems: &mut Vec<Problem>) -> Values {
    let mut values = Values::new();
    if let Some((path, text)) = &sources.file {
        collect_file(path, text, &mut values, problems);
    }
    collect_environment(&sources.environment, &mut values, problems);
    for (key, (flag, text)) in &sources.flags {
        values.insert(key, Given { text: text.clone(), place: flag.clone(), excerpt: None });
    }
    refuse_what_is_not_built(&values, problems);
    values
}

fn refuse_what_is_not_built(values: &Values, problems: &mut Vec<Problem>) {
    for setting in SETTINGS {
        if let (State::NotBuilt(feature), Some(given)) = (setting.state, values.get(setting.key)) {
            let message = format!("this release does not have {feature} yet; take the setting away");
            problems.push(Problem { place: given.place.clone(), message, excerpt: given.excerpt.clone() });
        }
    }
}

/// An empty variable counts as absent: deployment templates set variables that they have no value for.
fn collect_environment(
    environment: &BTreeMap<String, String>,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    for setting in SETTINGS {
        let names = std::iter::once(&setting.variable).chain(setting.aliases);
        let found = names
            .filter_map(|name| Some((*name, environment.get(*name).filter(|text| !text.trim().is_empty())?)))
            .next();
        if let Some((name, text)) = found {
            let text = text_of_alias(name, text);
            values.insert(setting.key, Given { text, place: name.to_owned(), excerpt: None });
        }
    }
    for name in environment.keys().filter(|name| name.starts_with("MESHER_")) {
        let is_known = SETTINGS.iter().any(|setting| setting.variable == name);
        if !is_known && !FOREIGN_VARIABLES.contains(&name.as_str()) {
            let variables = SETTINGS.iter().map(|setting| setting.variable);
            problems.push(unknown(name.clone(), name, table::nearest(name, variables), None));
        }
    }
}

/// Of the older `SPECIFIC_ADDR=host:port` only the port counts: the application is on this machine.
fn text_of_alias(name: &str, text: &str) -> String {
    match (name, text.rsplit_once(':')) {
        ("SPECIFIC_ADDR", Some((_, port))) => format!("rest:{port}"),
        _ => text.trim().to_owned(),
    }
}

fn unknown(place: String, name: &str, nearest: Option<&str>, excerpt: Option<(String, usize)>) -> Problem {
    let message = match nearest {
        Some(nearest) => format!("unknown setting `{name}`; did you mean `{nearest}`?"),
        None => {
            format!("unknown setting `{name}`; take it away, or see the list of settings in docs/settings.md")
        }
    };
    Problem { place, message, excerpt }
}

fn collect_file(path: &Path, text: &str, values: &mut Values, problems: &mut Vec<Problem>) {
    let options = serde_saphyr::options! { strict_booleans: true };
    let document = match serde_saphyr::from_str_with_options::<Option<Document>>(text, options) {
        Ok(document) => document.unwrap_or_default(),
        Err(error) => {
            problems.push(syntax_problem(path, text, &error));
            return;
        }
    };
    for (key, value) in document.0 {
        let (line, column) = (key.referenced.line(), key.referenced.column());
        let place = format!("{}:{line}:{column}", path.display());
        let excerpt = excerpt_of(text, line, column);
        match table::by_key(&key.value) {
            None => {
                let keys = SETTINGS.iter().map(|setting| setting.key);
                problems.push(unknown(place, &key.value, table::nearest(&key.value, keys), excerpt));
            }
            Some(Setting { key, .. }) => {
                let Value(text) = value;
                values.insert(key, Given { text, place, excerpt });
            }
        }
    }
}

pub(crate) fn syntax_problem(path: &Path, text: &str, error: &serde_saphyr::Error) -> Problem {
    let (place, excerpt) = match error.location() {
        Some(location) => (
            format!("{}:{}:{}", path.display(), location.line(), location.column()),
            excerpt_of(text, location.line(), location.column()),
        ),
        None => (path.display().to_string(), None),
    };
    // The library's message brings an excerpt of its own below its first line.
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default().to_owned();
    Problem { place, message, excerpt }
}

pub(crate) fn excerpt_of(text: &str, line: u64, column: u64) -> Option<(String, usize)> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    Some((text.lines().nth(line)?.to_owned(), usize::try_from(column).ok()?))
}

/// The file: a mapping of keys to scalars or lists of scalars, in order.
#[derive(Debug, Default)]
struct Document(Vec<(Spanned<String>, Value)>);

/// A value as text; a list becomes its items with commas between, as in the environment.
#[derive(Debug)]
struct Value(String);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Document;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a mapping of settings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let is_list = matches!(key.value.as_str(), "ports" | "registry" | "tcp_outbound");
                    let value =
                        if is_list { map.next_value::<OneOrMany>()?.0 } else { map.next_value::<String>()? };
                    entries.push((key, Value(value)));
                }
                Ok(Document(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

struct OneOrMany(String);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = OneOrMany;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("one value or a list of values")
            }
            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(text.to_owned()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(number.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(number.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element::<String>()? {
                    texts.push(text);
                }
                Ok(OneOrMany(texts.join(",")))
            }
        }
        deserializer.deserialize_any(Items)
    }
}
