//! The content of the status page: services, instances and proxies of the default tenant.
//! It must not grow with the registry: each table shows its first rows and says where the rest is.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use mesher_model::mesh::{InstanceRow, ProxyRow, ServiceRow};
use mesher_registry::Tenant;

use super::guarded;
use super::html::{Table, cell, lines_cell, state_cell};
use crate::control::Control;
use crate::{VERSION, rows};

/// Rows of one table.
const MAX_ROWS: usize = 200;

const NO_SERVICE: &str = "No service registered yet. Run mesher demo, or start a service with: mesher run --service NAME -- COMMAND";

/// `GET /`
pub(super) async fn show(State(control): State<Arc<Control>>) -> Response {
    let (services, instances, revision) = control.look(|registry, now| {
        let records = || registry.services(Tenant::DEFAULT, false);
        let services = rows::services(records());
        let instances: Vec<_> = records().flat_map(|record| rows::instances(record, now)).collect();
        (services, instances, registry.revision())
    });
    let proxies: Vec<_> =
        control.with_proxies(|proxies, now| proxies.recent(now).map(|(row, _)| row.clone()).collect());
    let uptime = uptime(control.uptime());
    let tables = [services_table(&services), instances_table(instances), proxies_table(proxies)].concat();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Mesher</title>\n<link rel=\"stylesheet\" href=\"/ui/status.css\">\n</head>\n<body>\n\
         <header><h1>Mesher</h1><p>version {VERSION} · up {uptime} · revision {revision}</p></header>\n\
         <main>\n{tables}</main>\n\
         <footer><a href=\"/mesher/v1/services\">services</a> <a href=\"/mesher/v1/instances\">instances</a> \
         <a href=\"/mesher/v1/proxies\">proxies</a> <a href=\"/metrics\">metrics</a></footer>\n\
         </body>\n</html>\n"
    );
    guarded("text/html; charset=utf-8", page)
}

fn services_table(services: &[ServiceRow]) -> String {
    let row = |row: &ServiceRow| {
        let up = format!("{} of {} up", row.instances.up, row.instances.total);
        let cells = [&*row.name, &row.app, &row.env, &row.versions.join(", "), &up, &row.runtime.join(", ")];
        cells.map(cell).concat()
    };
    let table = Table {
        title: "Services",
        columns: &["Name", "Application", "Environment", "Versions", "Instances", "Served by"],
        empty: NO_SERVICE,
        rows: services.iter().take(MAX_ROWS).map(row).collect(),
        total: services.len() as u64,
        all: "/mesher/v1/services",
    };
    table.to_string()
}

fn instances_table(mut instances: Vec<InstanceRow>) -> String {
    let key = |row: &InstanceRow| {
        (row.app.clone(), row.service.clone(), row.version.clone(), row.instance_id.clone())
    };
    instances.sort_by_cached_key(key);
    let row = |row: &InstanceRow| {
        [
            cell(&row.service),
            cell(&row.version),
            state_cell(&row.status),
            lines_cell(row.endpoints.iter().map(String::as_str)),
            cell(&row.host),
            lines_cell(std::iter::once(&*row.instance_id)),
        ]
        .concat()
    };
    let table = Table {
        title: "Instances",
        columns: &["Service", "Version", "Status", "Endpoints", "Host", "Id"],
        empty: "No instance registered.",
        rows: instances.iter().take(MAX_ROWS).map(row).collect(),
        total: instances.len() as u64,
        all: "/mesher/v1/instances",
    };
    table.to_string()
}

fn proxies_table(mut proxies: Vec<ProxyRow>) -> String {
    proxies.sort_by_cached_key(|row| {
        (row.app.clone(), row.service.clone(), row.version.clone(), row.id.clone())
    });
    let row = |row: &ProxyRow| {
        [
            cell(&row.service),
            cell(&row.version),
            state_cell(&row.state),
            lines_cell([&*row.outbound, &row.inbound, &row.admin].into_iter().map(or_none)),
            cell(&row.snapshot.to_string()),
            cell(&row.mesher_version),
        ]
        .concat()
    };
    let table = Table {
        title: "Proxies",
        columns: &["Service", "Version", "State", "Outbound, inbound, admin", "Snapshot", "Release"],
        empty: "No proxy has spoken in the last 30 seconds.",
        rows: proxies.iter().take(MAX_ROWS).map(row).collect(),
        total: proxies.len() as u64,
        all: "/mesher/v1/proxies",
    };
    table.to_string()
}

const fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
