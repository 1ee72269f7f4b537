//! Names of outside hosts that cannot be resolved, or that have more addresses than anybody needs.
//! It must ask a name server of its own, so that nothing depends on the machine's.

use std::net::Ipv4Addr;

use mesher_verify::application::{Application, ok};
use mesher_verify::resolver::{Records, Resolver};
use mesher_verify::scale::scaled;
use mesher_verify::skip::leave_out;

use crate::stand::Stand;

/// Addresses of one host that are used.
const ADDRESSES_MAX: usize = 16;
/// Addresses that a host of the row has.
const ADDRESSES: usize = 1000;

/// UP-16: no such name, a server that fails, no address, aliases in a circle: 502 `dns_error`. A thousand addresses are
/// cut to a few; addresses that may not be kept are not asked for again with each call.
#[test]
fn up_16() {
    if !Resolver::is_possible() {
        return leave_out("up_16", "a name server of the test's own needs root and unshare");
    }
    let resolver = Resolver::start(16, |name| match name {
        "fails.example" => Records::Nothing(2),
        "empty.example" => Records::Nothing(0),
        "circle.example" => Records::Alias("elcric.example"),
        "elcric.example" => Records::Alias("circle.example"),
        "many.example" => Records::Addresses(vec![Ipv4Addr::LOCALHOST; ADDRESSES]),
        "different.example" => {
            let address = |number: usize| {
                let [.., high, low] = number.to_be_bytes();
                Ipv4Addr::new(127, 0, high, low)
            };
            Records::Addresses((1..=ADDRESSES).map(address).collect())
        }
        "once.example" => Records::Addresses(vec![Ipv4Addr::LOCALHOST]),
        _ => Records::Nothing(3),
    });
    let stand = Stand::asking("up_16", &resolver);
    let application = Application::http(|request| ok(request.field("host")));
    let port = application.port();
    let mut wire = stand.connect();
    let mut call = |host: &str| wire.call(format!("GET / HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")).unwrap();
    let names = ["nosuch.example", "fails.example", "empty.example", "circle.example"];
    for name in names {
        let answer = call(name);
        assert_eq!((answer.status(), &answer.json()["error"]), (502, &"dns_error".into()), "{name}");
    }
    // One question for each kind of address; the system's resolver asks again for each doubling of its buffer.
    for (name, most) in [("once.example", 2), ("many.example", 16)] {
        for _ in 0..scaled(20, 1000) {
            assert_eq!(call(name).text(), format!("{name}:{port}"));
        }
        let asked = resolver.questions(name);
        assert!(asked <= most, "{name} was asked for {asked} times");
    }
    // Only the first of them is listened on; a few tries do not find it among all.
    call("different.example");
    let clusters = stand.proxy.addresses.admin("/clusters").json();
    let most = clusters["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cluster| cluster["endpoints"].as_array().unwrap().len());
    let most = most.max().unwrap();
    assert!((2..=ADDRESSES_MAX).contains(&most), "{most} addresses of one host are kept");
    drop(wire);
    let refused =
        stand.metrics().failures().get(&("upstream".to_owned(), "connect_refused".to_owned())).copied();
    stand.end(&[
        ("local", "dns_error", names.len() as u64),
        ("upstream", "connect_refused", refused.unwrap_or(0)),
    ]);
}
