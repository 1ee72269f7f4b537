//! The documents of a run, as requests: a route for each service, and changes of one of them.
//! It must write what a person would write.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::json;

/// Documents of one request: as many as the control plane takes.
pub(super) const AT_ONCE: usize = 100;

/// Name of a service.
pub(super) fn service(number: usize) -> String {
    format!("service-{number:05}")
}

/// A request that writes the routes of some services.
pub(super) fn create(address: SocketAddr, services: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for number in services.clone() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}---", document(number, 1));
    }
    let bases: Vec<_> = services
        .map(|number| json!({"key": {"kind": "Route", "env": "", "app": "default", "name": service(number)}, "revision": 0}))
        .collect();
    request(address, "POST", "/mesher/v1/rules:apply", "", &json!({"text": text, "bases": bases}).to_string())
}

/// A request that changes the route of one service, which stands at a revision.
pub(super) fn change(address: SocketAddr, number: usize, weight: usize, revision: u64) -> String {
    let path = format!("/mesher/v1/rules/Route/{}", service(number));
    let condition = format!("If-Match: \"r{revision}\"\r\n");
    request(address, "PUT", &path, &condition, &document(number, weight))
}

fn document(number: usize, weight: usize) -> String {
    let service = service(number);
    format!(
        "apiVersion: mesher/v1\nkind: Route\nmetadata: {{name: {service}}}\nspec:\n  service: {service}\n  rules:\n  - backends:\n    - {{subset: {{version: 0.0.1}}, weight: {weight}}}\n    - {{subset: {{version: 0.0.2}}, weight: 10}}\n"
    )
}

fn request(address: SocketAddr, method: &str, path: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}
