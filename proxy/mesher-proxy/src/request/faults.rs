//! What a broken or silent connection means for the call that it carried.
//! It must blame the side that broke, and must call a further try safe only where it is.

use mesher_codec::Refusal;
use mesher_net::ConnectError;
use mesher_traffic::Safety;

use crate::request::exchange::SILENCE_MAX;
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::pump::PumpError;

/// Nothing came for too long: the rest of the request, or the answer.
pub(crate) fn silence(request_is_read: bool) -> Failure {
    let seconds = SILENCE_MAX.as_secs();
    if request_is_read {
        let detail = format!("no answer within {seconds} s");
        Failure::upstream(FailureKind::ResponseTimeout, Safety::Spent, detail)
    } else {
        Failure::downstream(
            FailureKind::Stalled,
            format!("nothing of the request's body came for {seconds} s"),
        )
    }
}

pub(crate) fn connect_failure(error: &ConnectError) -> Failure {
    let kind = match error {
        ConnectError::Timeout { .. } => FailureKind::ConnectTimeout,
        _ => FailureKind::ConnectRefused,
    };
    Failure::upstream(kind, Safety::NothingSent, error.to_string())
}

/// The caller's part of the call could not be read.
pub(crate) fn source_failure(error: &PumpError) -> Failure {
    match error {
        PumpError::Refused(refusal) => {
            Failure::downstream(FailureKind::BadRequest(*refusal), refusal.to_string())
        }
        // It only ended its own direction, perhaps: then it can still read why its request is none.
        PumpError::Source(None) => {
            let refusal = Refusal::BodyTruncated;
            Failure::downstream(FailureKind::BadRequest(refusal), refusal.to_string())
        }
        _ => Failure::downstream(FailureKind::Terminated, "the caller ended before its request did"),
    }
}

/// The answer could not be brought to its end.
pub(crate) fn stream_failure(error: &PumpError) -> (Side, FailureKind, String) {
    match error {
        PumpError::Source(Some(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            (Side::Upstream, FailureKind::Stalled, "the answer stalled".to_owned())
        }
        PumpError::Source(Some(error)) => {
            (Side::Upstream, FailureKind::Terminated, format!("the answer broke off: {error}"))
        }
        PumpError::Source(None) => {
            (Side::Upstream, FailureKind::Terminated, "the answer broke off".to_owned())
        }
        PumpError::Refused(refusal) => {
            (Side::Upstream, FailureKind::BadResponse(*refusal), refusal.to_string())
        }
        PumpError::Sink(error) => {
            (Side::Downstream, FailureKind::Terminated, format!("the caller ended: {error}"))
        }
    }
}
