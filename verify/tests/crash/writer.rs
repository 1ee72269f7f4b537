//! A writer with services of its own, on a connection that it keeps, and what it finds after a restart.
//! It must have one call under way at most: only then is it known what may be there.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mesher_verify::draw::Draw;
use mesher_verify::http::Kept;
use mesher_verify::mesh::Control;
use serde_json::Value;

use crate::model::{Deed, Known, Service};

/// Before the paths of the registry.
const REGISTRY: &str = "/v4/default/registry";

/// One writer.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Before the ids of its services.
    prefix: String,
    draw: Draw,
    /// The number of the last call.
    last: u64,
    /// All that was acknowledged.
    known: Known,
    /// The call that was never answered.
    open: Option<Deed>,
}

impl Writer {
    pub(crate) fn new(number: usize, seed: u64) -> Self {
        let prefix = format!("w{number}-");
        Self { prefix, draw: Draw::new(seed), last: 0, known: Known::new(), open: None }
    }

    /// Writes until nobody answers any more. Answers how many calls were acknowledged.
    pub(crate) fn write_until_the_end(&mut self, address: SocketAddr) -> u64 {
        let mut connection = Kept::to(address);
        let mut acknowledged = 0;
        loop {
            self.last += 1;
            let deed = Deed::choose(&self.known, &self.prefix, self.last, &mut self.draw);
            let (method, path, body) = deed.request();
            let body = body.map(|body| body.to_string()).unwrap_or_default();
            let request = format!(
                "{method} {REGISTRY}{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            match connection.call(&request) {
                Ok(answer) => {
                    assert_eq!(answer.status(), 200, "{deed:?}: {}", answer.text());
                    deed.apply(&mut self.known);
                    acknowledged += 1;
                }
                Err(_) => {
                    self.open = Some(deed);
                    return acknowledged;
                }
            }
        }
    }

    /// Fails unless just that is there which was acknowledged, with the open call or without it. Answers whether with.
    #[track_caller]
    fn accept(&mut self, found: Known, when: &str) -> bool {
        let mut with = self.known.clone();
        let open = self.open.take();
        if let Some(open) = &open {
            open.apply(&mut with);
        }
        let is_with = found != self.known;
        assert!(
            !is_with || found == with,
            "{when}: {} finds\n{found:?}\nand has written\n{:?}\nwith this call under way: {open:?}",
            self.prefix,
            self.known
        );
        self.known = found;
        is_with
    }
}

/// What all writers find. Answers how many of them find a call that was not acknowledged.
#[track_caller]
pub(crate) fn compare(writers: &mut [Writer], control: &Control, when: &str) -> usize {
    let mut connection = Kept::to(control.address);
    let mut found: BTreeMap<String, Known> = BTreeMap::new();
    for service in list(&mut connection, control.address, "/microservices", "services") {
        let id = text(&service, "serviceId");
        let (writer, _) = id.split_once('-').unwrap_or_else(|| panic!("{when}: nobody wrote {service}"));
        let read = read(&mut connection, control.address, &id, &service);
        found.entry(format!("{writer}-")).or_default().insert(id, read);
    }
    let mut unacknowledged = 0;
    for writer in writers {
        let found = found.remove(&writer.prefix).unwrap_or_default();
        unacknowledged += usize::from(writer.accept(found, when));
    }
    assert!(found.is_empty(), "{when}: nobody wrote {found:?}");
    unacknowledged
}

fn read(connection: &mut Kept, address: SocketAddr, id: &str, service: &Value) -> Service {
    let mark_of = |record: &Value| record.get("properties").map(|all| text(all, "mark")).unwrap_or_default();
    let instances = list(connection, address, &format!("/microservices/{id}/instances"), "instances");
    let contracts = format!("/microservices/{id}/schemas?withSchema=1");
    let contracts = list(connection, address, &contracts, "schemas");
    Service {
        mark: mark_of(service),
        contracts: contracts.iter().map(|one| (text(one, "schemaId"), text(one, "schema"))).collect(),
        instances: instances.iter().map(|one| (text(one, "instanceId"), mark_of(one))).collect(),
    }
}

fn list(connection: &mut Kept, address: SocketAddr, path: &str, member: &str) -> Vec<Value> {
    let request = format!("GET {REGISTRY}{path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let answer = connection.call(&request).unwrap();
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.json().get(member).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn text(record: &Value, member: &str) -> String {
    record.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}
