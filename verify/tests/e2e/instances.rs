//! Instances that come and go under calls.
//! It must let no caller notice one that goes while another is left.

use mesher_verify::application::{Application, ok};
use mesher_verify::http::{Kept, Wire};
use mesher_verify::machine::{descendant, free_port};
use mesher_verify::mesh::{Control, NEWS, Pair, Proxy, QUESTION, ask_calculator};
use mesher_verify::patience::{until, until_within};
use mesher_verify::process::{Signal, send};
use mesher_verify::traffic::Traffic;

fn caller(control: &Control, instances: usize) -> Proxy {
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    until("all instances are known", || {
        (caller.addresses.endpoints("calculator").len() == instances).then_some(())
    });
    caller
}

/// GETs on connections of their own, and on one that is kept.
struct Calls([Traffic; 2]);

impl Calls {
    fn start(caller: &Proxy) -> Self {
        let outbound = caller.addresses.outbound;
        Self([
            Traffic::get(outbound, &format!("http://calculator{QUESTION}")),
            Traffic::get_kept(outbound, "calculator", QUESTION),
        ])
    }

    fn flow(&self, more: u64) {
        self.0.iter().for_each(|traffic| traffic.flow(more));
    }

    fn end_without_failure(self) {
        self.0.into_iter().for_each(Traffic::end_without_failure);
    }
}

#[test]
fn a_new_instance_gets_calls_within_seconds() {
    let control = Control::start();
    let _first = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = caller(&control, 2);
    let traffic = Calls::start(&caller);
    let _third = Pair::calculator(&control, "0.0.3");
    until_within(NEWS, "an answer of the third instance", || {
        (ask_calculator(caller.addresses.outbound).unwrap() == "0.0.3").then_some(())
    });
    traffic.end_without_failure();
}

#[test]
fn the_crash_of_a_proxy_costs_no_get() {
    crash_under_calls(&["proxy"]);
}

#[test]
fn the_crash_of_an_application_costs_no_get() {
    crash_under_calls(&["sample"]);
}

/// Kills a part of one of two pairs while GETs flow.
fn crash_under_calls(part: &[&str]) {
    let control = Control::start();
    let pairs = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = caller(&control, 2);
    let traffic = Calls::start(&caller);
    traffic.flow(20);
    send(descendant(pairs[0].process.pid(), part).unwrap(), Signal::KILL);
    traffic.flow(50);
    until("only the survivor is known", || {
        let version = |endpoint: &serde_json::Value| endpoint["version"] == "0.0.2";
        let endpoints = caller.addresses.endpoints("calculator");
        let is_settled = endpoints.iter().all(version) && !endpoints.is_empty();
        // A registry that was told nothing keeps a crashed instance until its lease ends.
        (is_settled || part == ["proxy"]).then_some(())
    });
    traffic.flow(50);
    traffic.end_without_failure();
}

#[test]
fn the_crash_of_a_whole_pair_costs_no_get() {
    let control = Control::start();
    let mut pairs = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
    let caller = caller(&control, 2);
    let traffic = Calls::start(&caller);
    traffic.flow(20);
    let parts = mesher_verify::machine::descendants(pairs[0].process.pid());
    parts.into_iter().for_each(|pid| send(pid, Signal::KILL));
    pairs[0].process.crash();
    traffic.flow(200);
    traffic.end_without_failure();
}

#[test]
fn a_post_goes_elsewhere_where_a_connection_is_refused() {
    let control = Control::start();
    let application = Application::http(|request| ok(&request.text()));
    let _provider = Proxy::beside(&control.url(), "store", application.port());
    let service = control.register_service("store", "0.0.2");
    control.register_instance(&service, &[format!("rest://127.0.0.1:{}", free_port())]);
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://store/");
    until("both instances are known", || (caller.addresses.endpoints("store").len() == 2).then_some(()));

    let mut wire = Wire::open(caller.addresses.outbound).unwrap();
    for number in 0..20 {
        let text = format!("order {number:04}");
        let answer = wire.call(format!("POST / HTTP/1.1\r\nHost: store\r\nContent-Length: 10\r\n\r\n{text}"));
        let answer = answer.unwrap();
        assert_eq!((answer.status(), answer.text()), (200, text), "{:?}", answer.head);
    }
}

#[test]
fn a_get_whose_application_dies_under_it_goes_elsewhere_and_a_post_does_not() {
    let control = Control::start();
    let good = Application::http(|request| ok(request.head.method()));
    // It takes each request and ends without an answer, as an application that is killed does.
    let dying = Application::start(|mut wire: Wire| wire.request().map(|_| ()));
    let _providers = [good.port(), dying.port()].map(|port| Proxy::beside(&control.url(), "store", port));
    let caller = Proxy::start(&control.url(), "webapp", &["--workers", "1"]);
    caller.addresses.wait_ready();
    until("both instances are known", || {
        let _ = caller.addresses.get("http://store/");
        (caller.addresses.endpoints("store").len() == 2).then_some(())
    });
    let mut kept = Kept::to(caller.addresses.outbound);
    let mut posts = Vec::new();
    for _ in 0..10 {
        // Nothing says that a POST was not acted on.
        posts.push(
            kept.call("POST / HTTP/1.1\r\nHost: store\r\nContent-Length: 2\r\n\r\nhi").unwrap().status(),
        );
    }
    assert!(posts.contains(&200) && posts.contains(&502), "{posts:?}");
    for number in 0..10 {
        let answer = kept.call("GET / HTTP/1.1\r\nHost: store\r\n\r\n").unwrap();
        assert_eq!(answer.status(), 200, "call {number}: {}", answer.text());
    }
}
