//! What of a call is put into its context, so that whoever is called further down knows it.
//! It must take values as they came, within a bound, and leave out those that are not there.

use crate::matching::call::HeadView;
use crate::matching::condition::Request;
use crate::matching::field::{any_parameter, decode};

/// The longest value that is put into a context, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The path, without its query.
    Path,
    Method,
    /// A header field; its name is in lower case.
    Header(Box<str>),
    /// A parameter of the query, decoded.
    Parameter(Box<str>),
    Constant(Box<str>),
}

/// Members of a context, each with where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping(pub(crate) Box<[(Box<str>, Source)]>);

impl Mapping {
    /// Gives each member that a call has a value for. What is no UTF-8, or longer than 1,024 bytes, is no value.
    pub fn each(&self, head: &dyn HeadView, mut give: impl FnMut(&str, &str)) {
        for (name, source) in &self.0 {
            source.read(head, |value| give(name, value));
        }
    }

    /// The members' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }
}

impl Source {
    fn read(&self, head: &dyn HeadView, mut give: impl FnMut(&str)) {
        // The first value counts.
        let mut take = |value: &[u8]| {
            let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= VALUE_BYTES_MAX);
            text.into_iter().for_each(&mut give);
            true
        };
        match self {
            Self::Constant(value) => {
                take(value.as_bytes());
            }
            Self::Header(name) => {
                head.any_field(name, &mut take);
            }
            Self::Path | Self::Method | Self::Parameter(_) => {
                let Some(message) = head.message() else { return };
                let request = Request::of(message);
                match self {
                    Self::Method => take(message.method),
                    Self::Parameter(name) => any_parameter(name, request.query, |value| take(&decode(value))),
                    _ => take(request.path),
                };
            }
        }
    }
}
