//! The local application's own record in the registry: created, kept alive, taken away.
//! It must register an instance only once the application accepts connections, and never give up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesher_client::{ClientError, ControlClient, ServiceIdentity};
use mesher_model::mesh::ProxyRow;
use mesher_model::{
    DataCenterInfo, ErrorCode, Framework, HealthCheck, Instance, InstanceStatus, Microservice,
};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::discovery::HOLD_TIME_MAX;
use crate::snapshot::ports_property;
use crate::status::{State, Status};

/// Seconds between two heartbeats.
const HEARTBEAT_SECONDS: i64 = 10;
/// Heartbeats that may be missed.
const HEARTBEATS_MISSED_MAX: i64 = 3;
/// Without a renewal for so long, the next heartbeat is sent even to a registry that asked to be left alone: the lease ends
/// one interval after those that may be missed, and a heartbeat that fails must leave time for another.
const URGENT_AFTER: Duration =
    Duration::from_secs((HEARTBEAT_SECONDS * (HEARTBEATS_MISSED_MAX - 1)).unsigned_abs());
/// By how much a heartbeat may come early, so that proxies that started together do not stay together.
const HEARTBEAT_JITTER: Duration = Duration::from_secs(2);
/// Within which time proxies that doubt their registration together ask.
const DOUBT_JITTER: Duration = Duration::from_secs(1);
/// How often the proxy tells of itself.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(10);
/// How long leaving the registry may take.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(3);

/// Keeps the record of one proxy's application.
pub(crate) struct Registration {
    pub(crate) client: ControlClient,
    pub(crate) status: Arc<Status>,
    /// The endpoints to register; empty for an application that only calls.
    pub(crate) endpoints: Vec<String>,
    pub(crate) host_name: String,
    /// Whether the application accepts connections.
    pub(crate) is_up: watch::Receiver<bool>,
    /// The registry holds another record of this instance, which it keeps as long as it knows one.
    pub(crate) is_outdated: bool,
}

impl Registration {
    /// Registers, and keeps registered until dropped. Answers of the registry decide; its silence changes nothing.
    pub(crate) async fn keep(&mut self) {
        let mut backoff = Backoff::default();
        // The sender lives as long as the proxy.
        let _ = self.is_up.wait_for(|is_up| *is_up).await;
        if self.status.bootstrap.registry.is_empty() {
            // Nobody is to find the application, and what others are is known without.
            self.status.enter(State::Ready);
            return std::future::pending().await;
        }
        loop {
            match self.register_or_serve().await {
                Ok(()) => {
                    backoff.reset();
                    self.keep_alive().await;
                }
                Err(error) => {
                    self.status.registry_is_away(&error);
                    self.status.serve_stored();
                    tokio::time::sleep(backoff.failed(fastrand::f64())).await;
                }
            }
        }
    }

    /// Registers. A registry that neither answers nor refuses keeps a proxy from work no longer than it must: with a
    /// snapshot from the disk it serves meanwhile.
    async fn register_or_serve(&mut self) -> Result<(), ClientError> {
        let status = Arc::clone(&self.status);
        let registering = self.register();
        tokio::pin!(registering);
        tokio::select! {
            done = &mut registering => return done,
            () = tokio::time::sleep(HOLD_TIME_MAX), if status.has_stored() => status.serve_stored(),
        }
        registering.await
    }

    async fn register(&mut self) -> Result<(), ClientError> {
        let service_id = self.service().await?;
        if self.is_outdated {
            // A registration renews what is there. Callers keep the old record until they have seen the new one.
            let instance_id = &self.status.instance_id;
            self.counted(self.client.unregister_instance(&service_id, instance_id).await)?;
            self.is_outdated = false;
        }
        if !self.endpoints.is_empty() {
            let instance = self.instance();
            self.counted(self.client.register_instance(&service_id, instance).await)?;
        }
        self.status.registered(&service_id);
        self.status.registry_is_there();
        tracing::info!(service = %self.status.bootstrap.identity.service, service_id, endpoints = ?self.endpoints, "registered");
        Ok(())
    }

    async fn service(&self) -> Result<String, ClientError> {
        match self.counted(self.client.find_service(&self.identity()).await)? {
            Some(id) => Ok(id),
            None => self.counted(self.client.create_service(self.record()).await),
        }
    }

    /// Renews until the registry says that it does not know us any more.
    async fn keep_alive(&self) {
        let interval = Duration::from_secs(HEARTBEAT_SECONDS.unsigned_abs());
        // One early beat for each regular one: a doubt that lasts must not become a storm.
        let mut may_be_early = true;
        let mut renewed_at = Instant::now();
        loop {
            let pause = interval - HEARTBEAT_JITTER.mul_f64(fastrand::f64());
            may_be_early = tokio::select! {
                () = tokio::time::sleep(pause) => true,
                () = self.status.registration_doubted(), if may_be_early => {
                    tokio::time::sleep(DOUBT_JITTER.mul_f64(fastrand::f64())).await;
                    false
                }
            };
            let began = Instant::now();
            match self.counted(self.beat(is_urgent(began - renewed_at)).await) {
                Ok(true) => {
                    renewed_at = began;
                    self.status.registry_is_there();
                }
                Ok(false) => {
                    tracing::info!("the registry does not know this instance any more; registering again");
                    return;
                }
                Err(error) => self.status.registry_is_away(&error),
            }
        }
    }

