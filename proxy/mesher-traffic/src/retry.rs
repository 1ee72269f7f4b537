//! Decides whether a failed call may be tried again, elsewhere.
//! It must not try anything itself, and must never allow what could make a call happen twice unasked.

/// How far a failed try had come, and so what a further one risks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// Nothing of the call reached anyone: every call may be tried again.
    NothingSent,
    /// The call may have been acted on, and nothing of an answer was seen: only an idempotent call may be repeated.
    MayHaveActed,
    /// Part of the call or of its answer is gone: no further try can be whole.
    Spent,
}

/// When a failed call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first one counted; at least 1.
    pub tries_max: u32,
}

impl Default for RetryPolicy {
    /// Three tries: one failed instance and one more that fails in the same moment are still survived.
    fn default() -> Self {
        Self { tries_max: 3 }
    }
}

impl RetryPolicy {
    /// Whether a further try is allowed after `tries` of them.
    ///
    /// Idempotent methods: RFC 9110 §9.2.2.
    #[must_use]
    pub const fn may_try_again(self, tries: u32, safety: Safety, is_idempotent: bool) -> bool {
        let is_safe = match safety {
            Safety::NothingSent => true,
            Safety::MayHaveActed => is_idempotent,
            Safety::Spent => false,
        };
        is_safe && tries < self.tries_max
    }
}

/// Whether a method may be repeated without asking (RFC 9110 §9.2.2).
#[must_use]
pub fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE")
}
