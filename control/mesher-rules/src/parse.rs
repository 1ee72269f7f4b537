//! Text → documents, or the place where it is wrong, with the line and a way to mend it.
//! It must not grow with the text beyond a bound: aliases, depth and size are counted.

use mesher_model::rule::{Diagnostic, Document, Route, RouteRule, Rule, Severity};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use crate::book::DOCUMENTS_AT_ONCE_MAX;

/// The largest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Nodes that a text may become. Each of a hundred documents has some hundreds at most.
const NODES_MAX: usize = 100_000;
/// How deep they may stand.
const DEPTH_MAX: usize = 32;
/// The longest line that is shown, in characters.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// The longest message, in characters.
const MESSAGE_CHARACTERS_MAX: usize = 400;

/// A text that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Its documents.
    pub documents: Vec<Document>,
    /// Where each of them and its parts begin.
    pub places: Vec<Places>,
    /// What somebody should look at.
    pub warnings: Vec<Diagnostic>,
}

/// Where a document and its parts begin: line and column, counted from one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    document: (u64, u64),
    /// Its rules, each with its backends.
    rules: Vec<((u64, u64), Vec<(u64, u64)>)>,
}

/// A part of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// The rule at this place.
    Rule(usize),
    /// The backend at this place of the rule at that one.
    Backend(usize, usize),
}

impl Places {
    /// Where a part begins; where the document does, for one that is not known.
    #[must_use]
    pub fn of(&self, part: Part) -> (u64, u64) {
        let rule = |place: usize| self.rules.get(place);
        let found = match part {
            Part::Whole => None,
            Part::Rule(place) => rule(place).map(|(begin, _)| *begin),
            Part::Backend(place, backend) => {
                rule(place).map(|(begin, backends)| backends.get(backend).copied().unwrap_or(*begin))
            }
        };
        found.unwrap_or(self.document)
    }
}

/// A document as far as the places of its parts ask for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Outline {
    spec: OutlineOfSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutlineOfSpec {
    rules: Vec<Spanned<OutlineOfRule>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutlineOfRule {
    backends: Vec<Spanned<IgnoredAny>>,
}

impl Outline {
    fn places(&self, document: (u64, u64)) -> Places {
        let rule = |rule: &Spanned<OutlineOfRule>| {
            (place(rule), rule.value.backends.iter().map(place).collect::<Vec<_>>())
        };
        Places { document, rules: self.spec.rules.iter().map(rule).collect() }
    }
}

/// Reads documents from YAML, of which JSON is a part; several stand between `---`.
///
/// # Errors
/// What is wrong, where: the first such place, for what follows it means nothing.
pub fn parse(text: &str) -> Result<Parsed, Box<Diagnostic>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Box::new(whole(format!(
            "{} bytes of text; at most {TEXT_BYTES_MAX} are read",
            text.len()
        ))));
    }
    let options = || {
        serde_saphyr::options! {
            strict_booleans: true,
            budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_depth: DEPTH_MAX, max_aliases: 0, max_anchors: 0 },
        }
    };
    let read = serde_saphyr::from_multiple_with_options::<Spanned<Document>>(text, options());
    let spanned = read.map_err(|error| Box::new(diagnostic(text, &error)))?;
    // What is a document has an outline; without one its beginning is told.
    let outlines = serde_saphyr::from_multiple_with_options::<Outline>(text, options()).unwrap_or_default();
    let outlines = outlines.into_iter().chain(std::iter::repeat_with(Outline::default));
    let places: Vec<_> =
        spanned.iter().zip(outlines).map(|(document, outline)| outline.places(place(document))).collect();
    match spanned.len() {
        0 => return Err(Box::new(whole("there is no document in it".to_owned()))),
        1..=DOCUMENTS_AT_ONCE_MAX => {}
        count => {
            let message = format!("{count} documents; at most {DOCUMENTS_AT_ONCE_MAX} are taken at once");
            return Err(Box::new(whole(message)));
        }
    }
    let warnings = spanned.iter().zip(&places).flat_map(|(spanned, places)| {
        let found = [unreached(&spanned.value), repeated(&spanned.value)].into_iter().flatten();
        found.map(|(rule, message)| warning(text, places.of(Part::Rule(rule)), message))
    });
    let warnings = warnings.collect();
    Ok(Parsed { documents: spanned.into_iter().map(|spanned| spanned.value).collect(), places, warnings })
}

