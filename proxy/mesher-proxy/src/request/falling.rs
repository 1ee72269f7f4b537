//! How a call stands with what its caller gets where it fails: another answer, or another part of the service.
//! It must change nothing of a call that goes well, and must let a call fall back once.

use mesher_traffic::selection::Entry;
use mesher_traffic::{Choice, FallbackRule, FallbackWay, OwnAnswer};

use crate::request::failure::Failure;
use crate::request::invocation::Invocation;

/// How a call stands with its fallback.
#[derive(Debug, Default)]
pub(crate) struct Falling {
    /// The rule that is about it, as a place among those of its kind.
    pub(crate) rule: Option<u16>,
    /// Set once it has fallen back.
    pub(crate) fallen: Option<Box<Fallen>>,
}

/// What became of a call that failed.
#[derive(Debug)]
pub(crate) struct Fallen {
    /// Why it did.
    pub(crate) failure: Failure,
    /// The part of the service that takes it now; `None` where the rule answers.
    pub(crate) portion: Option<u16>,
}

impl Falling {
    /// Whether another part of the service takes it now.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.portion().is_some()
    }

    fn portion(&self) -> Option<u16> {
        self.fallen.as_ref()?.portion
    }
}

impl Invocation {
    /// The rule that says what its caller gets where it fails.
    pub(crate) fn fallback_rule(&self) -> Option<&Entry<FallbackRule>> {
        let place = usize::from(self.fallback.rule?);
        self.governance()?.policy().fallbacks.as_ref()?.entries().get(place)
    }

    /// The answer that its caller gets in place of its failure, with who says so and why.
    pub(crate) fn fallback_answer(&self) -> Option<(&OwnAnswer, &str, &Failure)> {
        let fallen = self.fallback.fallen.as_deref().filter(|fallen| fallen.portion.is_none())?;
        let entry = self.fallback_rule()?;
        match &entry.item.way {
            FallbackWay::Answer(answer) => Some((answer, &entry.name, &fallen.failure)),
            FallbackWay::Portion(_) => None,
        }
    }

    /// Whether an answer of a rule's own goes to its caller.
    pub(crate) fn is_answered_here(&self) -> bool {
        self.own_answer().is_some() || self.fallback_answer().is_some()
    }

    /// The part of the service that takes it; `None`: any instance.
    pub(crate) fn portion(&self) -> Option<u16> {
        self.fallback.portion().or(self.choice.map(|choice| choice.subset))
    }

    /// That part, and those that take it where there is no instance of that.
    pub(crate) fn portions(&self) -> impl Iterator<Item = u16> {
        let elsewhere = self.fallback.portion();
        let choice = self.choice.filter(|_| elsewhere.is_none());
        elsewhere.into_iter().chain(choice.into_iter().flat_map(Choice::portions))
    }
}
