//! Registries that fail in every way there is, and records that cannot be used.
//! It must cost nothing that works.

use std::net::SocketAddr;

use mesher_verify::application::{Application, answer};
use mesher_verify::http::send_json;
use mesher_verify::machine::free_port;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::traffic::Traffic;

/// Lets a caller learn of a service, then replaces the registry by `bad` at the same address, and calls on.
fn known_calls_go_on(bad: impl FnOnce(SocketAddr) -> Application) {
    let mut control = Control::start();
    let application = Application::greeting("hello");
    let _provider = Proxy::beside(&control.url(), "greeter", application.port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://greeter/");
    let traffic = Traffic::get(caller.addresses.outbound, "http://greeter/");

    control.process.crash();
    let bad = bad(control.address);
    // The caller and the provider both look, and each of them more than once.
    until("the bad registry has been asked", || (bad.connections() >= 3).then_some(()));
    traffic.flow(50);
    assert_eq!(caller.addresses.admin("/livez").status(), 200);
    let unknown = caller.addresses.get("http://nosuch/").unwrap();
    assert!([502, 503].contains(&unknown.status()), "{}", unknown.text());
    traffic.end_without_failure();
}

#[test]
fn a_registry_that_answers_garbage_changes_nothing() {
    known_calls_go_on(|address| {
        Application::listen(address, |mut wire| wire.request().and_then(|_| wire.send("!?\0\n".repeat(500))))
    });
}

#[test]
fn a_registry_that_answers_other_json_changes_nothing() {
    known_calls_go_on(|address| {
        Application::listen(address, |mut wire| {
            let _ = wire.request()?;
            wire.send(answer("200 OK", "{\"services\":{\"updated\":7}}"))?;
            wire.finish()
        })
    });
}

#[test]
fn a_registry_that_fails_changes_nothing() {
    known_calls_go_on(|address| {
        Application::listen(address, |mut wire| {
            let _ = wire.request()?;
            wire.send(answer("500 Internal Server Error", "oops"))?;
            wire.finish()
        })
    });
}

#[test]
fn a_registry_that_never_answers_changes_nothing() {
    known_calls_go_on(Application::silent_at);
}

#[test]
fn a_registry_that_is_empty_again_changes_nothing_for_who_still_answers() {
    let mut control = Control::start();
    let address = control.address.to_string();
    // It was registered by hand, so nobody will register it again.
    let application = Application::greeting("hello");
    let service = control.register_service("lonely", "1.0.0");
    control.register_instance(&service, &[format!("rest://{}", application.address)]);
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://lonely/");
    control.process.crash();
    let control = Control::listen(&address);
    until("the caller has told of itself", || (!control.rows("proxies").is_empty()).then_some(()));
    let traffic = Traffic::get(caller.addresses.outbound, "http://lonely/");
    mesher_verify::patience::throughout(std::time::Duration::from_secs(3), || Ok(()));
    traffic.end_without_failure();
}

#[test]
fn endpoints_that_cannot_be_used_cost_nothing_but_themselves() {
    let control = Control::start();
    let application = Application::greeting("hello");
    let service = control.register_service("mixed", "1.0.0");
    let bad = ["rest://nohost:80", "rest://1.2.3.4:0", "garbage", "rest://", "rest://1.2.3.4:99999"];
    for endpoint in bad {
        control.register_instance(&service, &[endpoint.to_owned()]);
    }
    let good = format!("rest://{}", application.address);
    control.register_instance(&service, &["garbage".to_owned(), good]);
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://mixed/");
    for _ in 0..20 {
        let answer = caller.addresses.get("http://mixed/").unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(caller.addresses.endpoints("mixed").len(), 1);
}

#[test]
fn a_proxy_that_never_saw_its_registry_is_live_and_says_why_it_is_not_ready() {
    let registry = Application::silent_at(([127, 0, 0, 1], free_port()).into());
    let proxy = Proxy::start(&format!("http://{}", registry.address), "webapp", &[]);
    until("the registry has been asked", || (registry.connections() > 0).then_some(()));
    assert_eq!(proxy.addresses.admin("/livez").status(), 200);
    let ready = proxy.addresses.admin("/readyz");
    assert_eq!((ready.status(), &ready.json()["state"]), (503, &"starting".into()));
    let health = proxy.addresses.admin("/v1/mesher/health");
    assert_eq!((health.status(), &health.json()["status"]), (500, &"red".into()));
}

#[test]
fn a_second_address_of_the_registry_serves_where_the_first_is_dead() {
    let control = Control::start();
    let application = Application::greeting("hello");
    let registry = format!("http://127.0.0.1:{},{}", free_port(), control.url());
    let _provider = Proxy::beside(&registry, "greeter", application.port());
    let caller = Proxy::start(&registry, "webapp", &[]);
    caller.addresses.wait_ready();
    assert_eq!(caller.addresses.get("http://greeter/").unwrap().text(), "hello");
}

#[test]
fn an_instance_that_is_taken_out_of_service_gets_no_calls() {
    let control = Control::start();
    let (one, other) = (Application::greeting("one"), Application::greeting("other"));
    let service = control.register_service("pair", "1.0.0");
    let ids = [&one, &other]
        .map(|application| control.register_instance(&service, &[format!("rest://{}", application.address)]));
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://pair/");
    let path = |id: &str, status: &str| {
        format!("/v4/default/registry/microservices/{service}/instances/{id}/status?value={status}")
    };
    let set = |id: &str, status: &str| {
        let answer = send_json(control.address, "PUT", &path(id, status), "").unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
    };
    let known = |count: usize| {
        until("the change of status is known", || {
            (caller.addresses.endpoints("pair").len() == count).then_some(())
        });
    };
    known(2);
    set(&ids[0], "OUTOFSERVICE");
    known(1);
    for _ in 0..10 {
        assert_eq!(caller.addresses.get("http://pair/").unwrap().text(), "other");
    }
    set(&ids[0], "UP");
    known(2);
}
