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
        let (host, port) = split(bytes)?;
        let host = std::str::from_utf8(host).map_err(|_| Refusal::Host)?;
        Ok(Self { host, port })
    }
}

/// Host and port of an authority, as [`Authority::parse`] has them.
pub(crate) fn split(bytes: &[u8]) -> Result<(&[u8], Option<u16>), Refusal> {
    if bytes.first() == Some(&b'[') {
        return split_bracketed(bytes);
    }
    let is_end = |&byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'.' | b'_' | b'~');
    let (host, rest) = bytes.split_at(bytes.iter().position(is_end).unwrap_or(bytes.len()));
    if host.is_empty() || host.first() == Some(&b'.') || host.len() > HOST_BYTES_MAX {
        return Err(Refusal::Host);
    }
    Ok((host, parse_port_after(rest)?))
}

fn split_bracketed(bytes: &[u8]) -> Result<(&[u8], Option<u16>), Refusal> {
    let end = memchr::memchr(b']', bytes).ok_or(Refusal::Host)?;
    let (host, rest) = (bytes.get(1..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default());
    let text = std::str::from_utf8(host).map_err(|_| Refusal::Host)?;
    text.parse::<Ipv6Addr>().map_err(|_| Refusal::Host)?;
    Ok((host, parse_port_after(rest)?))
}

/// The port of `rest`, which is empty or begins with a colon.
fn parse_port_after(rest: &[u8]) -> Result<Option<u16>, Refusal> {
    match rest.split_first() {
        None => Ok(None),
        Some((b':', port)) => parse_port(port).map(Some),
        Some(_) => Err(Refusal::Host),
    }
}

fn parse_port(digits: &[u8]) -> Result<u16, Refusal> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Host);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Refusal::Host)?;
    text.parse().ok().filter(|&port| port != 0).ok_or(Refusal::Host)
}
