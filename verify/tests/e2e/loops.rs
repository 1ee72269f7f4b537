//! Calls that would go round, and orders from pages that a browser shows.
//! A loop must end at the proxy that began it, at once.

use std::time::{Duration, Instant};

use mesher_verify::application::{Application, ok};
use mesher_verify::binary;
use mesher_verify::http::Wire;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::process::Process;

#[test]
fn an_instance_with_the_address_of_an_outbound_listener_is_no_endless_call() {
    let control = Control::start();
    let first = Proxy::start(&control.url(), "first", &[]);
    let second = Proxy::start(&control.url(), "second", &[]);
    for proxy in [&first, &second] {
        proxy.addresses.wait_ready();
    }
    let service = control.register_service("round", "1.0.0");
    let begun = Instant::now();
    for target in [first.addresses.outbound, second.addresses.outbound] {
        control.register_instance(&service, &[format!("rest://{target}")]);
    }
    for _ in 0..4 {
        let answer = first.addresses.get("http://round/").unwrap();
        assert_eq!((answer.status(), &answer.json()["error"]), (502, &"proxy_loop_detected".into()));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn the_signature_of_the_way_out_does_not_reach_the_application() {
    let control = Control::start();
    let application = Application::http(|request| {
        let names: Vec<_> = request.head.fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        ok(&names.join(" "))
    });
    let _provider = Proxy::beside(&control.url(), "echo", application.port());
    let caller = Proxy::start(&control.url(), "caller", &[]);
    caller.addresses.wait_ready();
    let names = caller.addresses.get("http://echo/").unwrap().text();
    assert!(names.contains("x-cse-context") && !names.contains("via"), "{names}");
}

#[test]
fn no_page_of_a_browser_changes_anything() {
    let control = Control::start();
    let proxy = Proxy::start(&control.url(), "alone", &[]);
    proxy.addresses.wait_ready();
    let order = |address, path: &str, origin: &str| {
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        Wire::open(address).unwrap().call(&text).unwrap().status()
    };
    assert_eq!(order(proxy.addresses.admin, "/drain", "http://evil.example"), 403);
    assert_eq!(proxy.addresses.admin("/readyz").status(), 200, "it did not drain");
    let path = "/v4/default/registry/microservices";
    assert_eq!(order(control.address, path, "http://evil.example"), 403);
    let own = format!("http://{}", control.address);
    assert_eq!(order(control.address, path, &own), 400, "its own page may; the body is what is wrong");
}

#[test]
fn a_list_of_several_pages_is_printed_whole() {
    let control = Control::start();
    let service = control.register_service("many", "1.0.0");
    for number in 0..1005 {
        control.register_instance(&service, &[format!("rest://10.0.0.1:{}", 1000 + number)]);
    }
    let arguments = ["get", "instances", "many", "-o", "json", "--control", &control.url()];
    let ended = Process::run(&mut binary::command(&arguments));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&ended.output).unwrap();
    assert_eq!(rows.len(), 1005);
}
