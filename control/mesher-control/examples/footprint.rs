//! Says what a service and an instance cost in memory: fills a registry and reads the process's resident size.
//! It must not be taken for a bound; `docs/registry.md` quotes what it says.

#![expect(clippy::print_stdout, reason = "a report to whoever asked for it")]

use std::time::Duration;

use mesher_model::{Instance, Microservice};
use mesher_registry::{FindRequest, Limits, Moment, Registry, Tenant};

const SERVICES: usize = 10_000;
const INSTANCES_OF_EACH: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Moment { monotonic: Duration::ZERO, unix: Duration::from_secs(1_700_000_000) };
    let mut registry = Registry::new(1, Limits::default());
    let before = resident()?;
    let mut ids = Vec::with_capacity(SERVICES);
    for number in 0..SERVICES {
        let service = Microservice {
            app_id: "shop".to_owned(),
            service_name: format!("service-{number}"),
            version: "1.0.0".to_owned(),
            schemas: vec!["Orders".to_owned(), "Payments".to_owned()],
            ..Microservice::default()
        };
        ids.push(registry.create_service(Tenant::DEFAULT, service, now)?);
    }
    told(&mut registry);
    let with_services = resident()?;
    report("service", with_services - before, SERVICES);
    for (number, id) in ids.iter().enumerate() {
        for instance in 0..INSTANCES_OF_EACH {
            let fresh_id = || format!("{:032x}", number * INSTANCES_OF_EACH + instance);
            let instance = Instance {
                endpoints: vec![format!("rest://10.0.{}.{}:8080", number % 256, instance)],
                host_name: format!("host-{number}-{instance}"),
                properties: [("zone".to_owned(), "a".to_owned())].into(),
                ..Instance::default()
            };
            registry.register_instance(Tenant::DEFAULT, id, instance, fresh_id, now)?;
        }
        told(&mut registry);
    }
    let with_instances = resident()?;
    report("instance", with_instances - with_services, SERVICES * INSTANCES_OF_EACH);
    for number in 0..SERVICES {
        let name = format!("service-{number}");
        let request = FindRequest { app: "shop", service: &name, ..FindRequest::default() };
        serde_json::to_vec(&registry.find(Tenant::DEFAULT, request)?)?;
    }
    let with_text = resident()?;
    report(
        "instance that was looked up, beside that",
        with_text - with_instances,
        SERVICES * INSTANCES_OF_EACH,
    );
    println!("in all: {} MiB", with_text / 1024 / 1024);
    Ok(())
}

/// As the control plane does after each call.
fn told(registry: &mut Registry) {
    drop((registry.take_changes(), registry.take_edits()));
}

fn report(what: &str, bytes: usize, count: usize) {
    println!("{} bytes for each {what}", bytes / count);
}

/// Resident bytes of this process, as Linux tells them.
fn resident() -> Result<usize, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}
