//! An application without an SDK, behind a proxy; it answers as those on an SDK do.
//! It must read nothing but what HTTP gives to any application.

use mesher_verify::application::Application;
use mesher_verify::http::{Message, send_json};
use mesher_verify::mesh::{Control, Proxy};
use serde_json::{Value, json};

/// What every provider of the suite offers. Java Chassis 2 calls no service without a contract.
const CONTRACT: &str = include_str!("../../interop/go/conf/go-provider/schema/echo.yaml");
/// The version of a service whose proxy is told of none.
const VERSION: &str = "0.0.1";

/// An application with the proxy that stands before it.
pub(crate) struct Sidecar {
    pub(crate) name: &'static str,
    _application: Application,
    _proxy: Proxy,
}

impl Sidecar {
    /// Starts one, and waits until it is registered.
    pub(crate) fn start(control: &Control, name: &'static str) -> Self {
        let application = Application::http(move |request| respond(name, request));
        let proxy = Proxy::beside(&control.url(), name, application.port());
        control.wait_instances(name, 1);
        Self { name, _application: application, _proxy: proxy }
    }
}

/// Adds the contract of a service behind a proxy to the registry, as an operator does: a proxy knows of none. It has to be
/// there before the first instance, for a Java consumer that found instances without a contract does not look again.
pub(crate) fn publish_contract(control: &Control, service: &str) {
    let id = control.register_service(service, VERSION);
    let path = format!("/v4/default/registry/microservices/{id}/schemas/echo");
    let schema = json!({"schema": CONTRACT, "summary": "byhand"}).to_string();
    let answer = send_json(control.address, "PUT", &path, &schema).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

fn respond(name: &str, request: &Message) -> Vec<u8> {
    let (path, query) = request.head.target().split_once('?').unwrap_or((request.head.target(), ""));
    let (status, body) = match path {
        "/echo" => ("200 OK", echo(name, query, request)),
        "/refuse" => (status(query), json!(format!("refused by {name}"))),
        _ => ("404 Not Found", json!(path)),
    };
    let body = body.to_string();
    // A Java consumer reads a body by its type.
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The status that is asked for.
fn status(query: &str) -> &'static str {
    if query == "text=503" { "503 Refused" } else { "409 Conflict" }
}

fn echo(name: &str, query: &str, request: &Message) -> Value {
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("text=")).unwrap_or_default();
    let in_body = request.json()["text"].as_str().map(str::to_owned);
    let context = request.field("x-cse-context");
    let read: Value = serde_json::from_str(context).unwrap_or_default();
    json!({
        "service": name,
        "method": request.head.method(),
        "text": in_body.as_deref().unwrap_or(in_query),
        "caller": read["x-cse-src-microservice"],
        "context": context,
        "user": request.field("user"),
    })
}
