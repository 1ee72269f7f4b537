//! One match of a rule, compiled: what a call has to be, all of it together.
//! It must be valid by construction: what cannot be decided for every call is refused here.

use std::collections::BTreeMap;

use mesher_model::rule::{CallMatch, Cidr, FieldMatch, PathMatch, SourceMatch};

use super::call::{CallView, Message};
use super::field::Field;
use super::part::{Part, SourcePart};
use super::path::PathTest;

/// What is wrong with a match, and in which of its parts.
pub(crate) struct Fault {
    pub(crate) place: String,
    pub(crate) reason: String,
}

/// A further condition on the path. Documents have none; keys of ServiceComb may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FurtherPath {
    pub(crate) path: PathMatch,
    /// Turns the answer around.
    pub(crate) not: bool,
}

/// A match.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    path: Option<PathTest>,
    /// Each with whether its answer is turned around.
    further_paths: Box<[(PathTest, bool)]>,
    method: Option<Box<[u8]>>,
    headers: Box<[Field]>,
    parameters: Box<[Field]>,
    cookies: Box<[Field]>,
    source: Option<Source>,
}

/// Who calls.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    service: Option<Box<str>>,
    application: Option<Box<str>>,
    version: Option<Box<str>>,
    properties: BTreeMap<String, String>,
    address: Option<Cidr>,
}

/// The first line of a request, taken apart once for all matches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) path: &'a [u8],
    pub(crate) query: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn of(message: Message<'a>) -> Self {
        let whole = message.path_and_query;
        let end = memchr::memchr(b'?', whole).unwrap_or(whole.len());
        let (path, query) = whole.split_at(end);
        // A target without a path asks for the root (RFC 9110 §4.2.3).
        let path = if path.is_empty() { b"/" } else { path };
        Self { method: message.method, path, query: query.get(1..).unwrap_or_default() }
    }
}

impl Condition {
    /// Whether all that it asks for is a path, and every one will do.
    pub(crate) fn takes_every_path(&self) -> bool {
        let Self { path, further_paths, method, headers, parameters, cookies, source } = self;
        path.as_ref().is_some_and(PathTest::is_every)
            && further_paths.is_empty()
            && method.is_none()
            && headers.is_empty()
            && parameters.is_empty()
            && cookies.is_empty()
            && source.is_none()
    }

    pub(crate) fn compile(part: &CallMatch, further: &[FurtherPath]) -> Result<Self, Fault> {
        let path = |path: &PathMatch| {
            PathTest::compile(path).map_err(|reason| Fault { place: "path".to_owned(), reason })
        };
        let further = further.iter().map(|further| Ok((path(&further.path)?, further.not)));
        Ok(Self {
            path: part.path.as_ref().map(path).transpose()?,
            further_paths: further.collect::<Result<_, Fault>>()?,
            method: part.method.as_ref().map(|method| method.as_bytes().into()),
            headers: fields("headers", &part.headers, |name| name.to_ascii_lowercase())?,
            parameters: fields("queryParams", &part.query_params, str::to_owned)?,
            cookies: fields("cookies", &part.cookies, str::to_owned)?,
            source: part.source.as_ref().map(Source::compile),
        })
    }

