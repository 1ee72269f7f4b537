//! Whose changes a caller wants to hear of: the records under some labels.
//! It must not look at keys and values: a topic is told of every change under its labels.

use super::dimension::Dimension;
use super::draft::check_selector;
use super::labels::Labels;
use crate::ConfigError;

/// The records under some labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Those that have these labels and may have more.
    Having(Labels),
    /// Those that have these labels and no others.
    Exactly(Labels),
    /// Those that a service sees through config-center.
    Seen(Dimension),
}

impl Topic {
    /// What a caller asks for with labels and `match=exact`. Without labels there is nothing to be exact about.
    ///
    /// # Errors
    /// [`ConfigError::Field`]
    pub fn new(labels: Labels, is_exact: bool) -> Result<Self, ConfigError> {
        check_selector(&labels)?;
        Ok(if is_exact && !labels.is_empty() { Self::Exactly(labels) } else { Self::Having(labels) })
    }

    /// Whether records under these labels belong to it.
    #[must_use]
    pub fn admits(&self, labels: &Labels) -> bool {
        match self {
            Self::Having(some) => some.is_part_of(labels),
            Self::Exactly(all) => all == labels,
            Self::Seen(dimension) => dimension.ladder().iter().any(|step| step.holds(labels)),
        }
    }
}
