//! The control plane of the run, with the backend in it as the instance of a service.
//! It must register by hand, as a program without a proxy does: then only the proxies that are measured call.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mesher_verify::http::Kept;
use serde_json::{Value, json};

use super::mesher::Binary;
use crate::system::{Child, GENERATOR};

/// The service that clients call.
pub(crate) const SERVICE: &str = "bench";
/// Nobody renews the instances, so a lease has to outlive the run; in seconds.
const LEASE_INTERVAL: u32 = 86_400;

/// A control plane.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    calls: Kept,
    _process: Child,
}

impl Registry {
    /// Starts one, beside clients and backend: it is not what is measured.
    pub(crate) fn start(mesher: &Binary, folder: &Path) -> Result<Self> {
        let (process, address) = mesher.start_control(GENERATOR, folder, None)?;
        Ok(Self { address, calls: Kept::to(address), _process: process })
    }

    /// Registers a service with one instance.
    pub(crate) fn register(&mut self, service: &str, instance: SocketAddr) -> Result<()> {
        let record = json!({"service": {"appId": "default", "serviceName": service, "version": "1.0.0"}});
        let answer = self.post("/v4/default/registry/microservices", &record)?;
        let id = answer
            .get("serviceId")
            .and_then(Value::as_str)
            .context("the registry made no service")?
            .to_owned();
        let record = json!({"instance": {
            "endpoints": [format!("rest://{instance}")], "hostName": "bench", "status": "UP",
            "healthCheck": {"mode": "push", "interval": LEASE_INTERVAL, "times": 3},
        }});
        self.post(&format!("/v4/default/registry/microservices/{id}/instances"), &record).map(|_| ())
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let (body, host) = (body.to_string(), self.address);
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        // Between two scenarios the registry may have closed a connection that was idle for minutes; a fresh one settles
        // whether it is there. Registering twice changes nothing.
        let answer = self.calls.call(&request).or_else(|_| self.calls.call(&request));
        let answer = answer.context("the registry does not answer")?;
        ensure!(answer.status() == 200, "the registry says {}: {}", answer.status(), answer.text());
        Ok(answer.json())
    }
}
