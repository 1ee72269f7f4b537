//! What a rule answers in place of anybody.
//! It must be whole: nothing of it depends on who would have been called.

use mesher_model::rule::DirectResponse;

use super::target::Redirect;

/// The media type of a body that names none.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// An answer of a rule's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnAnswer {
    /// The caller is sent elsewhere.
    Redirect(Redirect),
    /// The caller gets this.
    Direct(Direct),
}

/// An answer that is the same for every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direct {
    /// Its status.
    pub status: u16,
    /// Its body with its media type.
    pub body: Option<(Box<str>, Box<str>)>,
    /// Further header fields, in order.
    pub fields: Box<[(Box<str>, Box<str>)]>,
}

impl Direct {
    pub(super) fn compile(response: &DirectResponse) -> Self {
        let kind = response.content_type.as_deref().unwrap_or(PLAIN_TEXT);
        let body = response.body.as_deref().map(|body| (kind.into(), body.into()));
        let fields =
            response.headers.iter().map(|line| (line.name.as_str().into(), line.value.as_str().into()));
        Self { status: response.status_code, body, fields: fields.collect() }
    }
}

impl OwnAnswer {
    /// An answer that is written out.
    pub(crate) fn of_response(response: &DirectResponse) -> Self {
        Self::Direct(Direct::compile(response))
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Redirect(redirect) => redirect.status,
            Self::Direct(direct) => direct.status,
        }
    }
}
