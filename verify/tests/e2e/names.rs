//! Which name leads to which record of the registry.
//! It must lead to exactly one, or to none.

use mesher_verify::application::Application;
use mesher_verify::mesh::{ANY_PORT, Control, Pair, Proxy};
use mesher_verify::process::Process;
use serde_json::json;

#[test]
fn a_service_of_another_application_is_called_by_its_full_name_only() {
    let control = Control::start();
    let application = Application::greeting("from the other");
    // A service says itself that other applications may call it.
    let service = control.register_record(&json!({
        "appId": "other", "serviceName": "stock", "version": "1.0.0", "properties": {"allowCrossApp": "true"}
    }));
    control.register_instance(&service, &[format!("rest://{}", application.address)]);
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();
    for host in ["stock.other.app", "STOCK.other.APP"] {
        assert_eq!(caller.addresses.get(&format!("http://{host}/")).unwrap().text(), "from the other");
    }
    assert_eq!(caller.addresses.get("http://stock/").unwrap().status(), 502);
}

#[test]
fn a_name_may_have_dots_and_capitals() {
    let control = Control::start();
    for name in ["stock.local", "Stock_Of-2026"] {
        let application = Application::greeting(name);
        let _provider = Proxy::beside(&control.url(), name, application.port());
        let caller = Proxy::start(&control.url(), "webapp", &[]);
        caller.addresses.wait_ready();
        let answer = caller.addresses.get(&format!("http://{name}/")).unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (200, name));
    }
}

#[test]
fn environments_do_not_see_each_other() {
    let control = Control::start();
    let application = Application::greeting("production");
    let port = format!("rest:{}", application.port());
    let provider = Proxy::start(&control.url(), "stock", &["--environment", "production", "--ports", &port]);
    provider.addresses.wait_ready();
    let outside = Proxy::start(&control.url(), "webapp", &[]);
    outside.addresses.wait_ready();
    assert_eq!(outside.addresses.get("http://stock/").unwrap().status(), 502);
    let inside = Proxy::start(&control.url(), "webapp", &["--environment", "production"]);
    inside.addresses.wait_ready();
    assert_eq!(inside.addresses.get("http://stock/").unwrap().text(), "production");
}

#[test]
fn an_outside_name_that_does_not_exist_is_a_matter_of_dns() {
    let control = Control::start();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();
    let answer = caller.addresses.get("http://nosuch.invalid/").unwrap();
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    // A resolver that cannot be reached takes its time instead.
    assert!(
        [(502, "dns_error"), (504, "dns_timeout")].contains(&(answer.status(), &error)),
        "{}",
        answer.text()
    );
}

#[test]
fn an_application_without_a_port_is_a_service_without_an_instance() {
    let control = Control::start();
    let pair = Pair::start(&control.url(), "caller", &[], &["sh", "-c", "while :; do sleep 0.05; done"]);
    pair.addresses.wait_ready();
    assert!(pair.addresses.inbound.is_none());
    assert!(control.rows("services").iter().any(|row| row["name"] == "caller"));
    assert!(control.instances("caller").is_empty());
    let other = Proxy::start(&control.url(), "webapp", &[]);
    other.addresses.wait_ready();
    let answer = other.addresses.get("http://caller/").unwrap();
    assert_eq!((answer.status(), &answer.json()["error"]), (503, &"destination_unavailable".into()));
}

#[test]
fn the_older_names_of_settings_work_for_a_whole_proxy() {
    let control = Control::start();
    let application = Application::greeting("by older names");
    let mut command = mesher_verify::binary::command(&["proxy", "--print-addresses"]);
    command.envs([
        ("SERVICE_NAME", "elder"),
        ("VERSION", "3.2.1"),
        ("CSE_REGISTRY_ADDR", control.url().as_str()),
        ("SPECIFIC_ADDR", &format!("127.0.0.1:{}", application.port())),
        ("MESHER_OUTBOUND_LISTEN", ANY_PORT),
        ("MESHER_ADMIN_LISTEN", ANY_PORT),
        ("MD", "color=blue|size=9"),
    ]);
    let provider = Proxy::of(&mut command);
    provider.addresses.wait_ready();
    let instances = control.instances("elder");
    assert_eq!(instances[0]["version"], "3.2.1");
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();
    assert_eq!(caller.addresses.get("http://elder/").unwrap().text(), "by older names");
    let shown = Process::run(&mut mesher_verify::binary::command(&[
        "get",
        "instances",
        "elder",
        "--control",
        &control.url(),
    ]));
    assert!(shown.output.contains("3.2.1"), "{}", shown.output);
}
