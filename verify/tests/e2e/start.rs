//! How a proxy comes up: before its registry, before its application.
//! It must never claim what is not so yet.

use std::time::Duration;

use mesher_verify::application::{Application, ok};
use mesher_verify::machine::free_port;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::throughout;

#[test]
fn a_proxy_listens_without_a_registry_and_is_ready_once_there_is_one() {
    let registry = format!("127.0.0.1:{}", free_port());
    let proxy = Proxy::start(&format!("http://{registry}"), "webapp", &[]);
    assert_eq!(proxy.addresses.admin("/livez").status(), 200);
    let early = proxy.addresses.admin("/readyz");
    assert_eq!(early.status(), 503, "{}", early.text());
    assert_eq!(early.json()["state"], "starting");

    let _control = Control::listen(&registry);
    proxy.addresses.wait_ready();
    assert_eq!(proxy.addresses.admin("/livez").status(), 200);
}

/// One beside an application that takes no calls, too.
#[test]
fn a_proxy_that_nobody_calls_takes_next_to_no_processor_time() {
    let control = Control::start();
    let application = Application::http(|_| ok("here"));
    let idle = [
        Proxy::start(&control.url(), "caller", &[]),
        Proxy::beside(&control.url(), "callee", application.port()),
    ];
    let used = || {
        idle.each_ref().map(|proxy| {
            let metrics = proxy.addresses.admin("/metrics").text();
            let line = metrics.lines().find(|line| line.starts_with("process_cpu_seconds_total "));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap()
        })
    };
    idle.iter().for_each(|proxy| proxy.addresses.wait_ready());
    let before = used();
    throughout(Duration::from_secs(2), || Ok(()));
    for (after, before) in used().into_iter().zip(before) {
        assert!(after - before < 0.2, "{:.2} s of processor time in two seconds", after - before);
    }
}

#[test]
fn an_instance_is_registered_once_its_application_accepts_connections() {
    let control = Control::start();
    let port = free_port();
    let proxy = Proxy::start(&control.url(), "late", &["--ports", &format!("rest:{port}")]);
    throughout(Duration::from_secs(1), || {
        let is_hidden =
            control.instances("late").is_empty() && proxy.addresses.admin("/readyz").status() == 503;
        is_hidden.then_some(()).ok_or_else(|| "found before its application listens".to_owned())
    });

    let _application = Application::http_at(([127, 0, 0, 1], port).into(), |_| ok("here"));
    proxy.addresses.wait_ready();
    control.wait_instances("late", 1);
}
