//! The control plane goes away and comes back.
//! It must be missed by nobody who calls what was called before.

use std::time::Duration;

use mesher_verify::application::Application;
use mesher_verify::mesh::{Control, Pair, Proxy, QUESTION, ask_calculator};
use mesher_verify::patience::{throughout, until};
use mesher_verify::traffic::Traffic;

#[test]
fn a_crash_and_a_restart_of_the_control_plane_cost_no_call() {
    let mut control = Control::start();
    let address = control.address.to_string();
    let _calculators = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    let outbound = caller.addresses.outbound;
    let traffic = Traffic::start(move || ask_calculator(outbound).map(|_| ()));
    traffic.flow(20);

    control.process.crash();
    let begun = traffic.answered();
    throughout(Duration::from_secs(5), || Ok(()));
    assert!(traffic.answered() > begun + 20, "calls stood still while the control plane was away");
    assert_eq!(caller.addresses.admin("/readyz").status(), 200, "its absence takes nobody out of service");

    let control = Control::listen(&address);
    control.wait_instances("calculator", 2);
    until("all proxies have told of themselves", || (control.rows("proxies").len() == 3).then_some(()));
    let application = Application::greeting("new");
    let _provider = Proxy::beside(&control.url(), "newcomer", application.port());
    caller.addresses.wait_reachable("http://newcomer/");
    traffic.flow(20);
    traffic.end_without_failure();
}

#[test]
fn a_service_never_asked_for_is_unavailable_and_not_unknown_while_the_registry_is_away() {
    let mut control = Control::start();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();
    control.process.crash();
    let answer = caller.addresses.get("http://calculator/").unwrap();
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(answer.json()["error"], "destination_unavailable");
}
