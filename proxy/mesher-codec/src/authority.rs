//! The host and port that a request names.
//! It must not resolve a name, and must have one reading of each authority: what routes is what is sent on.

use std::net::Ipv6Addr;

use crate::Refusal;

/// Most bytes of a host name.
const HOST_BYTES_MAX: usize = 255;

/// A host with an optional port, borrowed from the head that names it.
///
/// Source: RFC 3986 §3.2, RFC 9110 §7.2. User information is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host as it came; an IPv6 address without its brackets.
    pub host: &'a str,
    /// The port, where one was named.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port` or `[ipv6]:port`.
    ///
    /// # Errors
    /// [`Refusal::Host`] where the host is empty, begins with a dot, is too long or holds a byte that no host has, or where the port is not
    /// 1 to 65535.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Host)?;
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(Refusal::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| Refusal::Host)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(parse_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(Refusal::Host),
            };
            return Ok(Self { host, port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        let is_host_byte =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if host.is_empty()
            || host.starts_with('.')
            || host.len() > HOST_BYTES_MAX
            || !host.bytes().all(is_host_byte)
        {
            return Err(Refusal::Host);
        }
        Ok(Self { host, port })
    }
}

fn parse_port(text: &str) -> Result<u16, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Host);
    }
    text.parse().ok().filter(|&port| port != 0).ok_or(Refusal::Host)
}