    /// One heartbeat. Says whether the registry knows us.
    async fn beat(&self, is_urgent: bool) -> Result<bool, ClientError> {
        if self.endpoints.is_empty() {
            // Without an instance there is no lease; the service itself may be gone after the registry's restart.
            return self.client.find_service(&self.identity()).await.map(|found| found.is_some());
        }
        match self.client.heartbeat(&self.status.service_id(), &self.status.instance_id, is_urgent).await {
            Err(error) if error.is(ErrorCode::InstanceNotExists) || error.is(ErrorCode::ServiceNotExists) => {
                Ok(false)
            }
            beat => beat.map(|()| true),
        }
    }

    /// Takes the instance out, so that no new caller finds it. Bounded: an unreachable registry lets the lease end.
    pub(crate) async fn leave(&self) {
        let service_id = self.status.service_id();
        if self.endpoints.is_empty() || service_id.is_empty() {
            return;
        }
        let leave = self.client.unregister_instance(&service_id, &self.status.instance_id);
        match tokio::time::timeout(LEAVE_TIME_MAX, leave).await {
            Ok(Ok(())) => tracing::info!("unregistered"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot unregister; the lease will end by itself"),
            Err(_) => tracing::warn!("the registry does not answer; the lease will end by itself"),
        }
    }

    /// Tells a Mesher control plane of this proxy, for as long as the proxy runs, and of its end.
    pub(crate) async fn announce(client: ControlClient, status: Arc<Status>, row: ProxyRow) {
        if status.bootstrap.registry.is_empty() {
            return;
        }
        let mut backoff = Backoff::default();
        loop {
            let state = status.state();
            let row = ProxyRow {
                snapshot: status.snapshot_number(),
                state: state.as_str().to_owned(),
                ..row.clone()
            };
            let interval = match client.announce_proxy(&row).await {
                // A new state is told at once, also one that came meanwhile.
                Ok(()) if status.state() != state => continue,
                Ok(()) => {
                    backoff.reset();
                    ANNOUNCE_INTERVAL
                }
                // An original registry has no such path; it may be replaced while we run.
                Err(error) if error.is_unknown_path() => ANNOUNCE_INTERVAL * 30,
                Err(_) => backoff.failed(fastrand::f64()),
            };
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = status.state_changed() => {}
                () = status.ending() => {
                    // Only now: what was still on its way would have brought it back.
                    let _ = client.withdraw_proxy(&row.id).await;
                    return;
                }
            }
        }
    }

    fn counted<T>(&self, result: Result<T, ClientError>) -> Result<T, ClientError> {
        self.status.count_registry_request(result.as_ref().map_or_else(|error| error.result(), |_| "ok"));
        result
    }

    fn identity(&self) -> ServiceIdentity {
        let own = &self.status.bootstrap.identity;
        ServiceIdentity {
            app: own.app.clone(),
            name: own.service.clone(),
            version: own.version.clone(),
            environment: own.environment.clone(),
        }
    }

    fn record(&self) -> Microservice {
        let own = &self.status.bootstrap.identity;
        Microservice {
            app_id: own.app.clone(),
            service_name: own.service.clone(),
            version: own.version.clone(),
            environment: own.environment.clone(),
            level: "BACK".to_owned(),
            status: InstanceStatus::Up.as_str().to_owned(),
            register_by: "SIDECAR".to_owned(),
            // A caller that writes SERVICE.APPLICATION.app means it; without this no registry would let it.
            properties: BTreeMap::from([("allowCrossApp".to_owned(), "true".to_owned())]),
            framework: Some(Framework {
                name: "Mesher".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            ..Microservice::default()
        }
    }

    /// The record of the instance.
    pub(crate) fn instance(&self) -> Instance {
        let bootstrap = &self.status.bootstrap;
        let mut properties = bootstrap.properties.clone();
        let (key, value) = ports_property(&bootstrap.ports);
        properties.insert(key, value);
        Instance {
            instance_id: self.status.instance_id.clone(),
            endpoints: self.endpoints.clone(),
            host_name: self.host_name.clone(),
            status: InstanceStatus::Up.as_str().to_owned(),
            properties,
            health_check: Some(HealthCheck {
                mode: "push".to_owned(),
                interval: HEARTBEAT_SECONDS,
                times: HEARTBEATS_MISSED_MAX,
                ..HealthCheck::default()
            }),
            data_center_info: self.data_center(),
            ..Instance::default()
        }
    }

    /// The registry wants all three parts or none.
    fn data_center(&self) -> Option<DataCenterInfo> {
        let bootstrap = &self.status.bootstrap;
        let own = bootstrap.locality();
        let name = [&bootstrap.region, &bootstrap.zone].into_iter().find(|text| !text.is_empty())?;
        Some(DataCenterInfo {
            name: name.clone(),
            region: own.region.to_owned(),
            available_zone: own.zone.to_owned(),
        })
    }
}

/// Whether a lease that was renewed so long ago needs its next heartbeat, whatever the registry asked for.
fn is_urgent(age: Duration) -> bool {
    age > URGENT_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RG-09: a registry that asks to be left alone for as long as it may costs no lease.
    #[test]
    fn rg_09_no_heartbeat_is_put_off_until_the_lease_ends() {
        let interval = Duration::from_secs(HEARTBEAT_SECONDS.unsigned_abs());
        let lease = interval * u32::try_from(HEARTBEATS_MISSED_MAX + 1).unwrap();
        for pause in [interval - HEARTBEAT_JITTER, interval] {
            let beats = (1_u32..).map(|number| pause * number).take_while(|age| *age < lease);
            let sent: Vec<_> = beats.clone().filter(|age| is_urgent(*age)).collect();
            assert!(sent.first().is_some_and(|age| *age + interval <= lease), "{pause:?}: {sent:?}");
            assert!(beats.count() > sent.len(), "{pause:?}: the first ones can wait");
        }
    }
}
