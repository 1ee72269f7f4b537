//! Active health: what a row of checks says of whether somebody works.
//! One check must never decide alone, unless a rule says so; and it must know nothing of how checks are made.

/// How many checks in a row change the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Good ones, until it works.
    pub healthy: u32,
    /// Bad ones, until it does not.
    pub unhealthy: u32,
}

impl Default for Thresholds {
    /// Two good ones, three bad ones.
    fn default() -> Self {
        Self { healthy: 2, unhealthy: 3 }
    }
}

/// What checks said so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkup {
    thresholds: Thresholds,
    is_healthy: bool,
    /// Checks in a row that say otherwise.
    against: u32,
}

impl Checkup {
    /// Begins with what is believed without a check.
    #[must_use]
    pub const fn new(thresholds: Thresholds, is_healthy: bool) -> Self {
        Self { thresholds, is_healthy, against: 0 }
    }

    /// What is believed.
    #[must_use]
    pub const fn is_healthy(&self) -> bool {
        self.is_healthy
    }

    /// Takes note of a check. Answers what is believed from now on, where that has changed.
    pub fn seen(&mut self, is_good: bool) -> Option<bool> {
        if is_good == self.is_healthy {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let most = if is_good { self.thresholds.healthy } else { self.thresholds.unhealthy };
        if self.against < most.max(1) {
            return None;
        }
        self.is_healthy = is_good;
        self.against = 0;
        Some(is_good)
    }
}
