//! Checks of the application beside the proxy: whether it works, and not only whether it accepts connections.
//! One bad answer must not take an instance out of the registry, nor one good one bring it back.

use std::net::SocketAddr;

use mesher_traffic::checkup::{Checkup, Thresholds};
use tokio::sync::watch;

use crate::bootstrap::{HealthCheck, HealthProbe, PortProtocol};
use crate::health::ask;
use crate::snapshot::Endpoint;

/// By which part of an interval a check may come late, so that those of many proxies do not come together.
pub(super) const JITTER: f64 = 0.1;

/// What is checked, and how.
#[derive(Debug)]
pub(crate) struct Checks {
    check: HealthCheck,
    addresses: Vec<SocketAddr>,
    checkup: Checkup,
}

impl Checks {
    /// Checks for the first time, and believes it: there is nothing else to go by. `None` where no check is wanted.
    pub(crate) async fn begin(check: &HealthCheck, endpoints: &[Endpoint]) -> Option<Self> {
        let addresses: Vec<_> = match check.probe {
            HealthProbe::Off => return None,
            HealthProbe::Tcp => endpoints.iter().map(|endpoint| endpoint.address).collect(),
            HealthProbe::Path(_) => {
                let of_http = endpoints.iter().filter(|endpoint| endpoint.protocol == PortProtocol::Rest);
                of_http.take(1).map(|endpoint| endpoint.address).collect()
            }
        };
        let thresholds = Thresholds { healthy: check.healthy, unhealthy: check.unhealthy };
        let checkup = Checkup::new(thresholds, true);
        let mut checks = Self { check: check.clone(), addresses, checkup };
        if let Err(reason) = checks.ask().await {
            tracing::warn!(reason, "the application does not pass its health check; its instance is DOWN");
            checks.checkup = Checkup::new(thresholds, false);
        }
        Some(checks)
    }

    pub(crate) const fn is_healthy(&self) -> bool {
        self.checkup.is_healthy()
    }

    /// Goes on checking, and tells what is believed.
    pub(crate) async fn run(mut self, is_healthy: &watch::Sender<bool>) {
        loop {
            tokio::time::sleep(self.check.interval.mul_f64(1.0 + JITTER * fastrand::f64())).await;
            let result = self.ask().await;
            let reason = result.as_ref().err().cloned().unwrap_or_default();
            match self.checkup.seen(result.is_ok()) {
                Some(true) => {
                    tracing::info!("the application passes its health check again; its instance is UP");
                    is_healthy.send_replace(true);
                }
                Some(false) => {
                    tracing::warn!(reason, "the application fails its health check; its instance is DOWN");
                    is_healthy.send_replace(false);
                }
                None => {}
            }
        }
    }

    /// One check: all that it is about has to be well.
    async fn ask(&self) -> Result<(), String> {
        for address in &self.addresses {
            self.ask_one(*address).await?;
        }
        Ok(())
    }

    async fn ask_one(&self, address: SocketAddr) -> Result<(), String> {
        let limit = self.check.time_max;
        match &self.check.probe {
            HealthProbe::Path(path) => {
                let asked = ask::for_path(address, ("localhost", path), limit, is_good).await;
                asked.map_err(|trouble| format!("{address}, asked for {path}, {}", trouble.words))
            }
            _ => {
                let asked = ask::for_connection(address, limit).await;
                asked.map_err(|trouble| format!("{address} {}", trouble.words))
            }
        }
    }
}

fn is_good(status: u16) -> bool {
    (200..400).contains(&status)
}
