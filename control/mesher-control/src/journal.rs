//! Writes what changed in the registry to the log, to the metrics and to the audit.
//! It must not let foreign text forge a line: every value is written with its control characters escaped.

use mesher_registry::{Change, ChangeKind};
use tracing::info;

use crate::audit::{Auditor, Record};
use crate::metrics::Metrics;

pub(crate) fn write(changes: &[Change], metrics: &Metrics, auditor: &Auditor) {
    for change in changes {
        if change.kind == ChangeKind::InstanceExpired {
            metrics.lease_expired();
        }
        let Change { revision, domain, project, service, service_id, instance_id, .. } = change;
        info!(
            event = name(change.kind),
            revision,
            ?domain,
            ?project,
            ?service,
            ?service_id,
            ?instance_id,
            "registry changed"
        );
        auditor.take(&Record::of_change(change));
    }
}

/// One word for a change.
pub(crate) const fn name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::ServiceCreated => "service_created",
        ChangeKind::ServiceChanged => "service_changed",
        ChangeKind::ServiceRemoved => "service_removed",
        ChangeKind::InstanceRegistered => "instance_registered",
        ChangeKind::InstanceChanged => "instance_changed",
        ChangeKind::InstanceUnregistered => "instance_unregistered",
        ChangeKind::InstanceExpired => "instance_expired",
        _ => "other",
    }
}
