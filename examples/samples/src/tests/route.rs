//! Tables for addresses, for the two forms of a target and for `no_proxy`.
//! Must open no connection.

use crate::route::{Base, Route};

fn route(provider: &str, proxy: Option<&str>, no_proxy: &str) -> Route {
    let proxy = proxy.map(|proxy| Base::parse(proxy).unwrap());
    Route::new(&Base::parse(provider).unwrap(), proxy.as_ref(), no_proxy)
}

#[test]
fn without_a_proxy_the_target_has_origin_form() {
    let route = route("http://127.0.0.1:8080/calc/", None, "");
    assert_eq!(route.connect, "127.0.0.1:8080");
    assert_eq!(route.target("/bmi?height=1.8").unwrap().to_string(), "/calc/bmi?height=1.8");
}

#[test]
fn through_a_proxy_the_target_has_absolute_form() {
    for proxy in ["http://127.0.0.1:30101", "127.0.0.1:30101", "http://127.0.0.1:30101/"] {
        let route = route("http://calculator", Some(proxy), "localhost,127.0.0.1,::1");
        assert_eq!(route.connect, "127.0.0.1:30101", "{proxy}");
        assert_eq!(route.target("/bmi").unwrap().to_string(), "http://calculator/bmi");
    }
}

#[test]
fn a_name_alone_means_port_80_and_ipv6_keeps_its_brackets() {
    assert_eq!(route("calculator", None, "").connect, "calculator:80");
    assert_eq!(route("http://[::1]:8080", None, "").connect, "[::1]:8080");
    assert_eq!(route("http://calculator", Some("http://[::1]:30101"), "").connect, "[::1]:30101");
}

#[test]
fn no_proxy_exempts_names_domains_addresses_and_ports() {
    for (provider, no_proxy, is_exempt) in [
        ("http://calculator", "", false),
        ("http://calculator", "*", true),
        ("http://Calculator", "localhost, CALCULATOR", true),
        ("http://calculator", "calc", false),
        ("http://calculator.svc.local", "svc.local", true),
        ("http://calculator.svc.local", ".svc.local", true),
        ("http://calculator.svc.local", "*.svc.local", true),
        ("http://othersvc.local", "svc.local", false),
        ("http://calculator:8080", "calculator:8080", true),
        ("http://calculator:8081", "calculator:8080", false),
        ("http://127.0.0.1:8080", "localhost,127.0.0.1,::1", true),
        ("http://[::1]:8080", "localhost,127.0.0.1,::1", true),
        ("http://[::1]:8080", "[::1]:8080", true),
        ("http://[::1]:8080", "[::1]:8081", false),
    ] {
        let route = route(provider, Some("127.0.0.1:30101"), no_proxy);
        assert_eq!(!route.has_proxy, is_exempt, "{provider} by {no_proxy:?}");
    }
}

#[test]
fn an_address_that_cannot_be_used_is_refused() {
    for text in
        ["", "https://calculator", "http://", "http://user:pw@proxy:1", "http://a b", "http://calculator:"]
    {
        assert!(Base::parse(text).is_err(), "{text:?}");
    }
}
