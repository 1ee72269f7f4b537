//! Turns records into the rows that people read, on the page and under `/mesher/v1`.
//! It must not make up a number: what was not measured is absent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use mesher_model::PORTS_PROPERTY;
use mesher_model::mesh::{InstanceCount, InstanceRow, ServiceRow};
use mesher_registry::{InstanceRecord, Moment, ServiceRecord};

/// A time as people read it: RFC 3339 with milliseconds. `None` beyond the calendar's end.
pub(crate) fn date(since_epoch: Duration) -> Option<String> {
    let milliseconds = i64::try_from(since_epoch.as_millis()).ok()?;
    Timestamp::from_millisecond(milliseconds).ok().map(|time| format!("{time:.3}"))
}

/// A registry's timestamp as people read it.
fn date_of_text(seconds: &str) -> Option<String> {
    seconds.parse().ok().map(Duration::from_secs).and_then(date)
}

/// One row for all versions of each service, ordered by application, environment and name.
pub(crate) fn services<'a>(records: impl Iterator<Item = &'a ServiceRecord>) -> Vec<ServiceRow> {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&ServiceRecord>> = BTreeMap::new();
    for record in records {
        let service = record.service();
        let key = (&*service.app_id, &*service.environment, &*service.service_name);
        groups.entry(key).or_default().push(record);
    }
    groups.into_values().map(service).collect()
}

fn service(mut versions: Vec<&ServiceRecord>) -> ServiceRow {
    versions.sort_by_key(|record| record.version());
    let first = versions.first().map(|record| record.service().clone()).unwrap_or_default();
    let all = || versions.iter().flat_map(|record| record.instances());
    let oldest = versions.iter().filter_map(|record| record.service().timestamp.parse::<u64>().ok()).min();
    ServiceRow {
        app: first.app_id,
        env: first.environment,
        name: first.service_name,
        versions: versions.iter().map(|record| record.service().version.clone()).collect(),
        runtime: runtime(&versions),
        instances: InstanceCount {
            up: count(all().filter(|instance| instance.is_up())),
            total: count(all()),
        },
        created_at: oldest.map(Duration::from_secs).and_then(date),
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |so_far, _| so_far + 1)
}

/// Who serves the calls. A Mesher proxy declares its application's ports; a service without an instance is known
/// only by who registered it.
fn runtime(versions: &[&ServiceRecord]) -> Vec<String> {
    let mut words = BTreeSet::new();
    for record in versions {
        let is_sidecar = record.service().register_by == "SIDECAR";
        if record.instances().len() == 0 {
            words.insert(if is_sidecar { "proxy" } else { "sdk" });
        }
        for instance in record.instances() {
            let is_proxy = is_sidecar || instance.instance().properties.contains_key(PORTS_PROPERTY);
            words.insert(if is_proxy { "proxy" } else { "sdk" });
        }
    }
    words.into_iter().map(str::to_owned).collect()
}

/// One row for each instance of a service version.
pub(crate) fn instances(record: &ServiceRecord, now: Moment) -> impl Iterator<Item = InstanceRow> {
    record.instances().map(move |entry| instance(record, entry, now))
}

fn instance(record: &ServiceRecord, entry: &InstanceRecord, now: Moment) -> InstanceRow {
    let (service, instance) = (record.service(), entry.instance());
    let lease_ends_at = entry.lease_ends().and_then(|ends| {
        let left = ends.saturating_sub(now.monotonic);
        now.unix.checked_add(left).and_then(date)
    });
    InstanceRow {
        app: service.app_id.clone(),
        env: service.environment.clone(),
        service: service.service_name.clone(),
        version: service.version.clone(),
        service_id: service.service_id.clone(),
        instance_id: instance.instance_id.clone(),
        host: instance.host_name.clone(),
        endpoints: instance.endpoints.clone(),
        status: instance.status.clone(),
        zone: instance
            .data_center_info
            .as_ref()
            .map(|place| place.available_zone.clone())
            .unwrap_or_default(),
        properties: instance.properties.clone(),
        registered_at: date_of_text(&instance.timestamp),
        lease_ends_at,
    }
}
