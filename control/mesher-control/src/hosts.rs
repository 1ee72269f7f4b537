//! Which names a browser may reach this control plane by.
//! It must not trust any other: a page elsewhere can make its own name resolve to this machine (DNS rebinding).

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

use crate::watch;

/// Below this, SDKs use any name for the control plane.
const ANY_NAME: &str = "/v4/";
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
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let page = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, page)| page);
        page.is_some() && page == host && host.is_some_and(|host| self.is_own(host))
    }

    /// Whether a read comes from a program, from a page of ours, or from a person who typed the address. Asked of paths
    /// alone that programs reach by any name.
    pub(crate) fn admit_read(&self, path: &str, headers: &HeaderMap) -> bool {
        if !path.starts_with(ANY_NAME) {
            return true;
        }
        let is_own_host = || {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok());
            host.is_some_and(|host| self.is_own(host))
        };
        let is_near = match headers.get(FETCH_SITE).map(axum::http::HeaderValue::as_bytes) {
            None | Some(b"none") => true,
            Some(b"same-origin") => is_own_host(),
            Some(_) => false,
        };
        // One SDK opens its web sockets with its server's own name as origin, whatever that is.
        is_near && watch::is_own_page(headers)
    }

    fn is_own(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.');
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
