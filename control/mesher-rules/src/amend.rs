//! Several changes at once: planned against what stands, and made as a whole.
//! It must let nobody overwrite what they have not seen.

use std::collections::{BTreeMap, BTreeSet};

use mesher_model::rule::{Action, Base, Change, Document, PlannedStep, RuleKey, Target};
use mesher_traffic::Policy;

use crate::book::{Book, DOCUMENTS_AT_ONCE_MAX, DOCUMENTS_MAX};
use crate::error::RuleError;

/// Who changes something, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// The account; empty where access control is off.
    pub who: String,
    /// The address that the request came from.
    pub from: String,
    /// RFC 3339 with milliseconds.
    pub at: String,
}

/// What is to become of documents.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they are changed.
    steps: Vec<(RuleKey, Option<Document>)>,
    rollback_to: Option<u64>,
}

impl Plan {
    /// Writes documents, in this order.
    ///
    /// # Errors
    /// [`RuleError::Repeated`] where one stands there twice, [`RuleError::TooMany`].
    pub fn write(documents: impl IntoIterator<Item = Document>) -> Result<Self, RuleError> {
        let steps: Vec<_> = documents.into_iter().map(|document| (document.key(), Some(document))).collect();
        let mut seen = BTreeSet::new();
        if let Some((key, _)) = steps.iter().find(|(key, _)| !seen.insert(key)) {
            return Err(RuleError::Repeated { key: key.clone() });
        }
        Self { steps, rollback_to: None }.bounded()
    }

    /// Removes one document.
    #[must_use]
    pub fn remove(key: RuleKey) -> Self {
        Self { steps: vec![(key, None)], rollback_to: None }
    }

    fn bounded(self) -> Result<Self, RuleError> {
        match self.steps.len() {
            count if count > DOCUMENTS_AT_ONCE_MAX => Err(RuleError::TooMany(count)),
            _ => Ok(self),
        }
    }
}

impl Book {
    /// The way back to how all documents stood at `revision`.
    ///
    /// # Errors
    /// [`RuleError::NoSuchRevision`], [`RuleError::TooMany`].
    pub fn back_to(&self, revision: u64) -> Result<Plan, RuleError> {
        let then = self.history.state_at(revision)?;
        let differing =
            then.into_iter().filter(|(key, document)| self.row(key).map(|row| &row.document) != *document);
        // What goes makes room for what comes.
        let (gone, back): (Vec<_>, Vec<_>) = differing
            .map(|(key, document)| (key.clone(), document.cloned()))
            .partition(|(_, document)| document.is_none());
        Plan { steps: gone.into_iter().chain(back).collect(), rollback_to: Some(revision) }.bounded()
    }

    /// What a plan would do; whom it would concern is not known here. Nothing is changed.
    ///
    /// # Errors
    /// [`RuleError`]: documents that cannot hold together, a document to remove that is not there.
    pub fn check(&self, plan: &Plan) -> Result<Vec<PlannedStep>, RuleError> {
        self.check_together(plan)?;
        let steps = plan.steps.iter().map(|(key, after)| {
            let row = self.row(key);
            let before = row.map(|row| row.document.clone());
            let holding = after.as_ref().or(before.as_ref());
            let service =
                holding.ok_or_else(|| RuleError::Missing { key: key.clone() })?.service().to_string();
            Ok(PlannedStep {
                action: Action::between(before.as_ref(), after.as_ref()),
                base: Base { key: key.clone(), revision: row.map_or(0, |row| row.changed_revision) },
                changed_revision: None,
                service,
                affected: 0,
                affected_services: Vec::new(),
                before,
                after: after.clone(),
            })
        });
        steps.collect()
    }

    /// Does what a plan says, as a whole, where each document still stands at its base. `bases` may be absent for a
    /// rollback, which begins with what stands now. Answers what was done; a step without a revision changed nothing.
    ///
    /// # Errors
    /// [`RuleError`]; nothing is changed then.
    pub fn amend(
        &mut self,
        plan: &Plan,
        bases: Option<&[Base]>,
        author: &Author,
    ) -> Result<Vec<PlannedStep>, RuleError> {
        let mut steps = self.check(plan)?;
        if let Some(bases) = bases {
            steps.iter().try_for_each(|step| self.check_base(&step.base, bases))?;
        }
        let mut changes = Vec::new();
        let effective = steps.iter_mut().filter(|step| step.action != Action::None);
        for (step, revision) in effective.zip(self.revision() + 1..) {
            step.changed_revision = Some(revision);
            changes.push(Change {
                changed_revision: revision,
                at: author.at.clone(),
                by: author.who.clone(),
                from: author.from.clone(),
                action: step.action,
                key: step.base.key.clone(),
                service: step.service.clone(),
                rollback_to: plan.rollback_to,
                before: step.before.clone(),
                after: step.after.clone(),
            });
        }
        self.make(changes);
        Ok(steps)
    }

    fn check_base(&self, now: &Base, bases: &[Base]) -> Result<(), RuleError> {
        let base = bases.iter().find(|base| base.key == now.key);
        let base = base.ok_or_else(|| RuleError::NoBase { key: now.key.clone() })?;
        if base.revision == now.revision {
            return Ok(());
        }
        let current = self.row(&now.key).map(|row| Box::new(row.as_ref().clone()));
        Err(RuleError::Stale { key: now.key.clone(), base: base.revision, current })
    }

    /// Whether every service that a plan touches could be compiled after it: a rule that is accepted is one that every
    /// proxy can load.
    fn check_together(&self, plan: &Plan) -> Result<(), RuleError> {
        let planned: BTreeMap<_, _> = plan.steps.iter().map(|(key, after)| (key, after.as_ref())).collect();
        let added = planned.iter().filter(|(key, after)| after.is_some() && !self.rows.contains_key(*key));
        if self.rows.len() + added.count() > DOCUMENTS_MAX {
            return Err(RuleError::Full);
        }
        let targets: BTreeSet<Target> =
            planned.values().flatten().map(|document| document.target()).collect();
        for target in targets {
            let standing = self.of_target(&target).filter(|row| !planned.contains_key(&row.key));
            let standing = standing.map(|row| &row.document);
            let coming = planned.values().flatten().copied().filter(|document| document.target() == target);
            Policy::compile(standing.chain(coming))
                .map_err(|error| RuleError::Conflict(error.to_string()))?;
        }
        Ok(())
    }
}
