//! The records that the control plane holds, as requests with ids that are known beforehand.
//! It must make every id equally long, so that every answer's length is known.

use std::net::SocketAddr;
use std::rc::Rc;

use serde_json::json;

use crate::load::Wanted;

/// Where every call of the registry begins.
const REGISTRY: &str = "/v4/default/registry";
/// Instances of the first service: a look-up of it is the long one.
pub(super) const INSTANCES_OF_FIRST: usize = 100;
/// Instances of each other service, as far as they reach.
const INSTANCES_OF_OTHERS: usize = 10;
/// Seconds between two heartbeats: nobody sends them, so a lease has to outlive the run.
const LEASE_INTERVAL: u32 = 86_400;
/// Characters of an id.
const ID_LENGTH: usize = 32;

/// How many records there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Population {
    pub(super) address: SocketAddr,
    pub(super) services: usize,
    pub(super) instances: usize,
}

impl Population {
    /// Registers a service.
    pub(super) fn create(self, service: usize) -> Rc<[u8]> {
        let body = json!({"service": {
            "serviceId": service_id(service), "appId": "bench", "serviceName": service_name(service),
            "version": "1.0.0", "status": "UP", "properties": {"team": "bench"},
        }});
        self.request("POST", "/microservices", "", &body.to_string())
    }

    /// What answers [`Self::create`].
    pub(super) fn created() -> Wanted {
        Wanted::ok(r#"{"serviceId":""}"#.len() + ID_LENGTH)
    }

    /// Registers an instance.
    pub(super) fn register(self, instance: usize) -> Rc<[u8]> {
        self.register_for(self.service_of(instance), instance)
    }

    /// Registers an instance of this service.
    pub(super) fn register_for(self, service: usize, instance: usize) -> Rc<[u8]> {
        let [.., high, middle, low] = instance.to_be_bytes();
        let body = json!({"instance": {
            "instanceId": instance_id(instance), "hostName": format!("host-{instance:06}"), "status": "UP",
            "endpoints": [format!("rest://10.{high}.{middle}.{low}:8080")],
            "properties": {"zone": "a", "weight": "100"},
            "healthCheck": {"mode": "push", "interval": LEASE_INTERVAL, "times": 3},
        }});
        let path = format!("/microservices/{}/instances", service_id(service));
        self.request("POST", &path, "", &body.to_string())
    }

    /// What answers [`Self::register`].
    pub(super) fn registered() -> Wanted {
        Wanted::ok(r#"{"instanceId":""}"#.len() + ID_LENGTH)
    }

    /// Renews the lease of an instance.
    pub(super) fn beat(self, instance: usize) -> Rc<[u8]> {
        let (service, instance) = (service_id(self.service_of(instance)), instance_id(instance));
        self.request("PUT", &format!("/microservices/{service}/instances/{instance}/heartbeat"), "", "")
    }

    /// Looks a service up by its name, for another one that has this revision of the set or none.
    pub(super) fn find(self, consumer: usize, service: usize, revision: &str) -> Rc<[u8]> {
        let name = service_name(service);
        let path = format!("/instances?appId=bench&serviceName={name}&version=0%2B&rev={revision}");
        self.request("GET", &path, &format!("X-ConsumerId: {}\r\n", service_id(consumer)), "")
    }

    /// Asks for a web socket on which a service hears of what it calls.
    pub(super) fn watch(self, consumer: usize) -> Rc<[u8]> {
        let more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        self.request("GET", &format!("/microservices/{}/watcher", service_id(consumer)), more, "")
    }

    /// The service of an instance.
    pub(super) fn service_of(self, instance: usize) -> usize {
        let others = instance.saturating_sub(INSTANCES_OF_FIRST) / INSTANCES_OF_OTHERS;
        // The last one gets none: watchers wait for its first.
        if instance < INSTANCES_OF_FIRST { 0 } else { 1 + others % (self.services - 2) }
    }

    fn request(self, method: &str, path: &str, fields: &str, body: &str) -> Rc<[u8]> {
        let (address, length) = (self.address, body.len());
        let content = match method {
            "GET" => String::new(),
            _ => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        let head = format!("{method} {REGISTRY}{path} HTTP/1.1\r\nHost: {address}\r\n{fields}{content}\r\n");
        (head + body).into_bytes().into()
    }
}

fn service_name(service: usize) -> String {
    format!("service-{service:06}")
}

fn service_id(service: usize) -> String {
    format!("{service:0ID_LENGTH$x}")
}

/// Spread over the whole space, as random ids are: neighbours in the run are none in a map.
fn instance_id(instance: usize) -> String {
    let spread = (instance as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{spread:016x}{instance:016x}")
}
