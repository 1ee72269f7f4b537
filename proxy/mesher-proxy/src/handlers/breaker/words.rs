//! A breaker in words: for callers that it refuses, for those who ask why, for metrics.
//! It must decide nothing.

use mesher_model::rule::BreakerMode;
use mesher_traffic::breaker::{Breaker, Standing, Told};

use crate::clock;

/// The word for a state, in views and metrics.
pub(crate) const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Closed => "closed",
        Standing::Open => "open",
        Standing::HalfOpen => "half_open",
    }
}

/// How it stands, and why, as behind "Breaker calculator is …".
pub(crate) fn state(breaker: &Breaker) -> String {
    let (policy, told) = (breaker.policy(), breaker.told(clock::now()));
    match (policy.mode(), told.standing) {
        (BreakerMode::ForcedOpen, _) => "forced open".to_owned(),
        (BreakerMode::ForcedClosed, _) => "forced closed".to_owned(),
        (_, Standing::Closed) => format!("closed: {}", counts(told)),
        (_, Standing::Open) => {
            let left = told.retry_after.unwrap_or_default().as_secs_f64();
            match told.calls {
                0 => format!("open: the last probe failed; it is tried again in {left:.1} s"),
                _ => format!("open: {}; it is tried again in {left:.1} s", counts(told)),
            }
        }
        (_, Standing::HalfOpen) => {
            "half-open: a few calls find out whether the service works again".to_owned()
        }
    }
}

fn counts(told: Told) -> String {
    let Told { calls, failed, slow, .. } = told;
    match slow {
        0 => format!("{failed} of the last {calls} calls failed"),
        _ => format!("of the last {calls} calls {failed} failed and {slow} were slow"),
    }
}