fn place<T>(node: &Spanned<T>) -> (u64, u64) {
    (node.referenced.line(), node.referenced.column())
}

/// Something to look at, at a place of the text.
#[must_use]
pub fn warning(text: &str, place: (u64, u64), message: String) -> Diagnostic {
    placed(text, Severity::Warning, message, place)
}

fn whole(message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Error, message, line: None, column: None, text: None }
}

fn diagnostic(text: &str, error: &serde_saphyr::Error) -> Diagnostic {
    // The library's message brings an excerpt of its own below its first line.
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default();
    let Some(location) = error.location() else { return whole(shortened(message)) };
    let place = (location.line(), location.column());
    // The place is told by itself.
    let told = format!(" at line {}, column {}", place.0, place.1);
    let message = message.strip_suffix(&told).unwrap_or(message);
    placed(text, Severity::Error, shortened(message), place)
}

/// A message that repeats what was written, without its middle where that is long: what is wrong stands at its beginning,
/// how to mend it at its end.
fn shortened(message: &str) -> String {
    let count = message.chars().count();
    if count <= MESSAGE_CHARACTERS_MAX {
        return message.to_owned();
    }
    let half = MESSAGE_CHARACTERS_MAX / 2;
    let (head, tail) = (message.chars().take(half), message.chars().skip(count - half));
    head.chain(['…']).chain(tail).collect()
}

fn placed(text: &str, severity: Severity, message: String, (line, column): (u64, u64)) -> Diagnostic {
    let place = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
    let shown = place.and_then(|place| text.lines().nth(place));
    let shown = shown.map(|line| line.chars().take(SHOWN_CHARACTERS_MAX).collect());
    Diagnostic { severity, message, line: Some(line), column: Some(column), text: shown }
}

/// Rules that decide nothing, because one before them takes every call; and the place of that one.
fn unreached(document: &Document) -> Option<(usize, String)> {
    let Rule::Route(route) = &document.rule else { return None };
    let taking_all = route.rules.iter().position(|rule| rule.matches.is_empty())?;
    let behind = route.rules.len() - taking_all - 1;
    (behind > 0).then(|| {
        let message = format!(
            "Route {}: rule {} has no matches and takes every call, so that no call reaches the {behind} after it",
            document.metadata.name,
            named(route, taking_all),
        );
        (taking_all, message)
    })
}

/// The first rule that decides nothing, because one before it asks for the same; with its place.
fn repeated(document: &Document) -> Option<(usize, String)> {
    let Rule::Route(route) = &document.rule else { return None };
    let reached = route.rules.iter().position(|rule| rule.matches.is_empty()).unwrap_or(route.rules.len());
    let rules = route.rules.get(..reached).unwrap_or_default();
    rules.iter().enumerate().find_map(|(later, rule)| {
        let takes_all = |earlier: &RouteRule| rule.matches.iter().all(|part| earlier.matches.contains(part));
        let earlier = rules.iter().take(later).position(takes_all)?;
        let message = format!(
            "Route {}: rule {} never decides, because rule {} before it has the same matches; remove one of them, or change what it asks for",
            document.metadata.name,
            named(route, later),
            named(route, earlier),
        );
        Some((later, message))
    })
}

/// The name of a rule, or its number.
fn named(route: &Route, place: usize) -> String {
    let name = route.rules.get(place).and_then(|rule| rule.name.as_ref());
    name.map_or_else(|| (place + 1).to_string(), ToString::to_string)
}
