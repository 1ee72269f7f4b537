//! Answers of the proxy's own.
//! It must compare locations byte by byte.

use crate::echo::Stage;

/// Each of the targets is answered with this redirect.
#[track_caller]
fn assert_redirected(stage: &Stage, cases: &[(&str, u16, &str)]) {
    for (target, status, location) in cases {
        let answer = stage.get(target, &[]);
        assert_eq!((answer.status(), answer.field("location")), (*status, *location), "{target}");
    }
}

/// A rule that redirects what begins with a path.
fn redirecting(path: &str, redirect: &str) -> String {
    format!(
        "    - matches: [{{path: {{value: {path}}}}}]\n      filters: [{{type: RequestRedirect, requestRedirect: {redirect}}}]\n"
    )
}

#[test]
fn http_route_redirect_host_and_status() {
    let stage = Stage::start();
    let rules = [
        redirecting("/hostname-redirect", "{hostname: example.org}"),
        redirecting("/host-and-status", "{hostname: example.org, statusCode: 301}"),
    ];
    stage.route(&rules.concat());
    assert_redirected(
        &stage,
        &[
            ("/hostname-redirect", 302, "http://example.org/hostname-redirect"),
            ("/host-and-status", 301, "http://example.org/host-and-status"),
        ],
    );
}

/// A redirect of host, port and scheme with this status.
fn assert_redirects_with(status: u16) {
    let stage = Stage::start();
    let redirect = |more: &str| format!("{{hostname: example.org, statusCode: {status}{more}}}");
    let rules = [
        redirecting("/host-and-status", &redirect("")),
        redirecting("/host-port-and-status", &redirect(", port: 8083")),
        redirecting("/scheme-host-and-status", &redirect(", scheme: https")),
    ];
    stage.route(&rules.concat());
    assert_redirected(
        &stage,
        &[
            ("/host-and-status", status, "http://example.org/host-and-status"),
            ("/host-port-and-status", status, "http://example.org:8083/host-port-and-status"),
            ("/scheme-host-and-status", status, "https://example.org/scheme-host-and-status"),
        ],
    );
}

#[test]
fn http_route_303_redirect() {
    assert_redirects_with(303);
}

#[test]
fn http_route_307_redirect() {
    assert_redirects_with(307);
}

#[test]
fn http_route_308_redirect() {
    assert_redirects_with(308);
}

#[test]
fn http_route_redirect_path() {
    let stage = Stage::start();
    let prefix = "path: {type: ReplacePrefixMatch, replacePrefixMatch: /replacement-prefix}";
    let full = "path: {type: ReplaceFullPath, replaceFullPath: /replacement-full}";
    let rules = [
        redirecting("/original-prefix", &format!("{{{prefix}}}")),
        redirecting("/full", &format!("{{{full}}}")),
        redirecting("/path-and-host", &format!("{{hostname: example.org, {prefix}}}")),
        redirecting("/path-and-status", &format!("{{statusCode: 301, {prefix}}}")),
        redirecting("/full-path-and-host", &format!("{{hostname: example.org, {full}}}")),
        redirecting("/full-path-and-status", &format!("{{statusCode: 301, {full}}}")),
    ];
    stage.route(&rules.concat());
    assert_redirected(
        &stage,
        &[
            ("/original-prefix/lemon", 302, "http://shop/replacement-prefix/lemon"),
            ("/full/path/original", 302, "http://shop/replacement-full"),
            ("/path-and-host", 302, "http://example.org/replacement-prefix"),
            ("/path-and-status", 301, "http://shop/replacement-prefix"),
            ("/full-path-and-host", 302, "http://example.org/replacement-full"),
            ("/full-path-and-status", 301, "http://shop/replacement-full"),
        ],
    );
}

#[test]
fn http_route_redirect_port() {
    let stage = Stage::start();
    let rules = [
        redirecting("/port", "{port: 8083}"),
        redirecting("/port-and-host", "{port: 8083, hostname: example.org}"),
        redirecting("/port-and-status", "{port: 8083, statusCode: 301}"),
        redirecting("/port-and-host-and-status", "{port: 8083, hostname: example.org, statusCode: 302}"),
    ];
    stage.route(&rules.concat());
    assert_redirected(
        &stage,
        &[
            ("/port", 302, "http://shop:8083/port"),
            ("/port-and-host", 302, "http://example.org:8083/port-and-host"),
            ("/port-and-status", 301, "http://shop:8083/port-and-status"),
            ("/port-and-host-and-status", 302, "http://example.org:8083/port-and-host-and-status"),
        ],
    );
}

#[test]
fn http_route_scheme_redirect() {
    let stage = Stage::start();
    let rules = [
        redirecting("/scheme", "{scheme: https}"),
        redirecting("/scheme-and-host", "{scheme: https, hostname: example.org}"),
        redirecting("/scheme-and-status", "{scheme: https, statusCode: 301}"),
        redirecting("/scheme-and-host-and-status", "{scheme: https, hostname: example.org, statusCode: 302}"),
        redirecting("/scheme-and-port", "{scheme: https, port: 443}"),
        redirecting("/scheme-and-other-port", "{scheme: http, port: 8080}"),
    ];
    stage.route(&rules.concat());
    assert_redirected(
        &stage,
        &[
            ("/scheme", 302, "https://shop/scheme"),
            ("/scheme-and-host", 302, "https://example.org/scheme-and-host"),
            ("/scheme-and-status", 301, "https://shop/scheme-and-status"),
            ("/scheme-and-host-and-status", 302, "https://example.org/scheme-and-host-and-status"),
            ("/scheme-and-port", 302, "https://shop/scheme-and-port"),
            ("/scheme-and-other-port", 302, "http://shop:8080/scheme-and-other-port"),
        ],
    );
}

#[test]
fn http_route_direct_response() {
    let stage = Stage::start();
    let rule = |path: &str, response: &str| {
        format!(
            "    - matches: [{{path: {{type: Exact, value: {path}}}}}]\n      filters: [{{type: DirectResponse, directResponse: {response}}}]\n"
        )
    };
    let rules = [
        rule("/body", "{statusCode: 200, body: 'hello, mesh'}"),
        rule("/no-body", "{statusCode: 204}"),
        rule("/forbidden", "{statusCode: 403, body: Forbidden}"),
    ];
    stage.route(&rules.concat());
    for (target, status, body) in
        [("/body", 200, "hello, mesh"), ("/no-body", 204, ""), ("/forbidden", 403, "Forbidden")]
    {
        let answer = stage.get(target, &[]);
        assert_eq!((answer.status(), answer.text().as_str()), (status, body), "{target}");
    }
}
