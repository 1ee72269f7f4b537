//! Tables for the grammar and the wire forms of the model.
//! They must not restate the code: every expectation is the text that a client sees.

use crate::instance::InstanceList;
use crate::{Endpoint, EndpointError, ErrorBody, ErrorCode, Instance, InstanceStatus, Microservice};

#[test]
fn an_endpoint_is_read_with_its_options() {
    let endpoint = Endpoint::parse("REST://10.0.0.7:8080/?sslEnabled=true&protocol=http2").unwrap();
    assert_eq!(endpoint.scheme, "rest");
    assert_eq!(endpoint.address, "10.0.0.7:8080".parse().unwrap());
    assert!(endpoint.is_tls && endpoint.is_http2);
    assert_eq!(endpoint.to_string(), "rest://10.0.0.7:8080?sslEnabled=true&protocol=http2");
}

#[test]
fn an_ipv6_endpoint_survives_a_round_trip() {
    let endpoint = Endpoint::parse("tcp://[2001:db8::1]:5432").unwrap();
    assert_eq!(endpoint.address, "[2001:db8::1]:5432".parse().unwrap());
    assert_eq!(endpoint.to_string(), "tcp://[2001:db8::1]:5432");
}

#[test]
fn an_unusable_endpoint_is_refused_by_its_part() {
    type Refusal = fn(String) -> EndpointError;
    let table: [(&str, Refusal); 10] = [
        ("10.0.0.7:8080", EndpointError::Scheme),
        ("://10.0.0.7:8080", EndpointError::Scheme),
        ("re st://10.0.0.7:8080", EndpointError::Scheme),
        ("rest://calculator:8080", EndpointError::Host),
        ("rest://[fe80::1%eth0]:80", EndpointError::Host),
        ("rest://:8080", EndpointError::Host),
        ("rest://10.0.0.7", EndpointError::Port),
        ("rest://10.0.0.7:0", EndpointError::Port),
        ("rest://10.0.0.7:70000", EndpointError::Port),
        ("rest://10.0.0.7:-1", EndpointError::Port),
    ];
    for (text, error) in table {
        assert_eq!(Endpoint::parse(text), Err(error(text.to_owned())), "{text}");
    }
}

#[test]
fn an_error_body_has_the_bytes_that_the_go_client_looks_for() {
    let body = ErrorCode::ServiceNotExists.body("no such service");
    assert_eq!(
        serde_json::to_string(&body).unwrap(),
        r#"{"errorCode":"400012","errorMessage":"Micro-service does not exist","detail":"no such service"}"#
    );
    assert_eq!(ErrorCode::ServiceNotExists.status(), 400);
    assert_eq!(ErrorCode::Internal.status(), 500);
    assert!(body.is(ErrorCode::ServiceNotExists));
    assert!(!body.is(ErrorCode::InvalidParams));
    let without_detail: ErrorBody = serde_json::from_str(r#"{"errorCode":"400017"}"#).unwrap();
    assert!(without_detail.is(ErrorCode::InstanceNotExists));
}

#[test]
fn what_is_empty_is_left_out_and_never_null() {
    let service = Microservice { service_name: "calculator".to_owned(), ..Microservice::default() };
    assert_eq!(serde_json::to_string(&service).unwrap(), r#"{"serviceName":"calculator"}"#);
    assert_eq!(serde_json::to_string(&InstanceList::default()).unwrap(), r#"{"instances":[]}"#);
}

#[test]
fn unknown_members_are_passed_over() {
    let instance: Instance =
        serde_json::from_str(r#"{"hostName":"n1","endpoints":[],"somethingNew":{"a":1}}"#).unwrap();
    assert_eq!(instance.host_name, "n1");
}

#[test]
fn status_words_are_a_closed_list() {
    assert_eq!(InstanceStatus::parse("OUTOFSERVICE"), Some(InstanceStatus::OutOfService));
    for word in ["", "up", "UNKNOWN"] {
        assert_eq!(InstanceStatus::parse(word), None, "{word}");
    }
}
