//! Regular expressions as deterministic automata: made whole before the first call meets them.
//! A search must be one step for each byte, without room of its own: no engine here may go back or remember.

use std::error::Error as _;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

/// The largest automaton of one expression, in bytes; those that people write have a few thousand.
pub(crate) const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// How deep groups may stand in each other.
const DEPTH_MAX: u32 = 50;

/// A regular expression that the whole of a value has to fit. Bytes are compared; classes are those of ASCII.
pub(crate) struct Pattern {
    source: Box<str>,
    automaton: dense::DFA<Vec<u32>>,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it, or that its automaton would be too large.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        let syntax =
            syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true).nest_limit(DEPTH_MAX);
        let states = thompson::Config::new()
            .utf8(false)
            .which_captures(thompson::WhichCaptures::None)
            .nfa_size_limit(Some(PATTERN_BYTES_MAX));
        // Of all matches from the beginning the longest is found: it is the whole value, or the value does not fit.
        let automaton = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .accelerate(false)
            .determinize_size_limit(Some(PATTERN_BYTES_MAX))
            .dfa_size_limit(Some(PATTERN_BYTES_MAX));
        let built = dense::Builder::new().syntax(syntax).thompson(states).configure(automaton).build(source);
        built
            .map(|automaton| Self { source: source.into(), automaton })
            .map_err(|error| reason(source, &error))
    }

    /// How much room it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.automaton.memory_usage() + self.source.len()
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole value fits.
    pub(crate) fn fits(&self, value: &[u8]) -> bool {
        let found = self.automaton.try_search_fwd(&Input::new(value).anchored(Anchored::Yes));
        // It has no byte at which it would give up.
        found.is_ok_and(|found| found.is_some_and(|end| end.offset() == value.len()))
    }
}

fn reason(source: &str, error: &dense::BuildError) -> String {
    let of_states = error.source().and_then(|source| source.downcast_ref::<thompson::BuildError>());
    if error.is_size_limit_exceeded() || of_states.is_some_and(|error| error.size_limit().is_some()) {
        return format!(
            "{source:?} becomes an automaton of more than {} KiB; repeat less, or compare with a prefix",
            PATTERN_BYTES_MAX / 1024
        );
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    // The parser draws the expression with a mark below it, and says what is wrong in the last line.
    let words = innermost.to_string();
    let words = words.lines().last().unwrap_or_default();
    format!("{source:?} is no regular expression: {}", words.strip_prefix("error: ").unwrap_or(words))
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "/{}/", self.source)
    }
}

/// The same text is the same automaton.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}
