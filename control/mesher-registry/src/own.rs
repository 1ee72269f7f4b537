//! What the registry says of itself: one service, one instance that lives as long as it does.
//! It must not be reachable for clients to change: they find the registry's other nodes by it.

use std::collections::BTreeMap;

use mesher_model::{HealthCheck, Instance, Microservice};

use crate::record::InstanceRecord;
use crate::{Moment, Registry, RegistryError, Tenant};

/// Name and alias of the registry's own service.
///
/// Source: Service Center `server/core/microservice.go`.
const NAME: &str = "SERVICECENTER";

/// Names that every application and environment of the default tenant sees.
const SHARED: [&str; 4] = [NAME, "KIE", "CseConfigCenter", "CseMonitoring"];

/// Environment of the registry's own service. The original's default; its id in the recordings follows from it.
pub(crate) const ENVIRONMENT: &str = "development";

/// The node that runs this registry.
#[derive(Debug, Clone)]
pub struct OwnService {
    /// Version of the product.
    pub version: String,
    /// Id for the instance, not given out before.
    pub instance_id: String,
    /// Name of the host.
    pub host_name: String,
    /// Where clients reach it, as `rest://HOST:PORT/`.
    pub endpoints: Vec<String>,
}

impl Registry {
    /// Registers the registry with itself. Once, before any client calls.
    ///
    /// # Errors
    /// A field that breaks its rule; the caller is to blame.
    pub fn register_own(&mut self, own: OwnService, now: Moment) -> Result<(), RegistryError> {
        let service = Microservice {
            service_name: NAME.to_owned(),
            alias: NAME.to_owned(),
            environment: ENVIRONMENT.to_owned(),
            version: own.version,
            register_by: "SDK".to_owned(),
            properties: BTreeMap::from([("allowCrossApp".to_owned(), "true".to_owned())]),
            ..Microservice::default()
        };
        let service_id = self.create_service(Tenant::DEFAULT, service, now)?;
        let check = HealthCheck { mode: "push".to_owned(), interval: 30, times: 3, ..HealthCheck::default() };
        let instance = Instance {
            instance_id: own.instance_id.clone(),
            host_name: own.host_name,
            endpoints: own.endpoints,
            health_check: Some(check),
            ..Instance::default()
        };
        self.register_instance(Tenant::DEFAULT, &service_id, instance, String::new, now)?;
        self.end_own_lease(&service_id, &own.instance_id);
        self.own = Some(service_id.into());
        // Each start registers the node anew: a store must not keep it.
        self.edits.clear();
        Ok(())
    }

    fn end_own_lease(&mut self, service_id: &str, instance_id: &str) {
        let Ok(record) = self.record_mut(Tenant::DEFAULT, service_id) else { return };
        let lease = record.instances.get_mut(instance_id).and_then(|instance| instance.lease.take());
        if let Some(lease) = lease {
            self.leases.remove(lease.queued, lease.number);
        }
    }

    /// The registry's own instances; none before [`Self::register_own`].
    pub fn own_instances(&self) -> impl Iterator<Item = &InstanceRecord> {
        let record = self.own.as_ref().and_then(|service| self.record(Tenant::DEFAULT, service).ok());
        record.into_iter().flat_map(|record| record.instances())
    }
}

/// Whether a service of this name is visible from every application and environment of its tenant.
///
/// Of the default tenant only: the original answers a look-up from another tenant with 400012 (recorded).
pub(crate) fn is_shared(tenant: Tenant<'_>, app: &str, name: &str) -> bool {
    tenant == Tenant::DEFAULT && app == mesher_model::DEFAULT && SHARED.contains(&name)
}
