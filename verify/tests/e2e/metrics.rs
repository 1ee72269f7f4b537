//! What a proxy counts: as much as was called, under the names that boards read.
//! It must be read as a scraper reads it.

use mesher_verify::application::{Application, answer, ok};
use mesher_verify::http::Message;
use mesher_verify::mesh::Addresses;
use mesher_verify::patience::until;

use crate::streaming::Fixture;

const CALLS: usize = 25;

fn mesh() -> (Application, Fixture) {
    let application = Application::http(|request: &Message| match request.head.target() {
        "/missing" => answer("404 Not Found", ""),
        _ => ok("hello"),
    });
    let mesh = Fixture::start(&application);
    let mut wire = mesh.connect();
    for number in 0..CALLS {
        let path = if number % 5 == 0 { "/missing" } else { "/" };
        wire.call(format!("GET {path} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
    }
    (application, mesh)
}

/// The exposition, once it holds all of these lines.
fn wait_lines(addresses: &Addresses, lines: &[&str]) -> String {
    until(&format!("{lines:#?}"), || {
        let text = addresses.admin("/metrics").text();
        lines.iter().all(|wanted| text.lines().any(|line| line == *wanted)).then_some(text)
    })
}

#[test]
fn as_many_calls_are_counted_as_were_made_on_both_sides() {
    let (_application, mesh) = mesh();
    wait_lines(
        &mesh.caller.addresses,
        &[
            r#"mesher_requests_total{direction="outbound",service="webapp",peer="provider",protocol="http1",code="200"} 20"#,
            r#"mesher_requests_total{direction="outbound",service="webapp",peer="provider",protocol="http1",code="404"} 5"#,
            r#"mesher_active_requests{direction="outbound",service="webapp",peer="provider"} 0"#,
            r#"mesher_upstream_connections{peer="provider",state="active"} 0"#,
            r#"mesher_upstream_connections{peer="provider",state="idle"} 1"#,
        ],
    );
    wait_lines(
        &mesh.provider.addresses,
        &[
            r#"mesher_requests_total{direction="inbound",service="provider",peer="webapp",protocol="http1",code="200"} 20"#,
            r#"mesher_requests_total{direction="inbound",service="provider",peer="webapp",protocol="http1",code="404"} 5"#,
        ],
    );
}

#[test]
fn the_histogram_has_the_boundaries_that_boards_expect() {
    let (_application, mesh) = mesh();
    let text = wait_lines(
        &mesh.caller.addresses,
        &[
            r#"mesher_request_duration_seconds_count{direction="outbound",service="webapp",peer="provider",protocol="http1"} 25"#,
        ],
    );
    let labels = r#",direction="outbound",service="webapp",peer="provider",protocol="http1"} "#;
    let buckets = text.lines().filter_map(|line| {
        line.strip_prefix("mesher_request_duration_seconds_bucket{le=\"")?.split_once(labels)
    });
    let (boundaries, counts): (Vec<f64>, Vec<u64>) = buckets
        .map(|(boundary, count)| {
            (boundary.trim_matches('"').parse::<f64>().unwrap(), count.parse::<u64>().unwrap())
        })
        .unzip();
    let wanted: Vec<_> = (-12..=4).map(|exponent| 2_f64.powi(exponent)).chain([f64::INFINITY]).collect();
    assert_eq!((boundaries.len(), &boundaries), (18, &wanted));
    assert!(counts.is_sorted(), "buckets count up: {counts:?}");
    assert_eq!(counts.last(), Some(&25));
}

#[test]
fn the_exposition_is_openmetrics_to_its_end() {
    let (_application, mesh) = mesh();
    let answer = mesh.caller.addresses.admin("/metrics");
    assert!(answer.field("content-type").starts_with("application/openmetrics-text"), "{:?}", answer.head);
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "it ends with {:?}", text.lines().last());
    for name in ["mesher_build_info", "mesher_snapshot_revision", "process_resident_memory_bytes"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn failures_are_counted_by_whose_they_are() {
    let (_application, mesh) = mesh();
    mesh.caller.addresses.get("http://nosuch/").unwrap();
    until("the failure is counted", || {
        let text = mesh.caller.addresses.admin("/metrics").text();
        let is_it = |line: &str| {
            line.starts_with("mesher_failures_total{")
                && line.contains(r#"side="local",kind="unknown_service""#)
        };
        text.lines().any(is_it).then_some(())
    });
}

#[test]
fn boards_of_the_go_mesher_find_their_names() {
    let (_application, mesh) = mesh();
    until("all calls are counted", || {
        let text = mesh.caller.addresses.admin("/v1/mesher/metrics").text();
        let is_total = |line: &str| line.starts_with("requests_total{") && line.ends_with(" 25");
        text.lines().any(is_total).then_some(())
    });
    let version = mesh.caller.addresses.admin("/v1/mesher/version");
    assert_eq!(version.status(), 200);
    assert!(version.json()["version"].is_string(), "{}", version.text());
    let health = mesh.caller.addresses.admin("/v1/mesher/health");
    assert_eq!((health.status(), &health.json()["status"]), (200, &"green".into()));
    assert_eq!(mesh.caller.addresses.admin("/v1/mesher/routeRule/provider").status(), 404);
}

#[test]
fn the_admin_answers_only_to_its_own_name_and_drains_on_post_only() {
    let (_application, mesh) = mesh();
    let admin = mesh.caller.addresses.admin;
    let foreign = mesher_verify::http::get(admin, "attacker.example", "/config").unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(mesh.caller.addresses.admin("/drain").status(), 405, "GET changes nothing");
    assert_eq!(mesh.caller.addresses.admin("/nosuch").status(), 404);
    assert_eq!(mesh.caller.addresses.admin("/readyz").status(), 200);
}
