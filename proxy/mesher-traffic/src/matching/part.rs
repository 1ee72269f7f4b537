//! The part of a match that a call does not fit, and what was found in its place: in words, for whoever asks why.
//! It must repeat no value that a call brought: values of header fields are often secrets.

use std::fmt;

use mesher_model::rule::Cidr;

use super::call::CallView;
use super::condition::Request;
use super::field::Field;
use super::path::PathTest;

/// One part of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'c> {
    /// It asks for more than where a flow comes from.
    Request,
    Source(SourcePart<'c>),
    Method(&'c [u8]),
    Path(&'c PathTest),
    /// It is this path, and must not be.
    NotPath(&'c PathTest),
    Header(&'c Field),
    Cookie(&'c Field),
    Parameter(&'c Field),
}

/// One part of what is asked of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourcePart<'c> {
    Service(&'c str),
    Application(&'c str),
    Version(&'c str),
    Property(&'c str, &'c str),
    Address(Cidr),
}

impl Part<'_> {
    /// What the call has in its place.
    pub(crate) fn found(&self, call: &CallView<'_>, request: Option<Request<'_>>) -> String {
        let query = request.map(|request| request.query).unwrap_or_default();
        match self {
            Self::Request => "it is a flow of bytes".to_owned(),
            Self::Source(source) => source.found(call),
            Self::NotPath(_) => "it is this one".to_owned(),
            Self::Method(_) | Self::Path(_) => "it is another one".to_owned(),
            Self::Header(field) => presence(field.is_in_headers(call.head)),
            Self::Cookie(field) => presence(field.is_in_cookies(call.head)),
            Self::Parameter(field) => presence(field.is_in_query(query)),
        }
    }
}

fn presence(is_there: bool) -> String {
    if is_there { "it has another value" } else { "it is not there" }.to_owned()
}

impl SourcePart<'_> {
    fn found(&self, call: &CallView<'_>) -> String {
        let caller = &call.caller;
        match self {
            Self::Service(_) => format!("it is {}", caller.service),
            Self::Application(_) => format!("it is {}", caller.application),
            Self::Version(_) => format!("it is {}", caller.version),
            Self::Property(name, _) => match caller.properties.get(*name) {
                Some(value) => format!("it is {value}"),
                None => "it is not there".to_owned(),
            },
            Self::Address(_) => match call.head.address() {
                Some(address) => format!("it is {address}"),
                None => "it is not known".to_owned(),
            },
        }
    }
}

/// In the words of documents.
impl fmt::Display for Part<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => formatter.write_str("a request"),
            Self::Source(source) => write!(formatter, "source.{source}"),
            Self::Method(method) => write!(formatter, "method {}", method.escape_ascii()),
            Self::Path(path) => write!(formatter, "path {path}"),
            Self::NotPath(path) => write!(formatter, "path not {path}"),
            Self::Header(field) => write!(formatter, "header {field}"),
            Self::Cookie(field) => write!(formatter, "cookie {field}"),
            Self::Parameter(field) => write!(formatter, "query parameter {field}"),
        }
    }
}

impl fmt::Display for SourcePart<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(wanted) => write!(formatter, "service {wanted}"),
            Self::Application(wanted) => write!(formatter, "application {wanted}"),
            Self::Version(wanted) => write!(formatter, "version {wanted}"),
            Self::Property(name, value) => write!(formatter, "properties {name}={value}"),
            Self::Address(network) => write!(formatter, "address {network}"),
        }
    }
}
