//! Tables for the registry's semantics, and what the tables share.
//! They must not wait: time is a value, and every expectation is what a client sees.

mod batch;
mod dependencies;
mod edits;
mod find;
mod instances;
mod leases;
mod properties;
mod schemas;
mod services;
mod tags;

use std::collections::BTreeMap;
use std::time::Duration;

use mesher_model::{ErrorCode, Instance, Microservice};

use crate::{FindRequest, Limits, Moment, OwnService, Registry, RegistryError, Tenant};

const OWN_ID: &str = "0123456789abcdef0123456789abcdef";

fn at(seconds: u64) -> Moment {
    Moment { monotonic: Duration::from_secs(seconds), unix: Duration::from_secs(1_700_000_000 + seconds) }
}

fn registry() -> Registry {
    let mut registry = Registry::new(7, Limits::default());
    let own = OwnService {
        version: "0.0.1".to_owned(),
        instance_id: OWN_ID.to_owned(),
        host_name: "node".to_owned(),
        endpoints: vec!["rest://127.0.0.1:30100/".to_owned()],
    };
    registry.register_own(own, at(0)).unwrap();
    registry.take_changes();
    registry
}

fn named(app: &str, name: &str, version: &str) -> Microservice {
    Microservice {
        app_id: app.to_owned(),
        service_name: name.to_owned(),
        version: version.to_owned(),
        ..Microservice::default()
    }
}

fn create(registry: &mut Registry, service: Microservice) -> String {
    registry.create_service(Tenant::DEFAULT, service, at(0)).unwrap()
}

fn on_host(host: &str) -> Instance {
    Instance {
        host_name: host.to_owned(),
        endpoints: vec![format!("rest://127.0.0.1:{}", 7000 + host.len())],
        ..Instance::default()
    }
}

/// Registers an instance whose id is the name of its host.
fn register(registry: &mut Registry, service_id: &str, host: &str, now: Moment) -> String {
    registry.register_instance(Tenant::DEFAULT, service_id, on_host(host), || host.to_owned(), now).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The hosts that a look-up finds, and its revision.
fn find(
    registry: &Registry,
    consumer: &str,
    app: &str,
    name: &str,
) -> Result<(Vec<String>, String), ErrorCode> {
    let request = FindRequest { consumer, app, service: name, ..FindRequest::default() };
    let found = registry.find(Tenant::DEFAULT, request).map_err(|error| error.code())?;
    let hosts = found.instances().map(|instance| instance.host_name.clone()).collect();
    Ok((hosts, found.revision().to_string()))
}

fn code<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> ErrorCode {
    result.unwrap_err().code()
}
