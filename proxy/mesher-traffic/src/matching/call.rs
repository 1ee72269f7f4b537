//! A call as rules see it: borrowed parts of whatever carries it.
//! It must copy nothing: most rules look at one or two of the parts.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// A call that a rule decides about.
#[derive(Clone, Copy)]
pub struct CallView<'a> {
    /// What its protocol knows.
    pub head: &'a dyn HeadView,
    /// Who calls.
    pub caller: Caller<'a>,
}

impl std::fmt::Debug for CallView<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let message = self.head.message();
        formatter.debug_struct("CallView").field("message", &message).field("caller", &self.caller).finish()
    }
}

/// The application that calls.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Its service.
    pub service: &'a str,
    /// Its application.
    pub application: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Properties of its instance.
    pub properties: &'a BTreeMap<String, String>,
}

/// Properties of a caller of whom nothing but the name is known.
static NO_PROPERTIES: BTreeMap<String, String> = BTreeMap::new();

impl<'a> Caller<'a> {
    /// A caller of whom nothing but the name is known.
    #[must_use]
    pub const fn named(service: &'a str) -> Self {
        Self { service, application: "", version: "", properties: &NO_PROPERTIES }
    }
}

/// The first line of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The method, as it was sent.
    pub method: &'a [u8],
    /// The path, as it was sent, and behind a `?` the query.
    pub path_and_query: &'a [u8],
}

/// What a protocol knows of a call. Asked only for what a rule is about.
pub trait HeadView {
    /// The request's first line; `None` for a flow of bytes, of which no rule can ask more than where it comes from.
    fn message(&self) -> Option<Message<'_>>;

    /// Whether `holds` says yes to the value of any header field of this name, which is in lower case.
    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool;

    /// Shows the name of each header field, in whatever case it came. Names may come several times.
    fn each_name(&self, see: &mut dyn FnMut(&[u8]));

    /// The address that the connection comes from.
    fn address(&self) -> Option<IpAddr>;
}
