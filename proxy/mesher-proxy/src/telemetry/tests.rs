//! Counters and context: boundaries, bounds and what is kept.
//! They must hold for values on a boundary, not only beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::request::invocation::{Code, Direction, Outcome, Protocol};
use crate::telemetry::context;
use crate::telemetry::counters::Counters;
use crate::telemetry::counts::bucket_of;
use crate::telemetry::exposition::boundary;
use crate::telemetry::names::{BOUNDARY_COUNT, PEER_OTHER, PEER_UNKNOWN, PEERS_MAX};

#[test]
fn boundaries_are_powers_of_two_of_a_second() {
    assert_eq!(boundary(0), 0.000_244_140_625);
    assert_eq!(boundary(12), 1.0);
    assert_eq!(boundary(BOUNDARY_COUNT - 1), 16.0);
    assert_eq!(bucket_of(Duration::from_secs(1)), 12);
    assert_eq!(bucket_of(Duration::from_secs(1) + Duration::from_nanos(1)), 13);
    assert_eq!(bucket_of(Duration::ZERO), 0);
    assert_eq!(bucket_of(Duration::from_secs(16)), BOUNDARY_COUNT - 1);
    assert_eq!(bucket_of(Duration::from_secs(17)), BOUNDARY_COUNT);
    assert_eq!(bucket_of(Duration::MAX), BOUNDARY_COUNT);
}

proptest! {
    #[test]
    fn a_duration_lies_within_its_bucket(nanoseconds in 0_u64..40_000_000_000) {
        let elapsed = Duration::from_nanos(nanoseconds);
        let bucket = bucket_of(elapsed);
        if bucket < BOUNDARY_COUNT {
            prop_assert!(elapsed.as_secs_f64() <= boundary(bucket) + 1e-9);
        }
        if bucket > 0 {
            prop_assert!(elapsed.as_secs_f64() > boundary(bucket - 1) - 1e-9);
        }
    }
}

fn outcome(status: u16) -> Outcome {
    Outcome {
        code: Code::Status(status),
        failure: None,
        detail: None,
        keeps_connection: true,
        request_bytes: 1,
        response_bytes: 2,
    }
}

#[test]
fn callers_cannot_make_the_counters_grow_without_bound() {
    let mut counters = Counters::default();
    for number in 0..PEERS_MAX * 2 {
        let row = counters.row_of_caller(Some(&format!("caller-{number}")), Protocol::Http1);
        counters.begin(row);
        counters.end(row, &outcome(200), Duration::from_millis(1));
    }
    let report = counters.report(BTreeMap::new());
    assert!(report.rows.len() <= PEERS_MAX + 1);
    assert_eq!(report.overflow as usize, PEERS_MAX);
    let counted: u64 = report.rows.values().flat_map(|counts| &counts.by_code).map(|(_, count)| count).sum();
    assert_eq!(counted as usize, PEERS_MAX * 2, "nothing is lost, only told apart no more");
    assert!(report.rows.keys().any(|labels| &*labels.peer == PEER_OTHER));
}

#[test]
fn a_caller_that_says_nothing_sensible_is_unknown() {
    let mut counters = Counters::default();
    for name in [None, Some(""), Some("a\"b"), Some("a b"), Some(&*"x".repeat(200))] {
        counters.row_of_caller(name, Protocol::Http1);
    }
    let report = counters.report(BTreeMap::new());
    let peers: Vec<_> = report.rows.keys().map(|labels| (&*labels.peer, labels.direction)).collect();
    assert_eq!(peers, [(PEER_UNKNOWN, Direction::Inbound)]);
}

#[test]
fn codes_beyond_the_bound_share_one_label() {
    let mut counters = Counters::default();
    let row = counters.row_of_caller(None, Protocol::Http1);
    for status in 200..300 {
        counters.begin(row);
        counters.end(row, &outcome(status), Duration::ZERO);
    }
    let report = counters.report(BTreeMap::new());
    let counts = report.rows.values().next().unwrap();
    assert_eq!(counts.by_code.len(), 33);
    assert_eq!(counts.active, 0);
    assert_eq!((counts.request_bytes, counts.response_bytes), (100, 200));
}

#[test]
fn a_fresh_context_names_the_service_and_nothing_else() {
    assert_eq!(context::fresh("webapp"), r#"{"x-cse-src-microservice":"webapp"}"#);
}
