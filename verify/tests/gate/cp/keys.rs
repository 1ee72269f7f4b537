//! Which calls may share a connection: those to one endpoint of one service, and no others.
//! It must see at the upstream what came on which connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, ok};
use mesher_verify::http::Wire;
use mesher_verify::mesh::NEWS;
use mesher_verify::patience::{until, until_within};
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// How long a connection to an endpoint that is gone may stay idle.
const DRAINED_WITHIN: Duration = Duration::from_secs(2);

/// CP-06: two services and an outside host at one address. They never share a connection.
#[test]
fn cp_06() {
    let stand = Stand::start("cp_06");
    let hosts: Arc<Mutex<BTreeMap<u16, Vec<String>>>> = Arc::default();
    let kept = Arc::clone(&hosts);
    let upstream = Application::start(move |mut wire: Wire| {
        let connection = wire.stream().peer_addr()?.port();
        while let Some(request) = wire.request()? {
            let host = request.field("host").to_owned();
            wire.send(ok(&host))?;
            kept.lock().unwrap().entry(connection).or_default().push(host);
        }
        Ok(())
    });
    stand.register("one", &upstream);
    stand.register("two", &upstream);
    let outside = upstream.address.to_string();
    let mut wire = stand.connect();
    for _ in 0..scaled(20, 5000) {
        for host in ["one", "two", &outside] {
            let answer = wire.call(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
            assert_eq!((answer.status(), answer.text().as_str()), (200, host));
        }
    }
    let hosts = hosts.lock().unwrap();
    assert_eq!(hosts.len(), 3, "each has its own connection, and uses it again: {:?}", hosts.keys());
    for (connection, hosts) in hosts.iter() {
        assert!(hosts.iter().all(|host| *host == hosts[0]), "{connection} carried {hosts:?}");
    }
    drop(wire);
    stand.end(&[]);
}

/// CP-07: an endpoint leaves one service and becomes another's. Its connections are drained at once, and none of the
/// old service's calls reaches it.
#[test]
fn cp_07() {
    let mut stand = Stand::start("cp_07");
    let stays = Application::http(|_| ok("stays"));
    let hosts: Arc<Mutex<Vec<(u16, String)>>> = Arc::default();
    let kept = Arc::clone(&hosts);
    let (ended, ends) = std::sync::mpsc::channel();
    let ended = Mutex::new(ended);
    let moves = Application::start(move |mut wire: Wire| {
        let connection = wire.stream().peer_addr()?.port();
        while let Some(request) = wire.request()? {
            kept.lock().unwrap().push((connection, request.field("host").to_owned()));
            wire.send(ok("moves"))?;
        }
        let _ = ended.lock().unwrap().send(Instant::now());
        Ok(())
    });
    stand.register("old", &stays);
    let record = stand.register("old", &moves);
    let mut wire = stand.connect();
    let mut call = |host: &str| {
        let answer = wire.call(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
        assert_eq!(answer.status(), 200, "{host}");
        answer.text()
    };
    until("both endpoints answer", || (call("old") == "moves").then_some(()));
    stand.deregister(&record);
    stand.register("new", &moves);
    until_within(NEWS, "the proxy knows", || {
        (stand.proxy.addresses.endpoints("old").len() == 1).then_some(())
    });
    let known = Instant::now();
    assert_eq!(call("new"), "moves");
    for _ in 0..10 {
        assert_eq!(call("old"), "stays");
    }
    let closed = ends.recv_timeout(DRAINED_WITHIN).expect("its idle connection is closed");
    let took = closed.saturating_duration_since(known);
    assert!(took <= DRAINED_WITHIN, "{took:?}");
    stand.note(format!("drained {took:.1?} after the news"));
    let hosts = hosts.lock().unwrap();
    for (connection, host) in hosts.iter().filter(|(_, host)| host == "new") {
        let others = hosts.iter().filter(|(other, host)| other == connection && host == "old").count();
        assert_eq!(others, 0, "connection {connection} to {host} carried calls to the old service");
    }
    drop(hosts);
    drop(wire);
    stand.end(&[]);
}
