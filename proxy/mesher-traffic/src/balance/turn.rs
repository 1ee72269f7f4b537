//! Chooses one of several equal endpoints.
//! It must not know what an endpoint is: places in a list come in and go out.

/// Takes each endpoint in turn. One of these belongs to one worker, so that no two workers share a counter.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoundRobin {
    next: usize,
}

impl RoundRobin {
    /// A rotation that begins at `start`; workers begin at different places so that they do not move in step.
    #[must_use]
    pub const fn starting_at(start: usize) -> Self {
        Self { next: start }
    }

    /// The next of `count` places for which `may_take` holds, or `None` when none does.
    ///
    /// Over any window in which the list stays the same, each eligible place is taken within one call as often as
    /// the others.
    pub fn pick(&mut self, count: usize, may_take: impl Fn(usize) -> bool) -> Option<usize> {
        let start = self.next.checked_rem(count)?;
        let place = (start..count).chain(0..start).find(|&place| may_take(place))?;
        self.next = place + 1;
        Some(place)
    }

    /// The number of this turn, for who takes turns by weight.
    pub fn next_turn(&mut self) -> u32 {
        let turn = self.next as u32;
        self.next = self.next.wrapping_add(1);
        turn
    }
}
