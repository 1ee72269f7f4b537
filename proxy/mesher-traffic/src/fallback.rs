//! What a rule makes of calls that failed: which failures it is about, and what their callers get.
//! It must not know how a call failed beyond a status: that is the proxy's.

use mesher_model::rule::Fallback;

use crate::actions::OwnAnswer;
use crate::portion::Portion;
use crate::statuses::Statuses;

/// What a rule of this kind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackRule {
    /// Answers that are failures. A connection that fails, and an answer that does not come, always are.
    pub failures: Statuses,
    /// What callers get.
    pub way: FallbackWay,
}

/// What a caller gets whose call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FallbackWay {
    /// This answer.
    Answer(OwnAnswer),
    /// The answer of one of these instances.
    Portion(Portion),
}

impl FallbackRule {
    /// What a document of this kind says; `None` where it says nothing, as none does that was read.
    pub(crate) fn of_document(fallback: &Fallback) -> Option<Self> {
        let way = match (&fallback.answer, &fallback.subset) {
            (Some(answer), _) => FallbackWay::Answer(OwnAnswer::of_response(answer)),
            (None, Some(subset)) => FallbackWay::Portion(Portion::Of(subset.clone())),
            (None, None) => return None,
        };
        Some(Self { failures: Statuses::of_patterns(&fallback.statuses), way })
    }

    /// The part of the service that takes calls which failed, where one does.
    #[must_use]
    pub const fn portion(&self) -> Option<&Portion> {
        match &self.way {
            FallbackWay::Portion(portion) => Some(portion),
            FallbackWay::Answer(_) => None,
        }
    }

    /// What callers get, for people.
    #[must_use]
    pub fn words(&self) -> String {
        let end = format!("after {}, no connection, no answer or a refusal", self.failures);
        match &self.way {
            FallbackWay::Answer(answer) => format!("answers {} {end}", answer.status()),
            FallbackWay::Portion(portion) => format!("another try, with {portion}, {end}"),
        }
    }
}
