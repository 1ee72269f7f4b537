//! What came back to the clients since the counting began.
//! It must keep few examples of what went wrong: one is enough to make a window invalid.

use super::histogram::Histogram;

/// Faults that are kept word for word.
const EXAMPLES_MAX: usize = 3;

/// Counts of one window.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers that were right.
    pub(crate) completed: u64,
    /// Whatever was wrong.
    pub(crate) faults: u64,
    /// The first few faults.
    pub(crate) examples: Vec<String>,
    /// From the request, or from when it was due, to the end of its answer.
    pub(crate) latency: Histogram,
}

impl Tally {
    pub(crate) fn add_fault(&mut self, fault: &impl ToString) {
        self.faults += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(fault.to_string());
        }
    }

    pub(crate) fn clear(&mut self) {
        (self.completed, self.faults) = (0, 0);
        self.examples.clear();
        self.latency.clear();
    }
}
