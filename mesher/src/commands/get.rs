//! `mesher get`: looks at what the control plane knows.
//! It must print results to standard output only, and nothing that the network sends may control the terminal.

use std::process::ExitCode;

use std::path::Path;

use anyhow::Context as _;
use mesher_client::{Address, ControlClient, Credentials, Tenancy};
use mesher_model::mesh::{InstanceRow, ProxyRow, RulesOfProxy, ServiceRow};
use serde::Serialize;

use crate::cli::{self, Form, Kind};
use crate::commands::rules::rule_cells;
use crate::failure::{Misconfigured, answer};
use crate::{signals, table};

/// Prints one kind of thing.
pub(crate) fn run(arguments: &cli::Get) -> anyhow::Result<ExitCode> {
    let client = client(arguments.output.control.as_deref())?;
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
                let heads =
                    ["SERVICE", "VERSION", "STATUS", "ENDPOINTS", "HOST", "INSTANCE", "ZONE", "PROPERTIES"];
                print(form, &instances, &heads, instance_cells)
            }
            Kind::Proxies => {
                let mut proxies = client.proxies().await?;
                proxies.retain(|proxy| is_named(&proxy.service));
                let heads = [
                    "SERVICE", "APP", "VERSION", "STATE", "OUTBOUND", "INBOUND", "ADMIN", "SNAPSHOT",
                    "MESHER", "RULES", "SINCE", "LINK",
                ];
                print(form, &proxies, &heads, proxy_cells)
            }
            Kind::Rules => {
                let mut rules = client.rules(None).await?;
                rules.retain(|rule| is_named(&rule.key.name) || is_named(&rule.service));
                let heads = ["KIND", "NAME", "APP", "ENVIRONMENT", "SERVICE", "REVISION", "CHANGED", "BY"];
                print(form, &rules, &heads, rule_cells)
            }
        }
    })?
}

/// A client of the control plane at this address, or at the one that the environment names.
pub(super) fn client(address: Option<&str>) -> anyhow::Result<ControlClient> {
    let given = address.map(str::to_owned).or_else(|| signals::variable("MESHER_CONTROL"));
    let text = given.unwrap_or_else(|| "http://127.0.0.1:30100".to_owned());
    let address: Address =
        text.parse().context("the address of the control plane (--control, MESHER_CONTROL)")?;
    let authority = signals::variable("MESHER_CONTROL_CA");
    let client = ControlClient::new(
        vec![address],
        Tenancy::default(),
        credentials()?,
        authority.as_deref().map(Path::new),
    );
    client.map_err(|error| Misconfigured(format!("MESHER_CONTROL_CA: {error}")).into())
}

/// What the control plane knows the caller by: a token, or an account and a file with its password.
fn credentials() -> Result<Credentials, Misconfigured> {
    let variables = ["MESHER_CONTROL_TOKEN", "MESHER_CONTROL_ACCOUNT", "MESHER_CONTROL_PASSWORD_FILE"];
    match variables.map(signals::variable) {
        [None, None, None] => Ok(Credentials::None),
        [Some(token), None, None] => Ok(Credentials::Token(token)),
        [None, Some(name), Some(file)] => Ok(Credentials::Account { name, password_file: file.into() }),
        _ => {
            let rule =
                "set MESHER_CONTROL_TOKEN alone, or MESHER_CONTROL_ACCOUNT with MESHER_CONTROL_PASSWORD_FILE";
            Err(Misconfigured(rule.to_owned()))
        }
    }
}

pub(super) fn print<T: Serialize>(
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
    let properties = instance.properties.iter().map(|(name, value)| format!("{name}={value}"));
    vec![
        instance.service.clone(),
        instance.version.clone(),
        instance.status.clone(),
        instance.endpoints.join(","),
        instance.host.clone(),
        instance.instance_id.clone(),
        instance.zone.clone(),
        properties.collect::<Vec<_>>().join(","),
    ]
}

fn proxy_cells(proxy: &ProxyRow) -> Vec<String> {
    let rules = &proxy.rules;
    vec![
        proxy.service.clone(),
        proxy.app.clone(),
        proxy.version.clone(),
        proxy.state.clone(),
        proxy.outbound.clone(),
        proxy.inbound.clone(),
        proxy.admin.clone(),
        proxy.snapshot.to_string(),
        proxy.mesher_version.clone(),
        rules.as_ref().map(|rules| format!("r{}", rules.serving)).unwrap_or_default(),
        rules.as_ref().and_then(|rules| rules.serving_since_at.clone()).unwrap_or_default(),
        rules.as_ref().map(link).unwrap_or_default(),
    ]
}

/// The link in words: what a proxy refused is what somebody has to see first.
fn link(rules: &RulesOfProxy) -> String {
    match &rules.refused {
        Some(refused) => format!("refused r{}: {}", refused.revision, refused.reason),
        None => rules.link.clone(),
    }
}
