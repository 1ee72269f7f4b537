//! Steps by the part of the memory that is used: each leaves out more than the one before.
//! It must never skip what a step below leaves out.

/// How far below its mark a step is left, in hundredths of the limit.
const BACK: u64 = 2;

/// What is left out while memory is short. Ordered: each step also does what those below do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// Nothing.
    #[default]
    Calm,
    /// Connections of callers end with the answer that is on its way.
    NoKeepAlive,
    /// New calls are refused, and connections without a call end.
    Shed,
    /// Few connections are accepted at once: no more than are needed to let checks in.
    Trickle,
}

impl Step {
    /// All of them, the lowest first.
    pub const ALL: [Self; 4] = [Self::Calm, Self::NoKeepAlive, Self::Shed, Self::Trickle];

    /// The part of the limit, in hundredths, from which it is taken.
    const fn mark(self) -> u64 {
        match self {
            Self::Calm => 0,
            Self::NoKeepAlive => 92,
            Self::Shed => 95,
            Self::Trickle => 98,
        }
    }

    /// In words, as in "…; new calls are refused".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Calm => "nothing is left out",
            Self::NoKeepAlive => "connections are not kept",
            Self::Shed => "new calls are refused",
            Self::Trickle => "few connections are accepted at once",
        }
    }

    /// The step whose number this is; the highest for one beyond.
    #[must_use]
    pub const fn of(number: u8) -> Self {
        match number {
            0 => Self::Calm,
            1 => Self::NoKeepAlive,
            2 => Self::Shed,
            _ => Self::Trickle,
        }
    }

    /// The step after this one, where `used` of `limit` bytes are. Up it goes at once; down where less is used than its mark and
    /// a little more.
    #[must_use]
    pub fn next(self, used: u64, limit: u64) -> Self {
        let reaches = |hundredths: u64| {
            u128::from(used) * 100 >= u128::from(limit) * u128::from(hundredths) && hundredths > 0
        };
        let highest = Self::ALL.into_iter().rev().find(|step| reaches(step.mark())).unwrap_or_default();
        let kept = Self::ALL
            .into_iter()
            .rev()
            .find(|step| *step <= self && reaches(step.mark().saturating_sub(BACK)));
        highest.max(kept.unwrap_or_default())
    }
}
