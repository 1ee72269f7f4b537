//! The whole path over IPv6.
//! It must say so where the machine has none.

use std::net::{Ipv6Addr, SocketAddr};

use mesher_verify::application::{Application, ok};
use mesher_verify::binary;
use mesher_verify::machine::has_ipv6;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::skip::leave_out;

#[test]
fn every_address_may_be_an_ipv6_one() {
    if !has_ipv6() {
        leave_out("ipv6", "the machine has no IPv6 loopback address");
        return;
    }
    let control = Control::listen("[::1]:0");
    let application =
        Application::http_at(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), |_| ok("by way of six"));
    let start = |service: &str, more: &[&str]| {
        let mut command = binary::command(&["proxy", "--print-addresses", "--registry", &control.url()]);
        command.args(["--service", service, "--advertise", "[::1]"]);
        command.args(["--outbound-listen", "[::1]:0", "--admin-listen", "[::1]:0"]).args(more);
        Proxy::of(&mut command)
    };
    let provider = start("greeter", &["--ports", &format!("rest:{}", application.port())]);
    provider.addresses.wait_ready();
    assert!(provider.addresses.inbound.unwrap().is_ipv6());
    let endpoint = control.instances("greeter")[0]["endpoints"][0].as_str().unwrap().to_owned();
    assert!(endpoint.starts_with("rest://[::1]:"), "{endpoint}");

    let caller = start("webapp", &[]);
    assert!(caller.addresses.outbound.is_ipv6());
    let answer = caller.addresses.wait_reachable("http://greeter/");
    assert_eq!(answer.text(), "by way of six");
    let outside = caller.addresses.get(&format!("http://{}/", application.address)).unwrap();
    assert_eq!(outside.text(), "by way of six", "an address in brackets is an outside host");
}

#[test]
fn an_application_on_ipv6_only_is_found_behind_an_ipv4_proxy() {
    if !has_ipv6() {
        leave_out("ipv6", "the machine has no IPv6 loopback address");
        return;
    }
    let control = Control::start();
    let application =
        Application::http_at(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), |_| ok("by way of six"));
    let _provider = Proxy::beside(&control.url(), "greeter", application.port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    assert_eq!(caller.addresses.wait_reachable("http://greeter/").text(), "by way of six");
}
