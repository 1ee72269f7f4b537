//! All that is done with the calls of one rule, or of one of its backends.
//! It must be absent where nothing is done, so that such a call costs one look.

use std::time::Duration;

use mesher_model::rule::{Filter, RouteRule, Span};

use super::answer::OwnAnswer;
use super::fields::FieldEdits;
use super::mirror::Mirror;
use super::target::{Redirect, Rewrite};

/// What is done with a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actions {
    /// Changes of the request's header fields.
    pub request: FieldEdits,
    /// Changes of the answer's header fields.
    pub response: FieldEdits,
    /// Another target for the callee.
    pub rewrite: Option<Rewrite>,
    /// The answer, where nobody is to be asked.
    pub answer: Option<OwnAnswer>,
    /// How long the call may take to the head of its answer, in place of what holds for the service; zero: as it likes.
    pub request_limit: Option<Duration>,
    /// How long each of its tries may take; zero: as it likes.
    pub try_limit: Option<Duration>,
    /// Who gets a copy of it.
    pub mirrors: Vec<Mirror>,
}

impl Actions {
    /// What a rule says of all its calls.
    ///
    /// `application` is that of the service, `number` that of the rule's first mirror.
    pub(crate) fn of_rule(rule: &RouteRule, application: &str, number: u16) -> Self {
        let timeouts = rule.timeouts.as_ref();
        let mut actions = Self {
            request_limit: timeouts.and_then(|limits| limits.request).map(Span::duration),
            try_limit: timeouts.and_then(|limits| limits.backend_request).map(Span::duration),
            ..Self::default()
        };
        for filter in &rule.filters {
            match filter {
                Filter::UrlRewrite(rewrite) => {
                    actions.rewrite = Some(Rewrite::compile(rewrite, &rule.matches));
                }
                Filter::RequestRedirect(redirect) => {
                    let redirect = Redirect::compile(redirect, &rule.matches);
                    actions.answer = Some(OwnAnswer::Redirect(redirect));
                }
                Filter::DirectResponse(response) => {
                    actions.answer = Some(OwnAnswer::of_response(response));
                }
                Filter::RequestMirror(mirror) => {
                    let number =
                        number.saturating_add(u16::try_from(actions.mirrors.len()).unwrap_or(u16::MAX));
                    actions.mirrors.push(Mirror::compile(mirror, application, number));
                }
                _ => actions.change_fields(filter),
            }
        }
        actions
    }

    /// These, and then what the filters of a backend say.
    pub(crate) fn followed_by(mut self, filters: &[Filter]) -> Self {
        filters.iter().for_each(|filter| self.change_fields(filter));
        self
    }

    fn change_fields(&mut self, filter: &Filter) {
        match filter {
            Filter::RequestHeaderModifier(modifier) => self.request.then(modifier),
            Filter::ResponseHeaderModifier(modifier) => self.response.then(modifier),
            _ => {}
        }
    }

    /// What is done, for people: a few words each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (edits, whose) in [(&self.request, "request"), (&self.response, "answer")] {
            if *edits != FieldEdits::default() {
                words.push(format!("changes header fields of the {whose}: {}", edits.names().join(", ")));
            }
        }
        if self.rewrite.is_some() {
            words.push("changes what the callee is asked: host or path".to_owned());
        }
        if !self.mirrors.is_empty() {
            words.push(format!("sends copies to others: {}", self.mirrors.len()));
        }
        if let Some(answer) = &self.answer {
            words.push(format!("answers {} itself", answer.status()));
        }
        if let Some(limit) = self.try_limit.filter(|limit| !limit.is_zero()) {
            words.push(format!("gives each try {limit:?}"));
        }
        words
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
