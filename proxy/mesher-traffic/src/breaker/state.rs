//! The state of a breaker in one word, so that it changes whole.
//! It must decide nothing: it packs and unpacks.

/// Bits of the part whose meaning depends on the phase.
const REST_BITS: u32 = 40;
/// Bits of a generation.
const GENERATION_BITS: u32 = 22;
/// Bits of one count of probes.
const COUNT_BITS: u32 = 10;

const REST: u64 = (1 << REST_BITS) - 1;
const GENERATION: u32 = (1 << GENERATION_BITS) - 1;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

/// What became of the probes of one half-open time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Probes {
    pub(super) begun: u16,
    pub(super) finished: u16,
    pub(super) failed: u16,
    pub(super) slow: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    /// Until this millisecond.
    Open(u64),
    HalfOpen(Probes),
}

/// A phase, and how many there were before it: whoever asked in another one has no say in this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) generation: u32,
    pub(super) phase: Phase,
}

impl State {
    /// The state of a new breaker, packed.
    pub(super) const NEW: u64 = 0;

    pub(super) fn packed(self) -> u64 {
        let (phase, rest) = match self.phase {
            Phase::Closed => (0, 0),
            Phase::Open(until) => (1, until.min(REST)),
            Phase::HalfOpen(probes) => {
                let counts = [probes.begun, probes.finished, probes.failed, probes.slow];
                (2, counts.into_iter().fold(0, |rest, count| rest << COUNT_BITS | u64::from(count) & COUNT))
            }
        };
        (phase << GENERATION_BITS | u64::from(self.generation & GENERATION)) << REST_BITS | rest
    }

    pub(super) fn unpacked(word: u64) -> Self {
        let (head, rest) = (word >> REST_BITS, word & REST);
        let count = |place: u32| (rest >> (place * COUNT_BITS) & COUNT) as u16;
        let phase = match head >> GENERATION_BITS {
            0 => Phase::Closed,
            1 => Phase::Open(rest),
            _ => Phase::HalfOpen(Probes {
                begun: count(3),
                finished: count(2),
                failed: count(1),
                slow: count(0),
            }),
        };
        Self { generation: head as u32 & GENERATION, phase }
    }

    /// The next generation, in this phase.
    pub(super) fn followed_by(self, phase: Phase) -> Self {
        Self { generation: (self.generation + 1) & GENERATION, phase }
    }

    /// The same generation, in this phase.
    pub(super) fn with(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }
}
