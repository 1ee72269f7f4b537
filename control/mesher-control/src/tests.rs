//! Tables for what needs no socket: names of members, paths, cursors, escapes, dates, soft state.
//! They must not repeat what the suite in `tests/` shows over HTTP.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Request};
use mesher_model::mesh::ProxyRow;
use mesher_registry::Moment;

use crate::gate::{self, BadTarget};
use crate::hosts::{Hosts, is_own_page};
use crate::mesh::listing::{cursor, read_cursor};
use crate::page::html::Escaped;
use crate::proxies::{Proxies, ProxyError};
use crate::{body, rows};

#[test]
fn no_two_member_names_differ_in_case_only() {
    for (place, name) in body::NAMES.iter().enumerate() {
        assert!(!body::NAMES[..place].iter().any(|other| other.eq_ignore_ascii_case(name)), "{name}");
    }
}

#[test]
fn paths_have_one_spelling() {
    let table = [
        ("/registry/v3/microservices?a=b//c", "/v4/default/registry/microservices?a=b//c"),
        ("/v4//default///registry/instances", "/v4/default/registry/instances"),
        ("/version", "/v4/default/registry/version"),
        ("/health", "/v4/default/registry/health"),
        ("/v4/default/registry/microservices/a%2F%2Fb", "/v4/default/registry/microservices/a%2F%2Fb"),
        ("//", "/"),
        ("/registry/v3", "/registry/v3"),
    ];
    for (sent, routed) in table {
        let request = gate::admit(Request::builder().uri(sent).body(()).unwrap()).unwrap();
        assert_eq!(request.uri().to_string(), routed, "{sent}");
    }
    let absolute = Request::builder().uri("http://registry:30100/registry/v3/health").body(()).unwrap();
    let routed = gate::admit(absolute).unwrap().uri().to_string();
    assert_eq!(routed, "http://registry:30100/v4/default/registry/health");
    let bad = gate::admit(Request::builder().uri("/v4/default/registry/microservices?").body(()).unwrap());
    assert_eq!(bad.unwrap_err(), BadTarget::Invalid);
}

#[test]
fn every_name_in_a_request_must_be_an_own_one() {
    let hosts = Hosts::new(&["mesh.example.".to_owned()]);
    let admit = |target: &str, fields: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("host", HeaderValue::from_static(field));
        }
        hosts.admit(&target.parse().unwrap(), &headers)
    };
    assert!(admit("/", &["mesh.example"]));
    assert!(admit("/", &["MESH.example.:30100"]));
    assert!(admit("http://localhost/", &["localhost"]));
    assert!(!admit("http://evil.test/", &["localhost"]), "the target names another");
    assert!(!admit("http://localhost/", &["evil.test"]));
    assert!(!admit("/", &["localhost", "evil.test"]), "two fields");
    assert!(!admit("/", &[]), "no field");
    assert!(!admit("/", &["xmesh.example"]));
}

#[test]
fn a_cursor_reads_back_and_nothing_else_does() {
    for key in ["", "shop\u{1f}\u{1f}pay", "größe"] {
        assert_eq!(read_cursor(&cursor(key)).as_deref(), Some(key));
    }
    for text in ["0", "zz", "ff", "+1", "é"] {
        assert_eq!(read_cursor(text), None, "{text}");
    }
}

#[test]
fn foreign_text_cannot_become_markup() {
    let table = [
        ("<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"),
        ("a\u{1b}[2J\r\n", "a\u{fffd}[2J\u{fffd}\u{fffd}"),
        ("\u{202e}abc\u{2066}", "\u{fffd}abc\u{fffd}"),
        ("计算", "计算"),
    ];
    for (text, shown) in table {
        assert_eq!(Escaped(text).to_string(), shown);
    }
}

#[test]
fn dates_have_milliseconds_and_an_end() {
    assert_eq!(rows::date(Duration::from_millis(1_500)).as_deref(), Some("1970-01-01T00:00:01.500Z"));
    assert_eq!(rows::date(Duration::from_secs(u64::MAX)), None);
}

#[test]
fn the_number_of_proxies_is_bounded_and_silence_makes_room() {
    let mut proxies = Proxies::default();
    let at = |seconds| Moment { monotonic: Duration::from_secs(seconds), unix: Duration::from_secs(seconds) };
    let row = || ProxyRow { state: "ready".to_owned(), ..ProxyRow::default() };
    for number in 0..20_000 {
        proxies.announce(format!("p{number}"), row(), at(0)).unwrap();
    }
    assert_eq!(proxies.announce("one-more".to_owned(), row(), at(30)), Err(ProxyError::Full));
    proxies.announce("p7".to_owned(), row(), at(30)).unwrap();
    proxies.announce("one-more".to_owned(), row(), at(31)).unwrap();
    assert_eq!(proxies.recent(at(31)).count(), 2);
}

#[test]
fn only_programs_and_own_pages_open_sockets() {
    let admitted = |origin: Option<&'static str>, host: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert("origin", HeaderValue::from_static(origin));
        }
        is_own_page(&headers)
    };
    assert!(admitted(None, "registry:30100"));
    assert!(admitted(Some("http://registry:30100"), "registry:30100"));
    assert!(admitted(Some("http://registry:80"), "registry"));
    assert!(admitted(Some("https://REGISTRY"), "registry:443"));
    for origin in ["http://evil.test", "http://registry:30101", "null", "", "registry:30100"] {
        assert!(!admitted(Some(origin), "registry:30100"), "{origin}");
    }
}
