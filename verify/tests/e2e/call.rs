//! A call from an application through two proxies to a service: by which names, to which instance, and what is said
//! where it leads nowhere. It must see only what a caller sees.

use std::time::{Duration, Instant};

use mesher_verify::application::Application;
use mesher_verify::http::{Message, Wire, get};
use mesher_verify::mesh::{Control, Pair, Proxy, QUESTION, version_of};
use mesher_verify::patience::until;

/// A mesh with two versions of the calculator and a caller that has seen both.
struct Fixture {
    _control: Control,
    _calculators: [Pair; 2],
    caller: Proxy,
}

impl Fixture {
    fn start(flags: &[&str]) -> Self {
        let control = Control::start();
        let calculators = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
        let caller = Proxy::start(&control.url(), "webapp", flags);
        caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
        until("both instances are known", || {
            (caller.addresses.endpoints("calculator").len() == 2).then_some(())
        });
        Self { _control: control, _calculators: calculators, caller }
    }
}

fn request(host: &str) -> String {
    format!("GET {QUESTION} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn a_service_is_called_by_url_and_by_host() {
    let mesh = Fixture::start(&[]);
    let by_url = mesh.caller.addresses.get(&format!("http://calculator{QUESTION}")).unwrap();
    assert_eq!((by_url.status(), &by_url.json()["service"]), (200, &"calculator".into()));
    assert!((by_url.json()["result"].as_f64().unwrap() - 23.15).abs() < 0.01, "{}", by_url.text());
    for host in ["calculator", "CALCULATOR", "Calculator", "calculator:80", "calculator.default.app"] {
        let answer = get(mesh.caller.addresses.outbound, host, QUESTION).unwrap();
        assert_eq!(answer.status(), 200, "{host}: {}", answer.text());
        assert_eq!(answer.json()["service"], "calculator", "{host}");
    }
}

#[test]
fn calls_on_one_connection_alternate_between_instances() {
    let mesh = Fixture::start(&[]);
    let mut wire = Wire::open(mesh.caller.addresses.outbound).unwrap();
    let versions: Vec<_> = (0..20).map(|_| version_of(&wire.call(request("calculator")).unwrap())).collect();
    assert!(versions.windows(2).all(|pair| pair[0] != pair[1]), "{versions:?}");
}

#[test]
fn calls_on_connections_of_their_own_alternate_at_one_worker() {
    let mesh = Fixture::start(&["--workers", "1"]);
    let ask = || mesh.caller.addresses.get(&format!("http://calculator{QUESTION}")).unwrap();
    let versions: Vec<_> = (0..20).map(|_| version_of(&ask())).collect();
    assert!(versions.windows(2).all(|pair| pair[0] != pair[1]), "{versions:?}");
}

#[test]
fn instances_get_equal_shares_whatever_the_workers() {
    const WORKERS: usize = 4;
    let mesh = Fixture::start(&["--workers", &WORKERS.to_string()]);
    let ask = || mesh.caller.addresses.get(&format!("http://calculator{QUESTION}")).unwrap();
    let first = (0..60).filter(|_| version_of(&ask()) == "0.0.1").count();
    assert!(first.abs_diff(60 - first) <= WORKERS, "{first} of 60 went to the first of two instances");
}

#[test]
fn an_unknown_service_is_named_as_such_at_once() {
    let control = Control::start();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();
    let begun = Instant::now();
    let answer = caller.addresses.get("http://nosuch/").unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
    assert_not_found(&answer);
    assert_eq!(answer.json()["service"], "nosuch");
    assert!(answer.json()["detail"].as_str().unwrap().contains("nosuch"), "{}", answer.text());
}

#[test]
fn a_port_chooses_only_among_declared_ones() {
    let control = Control::start();
    let (one, other) = (Application::greeting("one"), Application::greeting("other"));
    let ports = format!("rest:{},rest:{}", one.port(), other.port());
    let provider = Proxy::start(&control.url(), "greeter", &["--ports", &ports]);
    provider.addresses.wait_ready();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://greeter/");

    for (url, text) in [
        ("http://greeter/".to_owned(), "one"),
        (format!("http://greeter:{}/", one.port()), "one"),
        (format!("http://greeter:{}/", other.port()), "other"),
    ] {
        assert_eq!(caller.addresses.get(&url).unwrap().text(), text, "{url}");
    }
    let undeclared = caller.addresses.get("http://greeter:9/").unwrap();
    assert_not_found(&undeclared);
    let detail = undeclared.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(&one.port().to_string()), "it names the declared ports: {detail}");
}

#[test]
fn inbound_leads_to_declared_ports_whatever_the_host_says() {
    let control = Control::start();
    let (declared, hidden) = (Application::greeting("declared"), Application::greeting("hidden"));
    let provider = Proxy::beside(&control.url(), "greeter", declared.port());
    let inbound = provider.addresses.inbound.unwrap();
    for host in ["greeter".to_owned(), "nosuch".to_owned(), format!("127.0.0.1:{}", hidden.port())] {
        assert_eq!(get(inbound, &host, "/").unwrap().text(), "declared", "{host}");
    }
    assert_eq!(hidden.connections(), 0);
}

#[test]
fn a_call_to_the_proxy_itself_is_no_endless_circle() {
    let control = Control::start();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    let answer = caller.addresses.get(&format!("http://{}/", caller.addresses.outbound)).unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json()["error"], "proxy_loop_detected");
}

#[test]
fn an_outside_address_is_passed_through() {
    let control = Control::start();
    let outside = Application::greeting("from outside");
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    let answer = caller.addresses.get(&format!("http://{}/", outside.address)).unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "from outside"));
}

fn assert_not_found(answer: &Message) {
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert_eq!(answer.field("content-type"), "application/json");
    let proxy_status = answer.field("proxy-status");
    assert!(proxy_status.starts_with("mesher/webapp/outbound;"), "{proxy_status}");
    assert!(proxy_status.contains("error=destination_not_found"), "{proxy_status}");
    let body = answer.json();
    assert_eq!(body["error"], "destination_not_found");
    for member in ["detail", "service", "invocation"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
    }
}
