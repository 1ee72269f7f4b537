//! Configurations as they are rendered, and the addresses that programs print.
//! It must start no proxy.

use clap::ValueEnum as _;

use super::Kind;
use super::configuration::{envoy, haproxy, nginx};
use super::proxy::printed_address;

#[test]
fn every_configuration_has_both_ports_and_one_worker() {
    let (nginx, haproxy) = (nginx(11_111, 22_222), haproxy(11_111, 22_222));
    assert!(nginx.contains("listen 127.0.0.1:11111 ") && nginx.contains("server 127.0.0.1:22222;"));
    assert!(nginx.contains("worker_processes 1;"));
    assert_eq!(nginx.matches('{').count(), nginx.matches('}').count());
    assert!(haproxy.contains("bind 127.0.0.1:11111 ") && haproxy.contains("server s 127.0.0.1:22222 "));
    assert!(haproxy.contains("nbthread 1\n"));
    for mesh in [false, true] {
        let text = envoy(11_111, 22_222, mesh).to_string();
        assert!(text.contains("\"port_value\":11111") && text.contains("\"port_value\":22222"), "{text}");
    }
}

#[test]
fn only_the_mesh_has_filters_and_a_log() {
    let words = [
        "filters.http.rbac",
        "filters.http.fault",
        "filters.http.cors",
        "/dev/null",
        "retry_policy",
        "outlier_detection",
    ];
    let (bare, mesh) = (envoy(1, 2, false).to_string(), envoy(1, 2, true).to_string());
    for word in words {
        assert!(mesh.contains(word), "{word} is missing");
        assert!(!bare.contains(word), "{word} is too much");
    }
    let place = |word: &str| mesh.find(word);
    assert!(place("filters.http.cors") < place("filters.http.router"), "the router is the last filter");
    assert!(mesh.contains("\"generate_request_id\":true") && bare.contains("\"generate_request_id\":false"));
}

#[test]
fn an_address_is_found_in_either_form() {
    assert_eq!(printed_address("127.0.0.1:5").unwrap().port(), 5);
    let line = r#"{"outbound":"127.0.0.1:6","inbound":null,"admin":"127.0.0.1:7"}"#;
    assert_eq!(printed_address(line).unwrap().port(), 6);
    assert!(printed_address("{}").is_err());
    assert!(printed_address("ready").is_err());
}

#[test]
fn names_are_those_of_the_arguments() {
    for kind in Kind::value_variants() {
        assert_eq!(Kind::from_str(kind.name(), false), Ok(*kind));
        assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.name()));
    }
}
