//! Who is about whom, weights, names, timeouts, other protocols.
//! It must ask through the callers that a case speaks of.

use std::io::{Read as _, Write as _};

use mesher_verify::application::Application;
use mesher_verify::http::Wire;
use mesher_verify::mesh::{Control, NEWS, Proxy};
use mesher_verify::patience::{until, until_within};

use super::expectations::{OTHERS, assert_taken};
use crate::echo::{Instance, Stage, WAITS, route};
use crate::rules::{apply, assert_done};

#[test]
fn mesh_basic() {
    let stage = Stage::start();
    assert_eq!(stage.get("/", &[]).status(), 200);
}

#[test]
fn mesh_traffic_split() {
    let stage = Stage::start();
    stage.route(
        "    - matches: [{path: {type: Exact, value: /v1}}]
      backends: [{subset: {version: '1.0'}}]
    - matches: [{path: {type: Exact, value: /v2}}]
      backends: [{subset: {version: '2.0'}}]",
    );
    assert_taken(&stage, &[(("GET", "/v1", &[]), "1.0"), (("GET", "/v2", &[]), "2.0")]);
}

#[test]
fn mesh_frontend() {
    let stage = Stage::start();
    let _other = Instance::start(&stage.control, "other", "1.0");
    stage.route(
        "    - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Header-Set, value: set}]}}]
      backends: [{}]",
    );
    assert_eq!(stage.get("/", &[]).field("x-header-set"), "set");
    let other = stage.call_to("other", "GET", "/", &[]);
    assert_eq!((other.status(), other.field("x-header-set")), (200, ""));
}

/// Here the target names the service, and what `Host` says beside it counts for nothing.
#[test]
fn mesh_frontend_hostname() {
    let stage = Stage::start();
    let _other = Instance::start(&stage.control, "other", "1.0");
    stage.route(
        "    - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Header-Set, value: set}]}}]
      backends: [{}]",
    );
    for (target, host, expected) in [("shop", "other", "set"), ("other", "shop", "")] {
        let request = format!("GET http://{target}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = Wire::open(stage.outbound()).unwrap().call(request).unwrap();
        assert_eq!((answer.status(), answer.field("x-header-set")), (200, expected), "{target}");
    }
}

/// A consumer's namespace is a caller's application here.
#[test]
fn mesh_consumer_route() {
    let stage = Stage::start();
    let mut command = Proxy::command(&stage.control.url(), "consumer", &[]);
    let consumer = Proxy::of(command.env("MESHER_APP", "consumers"));
    let call = |outbound| {
        let request = "GET http://shop.default.app/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        Wire::open(outbound).unwrap().call(request).unwrap()
    };
    until("the shop is reached from the other application", || {
        (call(consumer.addresses.outbound).status() == 200).then_some(())
    });
    stage.route(
        "    - matches: [{source: {application: consumers}}]
      filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Header-Set, value: set}]}}]
      backends: [{}]",
    );
    assert_eq!(call(consumer.addresses.outbound).field("x-header-set"), "set");
    let producer = call(stage.outbound());
    assert_eq!((producer.status(), producer.field("x-header-set")), (200, ""));
}

#[test]
fn http_route_simple_same_namespace() {
    let stage = Stage::start();
    stage.route(OTHERS);
    assert_taken(&stage, &[(("GET", "/", &[]), "1.0")]);
}

#[test]
fn http_route_named_rule() {
    let stage = Stage::start();
    stage.route(&format!(
        "    - name: named-rule
      matches: [{{path: {{value: /named}}}}]
      backends: [{{subset: {{version: '2.0'}}}}]
{OTHERS}"
    ));
    assert_taken(&stage, &[(("GET", "/named", &[]), "2.0"), (("GET", "/unnamed", &[]), "1.0")]);
}

#[test]
fn http_route_weight() {
    let stage = Stage::start();
    stage.route(
        "    - backends:
        - {subset: {version: '1.0'}, weight: 7}
        - {subset: {version: '2.0'}, weight: 3}
        - {subset: {version: '3.0'}, weight: 0}",
    );
    let second = (0..100).filter(|_| stage.get("/", &[]).json()["version"] == "2.0").count();
    assert!((25..=35).contains(&second), "{second} of 100");
}

#[test]
fn http_route_timeout_request() {
    let stage = Stage::start();
    stage.route(
        "    - matches: [{path: {value: /request-timeout}}]
      timeouts: {request: 500ms}
      backends: [{}]
    - matches: [{path: {value: /disable-request-timeout}}]
      timeouts: {request: 0s}
      backends: [{}]",
    );
    assert_eq!(stage.get("/request-timeout", &[]).status(), 200);
    assert_eq!(stage.get("/request-timeout", &[(WAITS, "1")]).status(), 504);
    assert_eq!(stage.get("/disable-request-timeout", &[]).status(), 200);
}

#[test]
fn http_route_timeout_backend_request() {
    let stage = Stage::start();
    stage.route("    - timeouts: {backendRequest: 300ms}\n      backends: [{}]");
    assert_eq!(stage.get("/backend-timeout", &[]).status(), 200);
    assert_eq!(stage.get("/backend-timeout", &[(WAITS, "1")]).status(), 504);
}

#[test]
fn http_route_backend_protocol_websocket() {
    let control = Control::start();
    let application = Application::start(|mut wire: Wire| {
        let Some((head, _)) = wire.request_head()? else { return Ok(()) };
        let changed = head.field("x-changed").to_owned();
        wire.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Told: {changed}\r\n\r\n"
        ))?;
        let (mut stream, _) = wire.into_parts();
        let mut buffer = [0; 64];
        let read = stream.read(&mut buffer)?;
        stream.write_all(&buffer[..read])
    });
    let _provider = Proxy::beside(&control.url(), "shop", application.port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    let rules = "    - filters:
        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-changed, value: 'yes'}]}}
        - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-answer, value: changed}]}}
      backends: [{}]";
    assert_done(&apply(&control, &route(rules), &["--wait"]));
    let upgrade = || {
        let mut wire = Wire::open(caller.addresses.outbound).unwrap();
        wire.send("GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .unwrap();
        let (head, _) = wire.answer_head("GET").unwrap();
        (head.field("x-answer") == "changed").then_some((wire, head))
    };
    let (mut wire, head) = until_within(NEWS, "the rule holds", upgrade);
    assert_eq!((head.status(), head.field("x-told")), (101, "yes"));
    wire.send("hello").unwrap();
    wire.finish().unwrap();
    assert_eq!(wire.remainder().unwrap(), b"hello");
}
