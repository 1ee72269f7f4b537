//! What is wrong with the settings: where it stands, what it says, why it cannot be, how to mend it.
//! It must always name a place that the reader can go to.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File, line and column, the variable, or the flag.
    pub place: String,
    /// What is wrong and how to mend it.
    pub message: String,
    /// The offending line of a file, with its column counted from 1.
    pub excerpt: Option<(String, usize)>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)?;
        if let Some((line, column)) = &self.excerpt {
            let indent = " ".repeat(column.saturating_sub(1));
            write!(formatter, "\n    {line}\n    {indent}^")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with the settings; whoever configured the proxy can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct BootstrapError {
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for BootstrapError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{problem}")?;
        }
        Ok(())
    }
}
