//! What a broken or silent connection means for the call that it carried.
//! It must blame the side that broke, and must call a further try safe only where it is.

use mesher_codec::Refusal;
use mesher_net::ConnectError;
use mesher_traffic::Safety;

use crate::bootstrap::Limits;
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::pump::PumpError;
use crate::request::tunnel;
use crate::request::vigil::Wait;

/// Whoever had to act took too long, before there was an answer.
pub(crate) fn silence(wait: Wait, limits: &Limits) -> Failure {
    match wait {
        Wait::Sender => {
            let (least, seconds) = (limits.sender_rate_min.unwrap_or(0), limits.rate_window.as_secs_f64());
            let detail =
                format!("the request's body came slower than {least} bytes a second over {seconds} s");
            Failure::downstream(FailureKind::Stalled, detail)
        }
        _ => {
            let detail = format!("no answer within {} s", limits.response_time_max.as_secs_f64());
            Failure::upstream(FailureKind::ResponseTimeout, Safety::Spent, detail)
        }
    }
}

/// The same, in the middle of the answer.
pub(crate) const fn stalled(wait: Wait) -> PumpError {
    PumpError::Stalled(match wait {
        Wait::Reader => Side::Downstream,
        _ => Side::Upstream,
    })
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

/// What an exchange failed of whose answer was on its way already, in words for the log.
pub(crate) type Fault = (Side, FailureKind, String);

/// The answer could not be brought to its end.
pub(crate) fn stream_failure(error: &PumpError) -> Fault {
    match error {
        PumpError::Stalled(Side::Downstream) => {
            (Side::Downstream, FailureKind::Stalled, "the caller reads too slowly".to_owned())
        }
        PumpError::Stalled(side) => (*side, FailureKind::Stalled, "the answer stalled".to_owned()),
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

/// A tunnel ended before its time. Either side can have broken there, in either direction.
pub(crate) fn tunnel_failure((error, side): &tunnel::Broken) -> Fault {
    match error {
        PumpError::Stalled(_) => {
            (*side, FailureKind::Stalled, "neither side said anything for too long".to_owned())
        }
        PumpError::Source(Some(error)) | PumpError::Sink(error) => {
            (*side, FailureKind::Terminated, format!("the {} side broke off: {error}", side.as_str()))
        }
        PumpError::Source(None) | PumpError::Refused(_) => {
            (*side, FailureKind::Terminated, format!("the {} side broke off", side.as_str()))
        }
    }
}
