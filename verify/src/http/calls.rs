//! Calls on a connection of their own, for tests to which the connection does not matter.
//! They must send what such a client sends, and nothing that it would not.

use std::io;
use std::net::SocketAddr;

use super::message::Message;
use super::wire::Wire;

/// A GET on a connection of its own: to `address`, for `host`, as an application without a proxy setting sends it.
///
/// # Errors
/// As [`Wire::answer`].
pub fn get(address: SocketAddr, host: &str, path: &str) -> io::Result<Message> {
    get_with(address, host, path, &[])
}

/// As [`get`], with fields of the test's own.
///
/// # Errors
/// As [`Wire::answer`].
pub fn get_with(address: SocketAddr, host: &str, path: &str, fields: &[(&str, &str)]) -> io::Result<Message> {
    call(address, &format!("GET {path}"), host, fields, "")
}

/// A GET on a connection of its own, with its URL as the target, as a client with `http_proxy` sends it.
///
/// # Errors
/// As [`Wire::answer`].
pub fn get_by_proxy(proxy: SocketAddr, url: &str) -> io::Result<Message> {
    let host = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    call(proxy, &format!("GET {url}"), host, &[], "")
}

/// A request with JSON, or without a body where `json` is empty, on a connection of its own.
///
/// # Errors
/// As [`Wire::answer`].
pub fn send_json(address: SocketAddr, method: &str, path: &str, json: &str) -> io::Result<Message> {
    send_json_with(address, method, path, &[], json)
}

/// As [`send_json`], with fields of the test's own.
///
/// # Errors
/// As [`Wire::answer`].
pub fn send_json_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    json: &str,
) -> io::Result<Message> {
    let (host, length) = (address.to_string(), json.len().to_string());
    let of_body = [("Content-Type", "application/json"), ("Content-Length", &length)];
    call(address, &format!("{method} {path}"), &host, &[&of_body[..], fields].concat(), json)
}

/// A call on a connection of its own, which its caller does not want to keep.
fn call(
    address: SocketAddr,
    method_and_target: &str,
    host: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> io::Result<Message> {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Wire::open(address)?.call(format!(
        "{method_and_target} HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n{body}"
    ))
}

/// A connection that is kept from call to call, as a client's pool does, and opened again where it was closed.
#[derive(Debug)]
pub struct Kept {
    address: SocketAddr,
    wire: Option<Wire>,
}

impl Kept {
    /// Opens nothing yet.
    pub const fn to(address: SocketAddr) -> Self {
        Self { address, wire: None }
    }

    /// One call. A connection on which a call failed, or that its peer wants to close, is used no more.
    ///
    /// # Errors
    /// As [`Wire::answer`].
    pub fn call(&mut self, request: &str) -> io::Result<Message> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::open(self.address)?,
        };
        let answer = wire.call(request)?;
        if !answer.field("connection").eq_ignore_ascii_case("close") {
            self.wire = Some(wire);
        }
        Ok(answer)
    }
}