    /// Whether a call is what this says, or the first part that it does not fit; `request` is `None` for a flow of bytes.
    pub(crate) fn check(&self, call: &CallView<'_>, request: Option<Request<'_>>) -> Result<(), Part<'_>> {
        if let Some(source) = self.source.as_ref() {
            source.check(call).map_err(Part::Source)?;
        }
        match request {
            Some(request) => self.check_request(call, request),
            None if self.asks_of_caller_only() => Ok(()),
            None => Err(Part::Request),
        }
    }

    fn check_request(&self, call: &CallView<'_>, request: Request<'_>) -> Result<(), Part<'_>> {
        if let Some(method) = self.method.as_ref().filter(|method| request.method != method.as_ref()) {
            return Err(Part::Method(method));
        }
        if let Some(path) = self.path.as_ref().filter(|path| !path.holds(request.path)) {
            return Err(Part::Path(path));
        }
        let is_other = |(path, not): &&(PathTest, bool)| path.holds(request.path) == *not;
        if let Some((path, not)) = self.further_paths.iter().find(is_other) {
            return Err(if *not { Part::NotPath(path) } else { Part::Path(path) });
        }
        let missed = |field: &&Field| !field.holds_for_headers(call.head);
        if let Some(field) = self.headers.iter().find(missed) {
            return Err(Part::Header(field));
        }
        if let Some(field) = self.cookies.iter().find(|field| !field.holds_for_cookies(call.head)) {
            return Err(Part::Cookie(field));
        }
        let parameter = self.parameters.iter().find(|field| !field.holds_for_query(request.query));
        parameter.map_or(Ok(()), |field| Err(Part::Parameter(field)))
    }

    /// Names of header fields without which no call fits. Of a host there is always one, whatever its field says.
    pub(crate) fn needed_fields(&self) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(|field| !field.holds_without()).map(Field::name);
        let cookie = self.cookies.iter().any(|field| !field.holds_without()).then_some("cookie");
        named.filter(|name| *name != "host").chain(cookie)
    }

    /// Whether no call fits that has no query.
    pub(crate) fn needs_query(&self) -> bool {
        self.parameters.iter().any(|field| !field.holds_without())
    }

    /// What the path of every call begins with that fits.
    pub(crate) fn beginning_of_path(&self) -> &[u8] {
        self.path.as_ref().map_or(&[], PathTest::beginning)
    }

    pub(crate) fn method(&self) -> Option<&[u8]> {
        self.method.as_deref()
    }

    pub(crate) fn asks_of_caller_only(&self) -> bool {
        self.path.is_none()
            && self.further_paths.is_empty()
            && self.method.is_none()
            && [&self.headers, &self.parameters, &self.cookies].iter().all(|fields| fields.is_empty())
    }

    /// How much room its automata take, in bytes.
    pub(crate) fn pattern_bytes(&self) -> usize {
        let fields = self.headers.iter().chain(&self.parameters).chain(&self.cookies);
        let paths = self.path.iter().chain(self.further_paths.iter().map(|(path, _)| path));
        fields.map(Field::pattern_bytes).sum::<usize>() + paths.map(PathTest::pattern_bytes).sum::<usize>()
    }
}

fn fields(what: &str, given: &[FieldMatch], spell: fn(&str) -> String) -> Result<Box<[Field]>, Fault> {
    let compile = |field: &FieldMatch| {
        let fault = |reason| Fault { place: format!("{what} {:?}", field.name), reason };
        Field::compile(field, spell(&field.name)).map_err(fault)
    };
    given.iter().map(compile).collect()
}

impl Source {
    fn compile(source: &SourceMatch) -> Self {
        Self {
            service: source.service.as_ref().map(|name| name.as_str().into()),
            application: source.application.as_ref().map(|name| name.as_str().into()),
            version: source.version.as_deref().map(Into::into),
            properties: source.properties.clone(),
            address: source.address,
        }
    }

    fn check(&self, call: &CallView<'_>) -> Result<(), SourcePart<'_>> {
        let caller = &call.caller;
        if let Some(wanted) = self.service.as_deref().filter(|wanted| *wanted != caller.service) {
            return Err(SourcePart::Service(wanted));
        }
        if let Some(wanted) = self.application.as_deref().filter(|wanted| *wanted != caller.application) {
            return Err(SourcePart::Application(wanted));
        }
        if let Some(wanted) = self.version.as_deref().filter(|wanted| *wanted != caller.version) {
            return Err(SourcePart::Version(wanted));
        }
        if let Some((name, value)) =
            self.properties.iter().find(|(name, value)| caller.properties.get(*name) != Some(value))
        {
            return Err(SourcePart::Property(name, value));
        }
        match self.address {
            Some(network) if !call.head.address().is_some_and(|address| network.contains(address)) => {
                Err(SourcePart::Address(network))
            }
            _ => Ok(()),
        }
    }
}

/// Whether all of the wanted properties are there, with these values.
pub(crate) fn has_all(given: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(name, value)| given.get(name) == Some(value))
}
