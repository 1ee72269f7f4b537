//! All that is done with the calls of one rule, or of one of its backends.
//! It must be absent where nothing is done, so that such a call costs one look.

use mesher_model::rule::{Filter, RouteRule};

use super::fields::FieldEdits;

/// What is done with a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actions {
    /// Changes of the request's header fields.
    pub request: FieldEdits,
    /// Changes of the answer's header fields.
    pub response: FieldEdits,
}

impl Actions {
    /// What a rule says of all its calls.
    pub(crate) fn of_rule(rule: &RouteRule) -> Self {
        Self::default().followed_by(&rule.filters)
    }

    /// These, and then what these filters say.
    pub(crate) fn followed_by(mut self, filters: &[Filter]) -> Self {
        for filter in filters {
            match filter {
                Filter::RequestHeaderModifier(modifier) => self.request.then(modifier),
                Filter::ResponseHeaderModifier(modifier) => self.response.then(modifier),
                _ => {}
            }
        }
        self
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
