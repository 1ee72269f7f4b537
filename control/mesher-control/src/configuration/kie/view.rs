//! Records as kie shows them.
//! It must leave out what is empty, as the original does: no answer holds `null`.

use std::sync::Arc;

use mesher_config::{Found, Labels, Record, Status, Tenant, ValueType};
use serde::Serialize;

/// A record. How much of it is shown depends on the path.
#[derive(Serialize)]
pub(super) struct View<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_format: Option<&'a str>,
    key: &'a str,
    value: &'a str,
    value_type: ValueType,
    #[serde(skip_serializing_if = "str::is_empty")]
    check: &'a str,
    create_revision: u64,
    update_revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    status: Status,
    create_time: u64,
    update_time: u64,
    #[serde(skip_serializing_if = "is_zero")]
    priority: i64,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: &'a Labels,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl<'a> View<'a> {
    /// As a change and a list show it.
    pub(super) fn short(record: &'a Record) -> Self {
        Self {
            id: &record.id,
            label_format: None,
            key: &record.key,
            value: &record.value,
            value_type: record.value_type,
            check: &record.check,
            create_revision: record.create_revision,
            update_revision: record.update_revision,
            project: None,
            status: record.status,
            create_time: record.create_time,
            update_time: record.update_time,
            priority: record.priority,
            labels: &record.labels,
            domain: None,
        }
    }

    /// As a look at one record shows it.
    pub(super) fn single(record: &'a Record) -> Self {
        Self { label_format: Some(&record.label_format), ..Self::short(record) }
    }

    /// As its history shows it.
    pub(super) fn whole(record: &'a Record, tenant: Tenant<'a>) -> Self {
        Self { project: Some(tenant.project()), domain: Some(tenant.domain()), ..Self::single(record) }
    }
}

/// A list, or a part of one.
#[derive(Serialize)]
pub(super) struct Many<T> {
    pub(super) total: usize,
    pub(super) data: Vec<T>,
}

impl<'a> Many<View<'a>> {
    pub(super) fn of(found: &'a Found, view: impl Fn(&'a Record) -> View<'a>) -> Self {
        Self { total: found.total, data: found.records.iter().map(Arc::as_ref).map(view).collect() }
    }
}
