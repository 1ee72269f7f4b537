//! Decides where a call to the provider connects to, and in which form its target is written.
//! Must open no connection.

use http::Uri;
use http::uri::{Authority, Scheme};

/// How to reach the provider: computed once, at the start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    /// The provider as the `Host` field names it.
    pub(crate) authority: Authority,
    /// The provider's base path, without a slash at its end.
    base: String,
    /// `HOST:PORT` to connect to: the proxy, or the provider itself.
    pub(crate) connect: String,
    /// Whether `connect` is a proxy, which wants the target in absolute form (RFC 9112 §3.2.2).
    pub(crate) has_proxy: bool,
}

impl Route {
    pub(crate) fn new(provider: &Base, proxy: Option<&Base>, no_proxy: &str) -> Self {
        let proxy = proxy.filter(|_| !is_exempt(&provider.authority, no_proxy));
        let next = proxy.unwrap_or(provider);
        Self {
            authority: provider.authority.clone(),
            base: provider.path.clone(),
            connect: format!("{}:{}", next.authority.host(), next.authority.port_u16().unwrap_or(80)),
            has_proxy: proxy.is_some(),
        }
    }

    /// The request target for a path that begins with a slash.
    pub(crate) fn target(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        let builder = Uri::builder().path_and_query(format!("{}{path_and_query}", self.base));
        if !self.has_proxy {
            return builder.build();
        }
        builder.scheme(Scheme::HTTP).authority(self.authority.clone()).build()
    }
}

/// A plain `http` address, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Base {
    authority: Authority,
    path: String,
}

impl Base {
    /// Reads `http://HOST[:PORT][/PATH]`, with or without the scheme.
    ///
    /// # Errors
    /// What is wrong, in words for whoever wrote the address.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = whole.parse().map_err(|_| "it is not an address such as http://calculator")?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err("only http:// is understood: encryption is the proxy's work");
        }
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.host().is_empty() || authority.as_str().ends_with(':') {
            return Err("host or port is missing");
        }
        if authority.as_str().contains('@') {
            return Err("a user name and password are not understood");
        }
        Ok(Self { authority: authority.clone(), path: uri.path().trim_end_matches('/').to_owned() })
    }
}

/// Whether `no_proxy` names the host: as itself, by a domain it belongs to, or by `*`.
fn is_exempt(authority: &Authority, no_proxy: &str) -> bool {
    let host = bare(authority.host());
    let port = authority.port_u16().unwrap_or(80);
    no_proxy.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let (name, entry_port) = split_port(&entry);
        let name = bare(name.strip_prefix("*.").unwrap_or(name));
        let name = name.strip_prefix('.').unwrap_or(&name);
        let is_named = name == "*" || host == name || host.ends_with(&format!(".{name}"));
        is_named && entry_port.is_none_or(|wanted| wanted == port)
    })
}

/// Takes a port off an entry; an IPv6 address has more than one colon and a port only behind brackets.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}
