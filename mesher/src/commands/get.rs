//! `mesher get`: looks at what the control plane knows.
//! It must print results to standard output only, and nothing that the network sends may control the terminal.

use std::process::ExitCode;

use anyhow::Context as _;
use mesher_client::{Address, ControlClient, Tenancy};
use mesher_model::mesh::{InstanceRow, ProxyRow, ServiceRow};
use serde::Serialize;

use crate::cli::{self, Form, Kind};
use crate::failure::answer;
use crate::{signals, table};

/// Prints one kind of thing.
pub(crate) fn run(arguments: &cli::Get) -> anyhow::Result<ExitCode> {
    let client = client(&arguments.output)?;
    let form = arguments.output.form;
    let name = arguments.name.as_deref();
    let is_named = |service: &str| name.is_none_or(|name| name == service);
    mesher_net::worker::block_on(async {
        match arguments.kind {
            Kind::Services => {
                let mut services = client.services().await?;
                services.retain(|service| is_named(&service.name));
                print(form, &services, &["NAME", "APP", "VERSIONS", "INSTANCES", "RUNTIME"], service_cells)
            }
            Kind::Instances => {
                let instances = client.instances(name).await?;
                let heads = ["SERVICE", "VERSION", "STATUS", "ENDPOINTS", "HOST", "INSTANCE"];
                print(form, &instances, &heads, instance_cells)
            }
            Kind::Proxies => {
                let mut proxies = client.proxies().await?;
                proxies.retain(|proxy| is_named(&proxy.service));
                let heads =
                    ["SERVICE", "VERSION", "STATE", "OUTBOUND", "INBOUND", "ADMIN", "SNAPSHOT", "MESHER"];
                print(form, &proxies, &heads, proxy_cells)
            }
        }
    })?
}

fn client(output: &cli::Output) -> anyhow::Result<ControlClient> {
    let given = output.control.clone().or_else(|| signals::variable("MESHER_CONTROL"));
    let text = given.unwrap_or_else(|| "http://127.0.0.1:30100".to_owned());
    let address: Address =
        text.parse().context("the address of the control plane (--control, MESHER_CONTROL)")?;
    Ok(ControlClient::new(vec![address], Tenancy::default()))
}

fn print<T: Serialize>(
    form: Form,
    items: &[T],
    heads: &[&str],
    cells: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<ExitCode> {
    match form {
        Form::Json => answer(&serde_json::to_string_pretty(items)?),
        Form::Yaml => answer(serde_saphyr::to_string(&items)?.trim_end()),
        Form::Table => {
            let rows: Vec<Vec<_>> = items
                .iter()
                .map(|item| cells(item).iter().map(|cell| table::shown(cell)).collect())
                .collect();
            answer(&table::render(heads, &rows));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn service_cells(service: &ServiceRow) -> Vec<String> {
    vec![
        service.name.clone(),
        service.app.clone(),
        service.versions.join(","),
        format!("{}/{}", service.instances.up, service.instances.total),
        service.runtime.join(","),
    ]
}

fn instance_cells(instance: &InstanceRow) -> Vec<String> {
    vec![
        instance.service.clone(),
        instance.version.clone(),
        instance.status.clone(),
        instance.endpoints.join(","),
        instance.host.clone(),
        instance.instance_id.clone(),
    ]
}

fn proxy_cells(proxy: &ProxyRow) -> Vec<String> {
    vec![
        proxy.service.clone(),
        proxy.version.clone(),
        proxy.state.clone(),
        proxy.outbound.clone(),
        proxy.inbound.clone(),
        proxy.admin.clone(),
        proxy.snapshot.to_string(),
        proxy.mesher_version.clone(),
    ]
}
