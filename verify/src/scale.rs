//! How large a suite runs: small enough for every change, or at the figures that a release is judged by.
//! It must change the size of a test only, never what the test demands.

/// Names the scale. Only `full` is known besides its absence.
pub const VARIABLE: &str = "MESHER_VERIFY_SCALE";

/// `small` for every change, `full` under `cargo xtask soak`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the scale is the suite's own setting")]
pub fn scaled<T>(small: T, full: T) -> T {
    if std::env::var(VARIABLE).is_ok_and(|value| value == "full") { full } else { small }
}
