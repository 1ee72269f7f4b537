//! The failure table, held against the interface row by row.
//! It must be written out, not derived: it is what callers rely on.

use mesher_codec::Refusal;

use crate::request::failure::FailureKind;
use crate::request::respond::verdict;

#[test]
fn every_failure_has_the_status_and_the_word_of_the_interface() {
    let table: &[(FailureKind, u16, &str, bool)] = &[
        (FailureKind::BadRequest(Refusal::LengthAndCoding), 400, "http_request_error", true),
        (FailureKind::BadRequest(Refusal::NotHttp), 400, "http_request_error", true),
        (FailureKind::BadRequest(Refusal::TargetTooLong), 414, "http_request_error", true),
        (FailureKind::BadRequest(Refusal::TooManyFields), 431, "http_request_error", true),
        (FailureKind::BadRequest(Refusal::HeadTooLarge), 431, "http_request_error", true),
        (FailureKind::BadRequest(Refusal::Expectation), 417, "http_request_error", true),
        (FailureKind::BadRequest(Refusal::UnknownCoding), 501, "http_request_error", true),
        (FailureKind::BadRequest(Refusal::Version), 505, "http_request_error", true),
        (FailureKind::MethodNotAllowed, 405, "http_request_denied", true),
        (FailureKind::HeadTimeout, 408, "http_request_error", true),
        (FailureKind::UnknownService, 502, "destination_not_found", false),
        (FailureKind::UnknownPort, 502, "destination_not_found", false),
        (FailureKind::EgressRefused, 502, "destination_not_found", false),
        (FailureKind::DnsError, 502, "dns_error", false),
        (FailureKind::DnsTimeout, 504, "dns_timeout", false),
        (FailureKind::Loop, 502, "proxy_loop_detected", false),
        (FailureKind::NoEndpoint, 503, "destination_unavailable", false),
        (FailureKind::RegistryAway, 503, "destination_unavailable", false),
        (FailureKind::LookupLimit, 503, "connection_limit_reached", false),
        (FailureKind::PoolFull, 503, "connection_limit_reached", false),
        (FailureKind::BadRequest(Refusal::BodyTooLarge), 413, "http_request_error", true),
        (FailureKind::ConnectRefused, 502, "connection_refused", false),
        (FailureKind::ConnectTimeout, 504, "connection_timeout", false),
        (FailureKind::Terminated, 502, "connection_terminated", false),
        (FailureKind::ResponseTimeout, 504, "http_response_timeout", false),
        (FailureKind::BadResponse(Refusal::Status), 502, "http_protocol_error", false),
        (FailureKind::RateLimited, 429, "http_request_denied", false),
        (FailureKind::BreakerOpen, 503, "destination_unavailable", false),
        (FailureKind::BulkheadFull, 503, "destination_unavailable", false),
        (FailureKind::DeadlineSpent, 504, "http_response_timeout", false),
        (FailureKind::Refused(403), 403, "http_request_denied", false),
        (FailureKind::Injected(418), 418, "proxy_internal_response", false),
    ];
    for (kind, status, error, closes) in table {
        let verdict = verdict(*kind);
        assert_eq!((verdict.status, verdict.error, verdict.closes), (*status, *error, *closes), "{kind:?}");
    }
}
