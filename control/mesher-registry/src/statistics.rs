//! How much there is of what, in the words of the original's statistics.
//! It must not count the registry's own service, unless asked for.

use std::collections::HashSet;

use serde::Serialize;

use crate::{Registry, Tenant};

/// Counts of one tenant. Serialized as clients of the governance views read them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    services: ServiceCount,
    instances: InstanceCount,
    apps: AppCount,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceCount {
    /// Names, whatever their versions.
    count: usize,
    /// Those of them with an instance.
    online_count: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceCount {
    count: usize,
    count_by_domain: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct AppCount {
    count: usize,
}

impl Registry {
    /// Counts what a tenant has; with `with_shared` the registry's own service, too.
    #[must_use]
    pub fn statistics(&self, tenant: Tenant<'_>, with_shared: bool) -> Statistics {
        let (mut names, mut online, mut apps) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut instances = 0;
        for record in self.services(tenant, with_shared) {
            let service = record.service();
            let name = (&*service.environment, &*service.app_id, &*service.service_name);
            names.insert(name);
            apps.insert(name.1);
            if !record.instances.is_empty() {
                online.insert(name);
                instances += record.instances.len();
            }
        }
        let of_domain = self.services_of_domain(tenant, with_shared).map(|record| record.instances.len());
        Statistics {
            services: ServiceCount { count: names.len(), online_count: online.len() },
            instances: InstanceCount { count: instances, count_by_domain: of_domain.sum() },
            apps: AppCount { count: apps.len() },
        }
    }
}
