//! Another target for a call: for the callee to get, or for the caller to be sent to.
//! It must keep the query, and must find a prefix where the match found it.

use mesher_model::rule::{CallMatch, PathModifier, RequestRedirect, Scheme, UrlRewrite};

/// What the callee is asked in place of what the caller asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The host.
    pub host: Option<Box<str>>,
    path: Option<PathRewrite>,
}

/// Where a caller is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The status of the answer that says so.
    pub status: u16,
    scheme: Option<Scheme>,
    host: Option<Box<str>>,
    port: Option<u16>,
    path: Option<PathRewrite>,
}

/// What a caller asked for, as far as its target says.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The host, an address of IPv6 without brackets.
    pub host: &'a str,
    /// The port, where it was named.
    pub port: Option<u16>,
    /// The path, and behind a `?` the query.
    pub path_and_query: &'a str,
    /// Which of the rule's matches found it, as a place among them.
    pub matched: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathRewrite {
    Full(Box<str>),
    Prefix {
        /// Without a slash at its end.
        to: Box<str>,
        /// For each match of the rule, how many bytes of a path its prefix is, without a slash at its end.
        lengths: Box<[usize]>,
    },
}

impl Rewrite {
    pub(super) fn compile(rewrite: &UrlRewrite, matches: &[CallMatch]) -> Self {
        Self {
            host: rewrite.hostname.as_ref().map(|host| host.as_str().into()),
            path: rewrite.path.as_ref().map(|path| PathRewrite::compile(path, matches)),
        }
    }

    /// The path and query that take the place of these; `None` where they stay.
    #[must_use]
    pub fn path_and_query(&self, asked: Asked<'_>) -> Option<String> {
        self.path.as_ref()?.apply(asked)
    }
}

impl Redirect {
    pub(super) fn compile(redirect: &RequestRedirect, matches: &[CallMatch]) -> Self {
        Self {
            status: redirect.status_code,
            scheme: redirect.scheme,
            host: redirect.hostname.as_ref().map(|host| host.as_str().into()),
            port: redirect.port,
            path: redirect.path.as_ref().map(|path| PathRewrite::compile(path, matches)),
        }
    }

    /// The URL that the caller is sent to, from one that was asked for in plain HTTP.
    ///
    /// Source: Gateway API, `HTTPRequestRedirectFilter.port`: a scheme that is given brings its own port, and a scheme's own
    /// port is not written.
    #[must_use]
    pub fn location(&self, asked: Asked<'_>) -> String {
        let (scheme, own_port) = match self.scheme {
            Some(Scheme::Https) => ("https", 443),
            Some(Scheme::Http) | None => ("http", 80),
        };
        let named = if self.scheme.is_some() { None } else { asked.port };
        let port = self.port.or(named).filter(|port| *port != own_port);
        let mut url = format!("{scheme}://");
        match &self.host {
            Some(host) => url.push_str(host),
            None if asked.host.contains(':') => url.extend(["[", asked.host, "]"]),
            None => url.push_str(asked.host),
        }
        if let Some(port) = port {
            url.push(':');
            url.push_str(&port.to_string());
        }
        let path = self.path.as_ref().and_then(|path| path.apply(asked));
        match path.as_deref().unwrap_or(asked.path_and_query) {
            // Nothing of a whole server: it has no path.
            "*" => {}
            path => {
                if !path.starts_with('/') {
                    url.push('/');
                }
                url.push_str(path);
            }
        }
        url
    }
}

impl PathRewrite {
    fn compile(path: &PathModifier, matches: &[CallMatch]) -> Self {
        match path {
            PathModifier::ReplaceFullPath(path) => Self::Full(path.as_str().into()),
            PathModifier::ReplacePrefixMatch(prefix) => {
                let length = |part: &CallMatch| {
                    part.path.as_ref().map_or(0, |path| without_last_slash(&path.value).len())
                };
                let to = without_last_slash(prefix).into();
                Self::Prefix { to, lengths: matches.iter().map(length).collect() }
            }
        }
    }

    /// The path and query in place of those that were asked for; `None` where there is no path.
    fn apply(&self, asked: Asked<'_>) -> Option<String> {
        let whole = asked.path_and_query;
        let (path, query) = whole.split_at(whole.find('?').unwrap_or(whole.len()));
        let path = if path.is_empty() { "/" } else { path };
        if !path.starts_with('/') {
            return None;
        }
        let mut changed = String::with_capacity(whole.len());
        match self {
            Self::Full(full) => changed.push_str(full),
            Self::Prefix { to, lengths } => {
                let length = lengths.get(usize::from(asked.matched)).copied().unwrap_or(0);
                changed.push_str(to);
                changed.push_str(path.get(length..)?);
                if changed.is_empty() {
                    changed.push('/');
                }
            }
        }
        changed.push_str(query);
        Some(changed)
    }
}

fn without_last_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}
