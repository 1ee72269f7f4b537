//! Which names a browser may reach this control plane by.
//! It must not trust any other: a page elsewhere can make its own name resolve to this machine (DNS rebinding).

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Uri};

/// Below these, SDKs use any name for the control plane.
const ANY_NAME: [&str; 5] = ["/v4/", "/v1/", "/v3/", "/configuration/", "/members"];
/// Where a browser says what page a request is from (Fetch Metadata); programs send none.
const FETCH_SITE: &str = "sec-fetch-site";

/// The names beside addresses and `localhost`.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    pub(crate) fn new(extra: &[String]) -> Self {
        Self(extra.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect())
    }

    /// Whether a request names this control plane. Each name that it carries must be one of ours, and there must be
    /// exactly one `Host` (RFC 9112, 3.2).
    pub(crate) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut fields = headers.get_all(HOST).iter();
        let field = fields.next().and_then(|value| value.to_str().ok());
        let is_single = fields.next().is_none();
        let target = uri.authority().map(axum::http::uri::Authority::as_str);
        is_single
            && field.is_some_and(|host| self.is_own(host))
            && target.is_none_or(|host| self.is_own(host))
    }

    /// Whether a request that changes something comes from a page of ours or from a program. Browsers name the page's
    /// origin in every such request; programs name none.
    pub(crate) fn admit_change(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else { return true };
        let host = host(headers).filter(|host| self.is_own(host));
        page(origin).zip(host).is_some_and(|((_, page), host)| page == host)
    }

    /// Whether a read comes from a program, from a page of ours, or from a person who typed the address. Asked of paths
    /// alone that programs reach by any name.
    pub(crate) fn admit_read(&self, path: &str, headers: &HeaderMap) -> bool {
        if !ANY_NAME.iter().any(|begin| path.starts_with(begin)) {
            return true;
        }
        let is_near = match headers.get(FETCH_SITE).map(HeaderValue::as_bytes) {
            None | Some(b"none") => true,
            Some(b"same-origin") => host(headers).is_some_and(|host| self.is_own(host)),
            Some(_) => false,
        };
        // One SDK opens its web sockets with its server's own name as origin, whatever that is.
        is_near && is_own_page(headers)
    }

    fn is_own(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.');
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Whether a read comes from a program, or from a page of this server: any page can open a web socket to any server and
/// read from it, and only `Origin` tells. One SDK sends its server's own.
pub(crate) fn is_own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    page(origin).zip(host(headers)).is_some_and(|((scheme, page), host)| {
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let bare = |name: &str| name.strip_suffix(usual).unwrap_or(name).to_ascii_lowercase();
        bare(page) == bare(host)
    })
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST).and_then(|host| host.to_str().ok())
}

/// Scheme and authority of an origin.
fn page(origin: &HeaderValue) -> Option<(&str, &str)> {
    origin.to_str().ok().and_then(|origin| origin.split_once("://"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
