//! Writes what changed in the registry to the log and to the metrics.
//! It must not let foreign text forge a line: every value is written with its control characters escaped.

use mesher_registry::{Change, ChangeKind, Place};
use tracing::info;

use crate::metrics::Metrics;

pub(crate) fn write(changes: &[Change], metrics: &Metrics) {
    for change in changes {
        if change.kind == ChangeKind::InstanceExpired {
            metrics.lease_expired();
        }
        let Place { domain, project, service: service_id } = &change.place;
        info!(
            event = name(change.kind),
            revision = change.revision,
            ?domain,
            ?project,
            service = ?change.service(),
            ?service_id,
            instance_id = ?change.instance_id(),
            "registry changed"
        );
    }
}

/// One word for a change.
const fn name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::ServiceCreated => "service_created",
        ChangeKind::ServiceChanged => "service_changed",
        ChangeKind::ServiceRemoved => "service_removed",
        ChangeKind::SchemasChanged => "schemas_changed",
        ChangeKind::TagsChanged => "tags_changed",
        ChangeKind::DependenciesChanged => "dependencies_changed",
        ChangeKind::InstanceRegistered => "instance_registered",
        ChangeKind::InstanceChanged => "instance_changed",
        ChangeKind::InstanceUnregistered => "instance_unregistered",
        ChangeKind::InstanceExpired => "instance_expired",
        _ => "other",
    }
}
