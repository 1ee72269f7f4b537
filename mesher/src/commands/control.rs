//! `mesher control`: the control plane.
//! It must refuse what this release cannot do instead of ignoring it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use mesher_control::{AccessSettings, CertificateFiles, ControlError, Server, Settings, TlsSettings};

use super::kept;
use crate::cli;
use crate::failure::{Misconfigured, answer};
use crate::signals;

/// Settings whose feature is not there yet.
const NOT_BUILT: [(&str, &str); 1] = [("MESHER_ETCD", "etcd as a store")];
/// The password of `root` at the first start; the first that is set counts.
const ROOT_PASSWORDS: [&str; 2] = ["MESHER_ROOT_PASSWORD", "SC_INIT_ROOT_PASSWORD"];

/// Runs a control plane until a signal ends it, or does what else is asked for.
pub(crate) fn run(arguments: cli::Control) -> anyhow::Result<ExitCode> {
    match &arguments.action {
        Some(cli::ControlAction::Backup { file, data_dir: Some(folder), .. }) => {
            return kept::backup_folder(file, folder);
        }
        Some(cli::ControlAction::Backup { file, control, .. }) => {
            return kept::backup_running(file, control.as_deref());
        }
        Some(cli::ControlAction::Restore { file, data_dir }) => return kept::restore(file, data_dir),
        None => {}
    }
    refuse_what_is_not_built()?;
    let listen = address(arguments.listen, "MESHER_CONTROL_LISTEN")?.unwrap_or(Settings::default().listen);
    let kie_listen = address(arguments.kie_listen, "MESHER_KIE_LISTEN")?;
    let config_center_listen = address(arguments.config_center_listen, "MESHER_CONFIG_CENTER_LISTEN")?;
    let (access, tls) = (access()?, tls(&arguments)?);
    let data_directory =
        if arguments.in_memory { None } else { Some(kept::folder(arguments.data_dir.as_ref())?) };
    signals::leave_group_if(arguments.tied)?;
    mesher_net::worker::block_on(async {
        let settings = Settings {
            listen,
            kie_listen,
            config_center_listen,
            extra_hosts: arguments.host.clone(),
            access,
            tls,
            data_directory,
            ..Settings::default()
        };
        let server = bind(settings, arguments.any_port).await?;
        let shutdown = signals::shutdown()?;
        if arguments.print_addresses {
            answer(&addresses(&server).to_string());
        }
        tracing::info!(address = %server.address(), "control plane listening");
        server.serve(shutdown).await?;
        anyhow::Ok(ExitCode::SUCCESS)
    })?
}

/// Opens the doors. With `any_port` the main one moves to a free port, and a further one stays closed, where another
/// process has its port.
async fn bind(mut settings: Settings, any_port: bool) -> anyhow::Result<Server> {
    loop {
        let taken = match Server::bind(settings.clone()).await {
            Err(ControlError::AddressTaken(taken)) if any_port => taken,
            server => return server.map_err(misconfigured),
        };
        if Some(taken) == settings.kie_listen.take_if(|door| *door == taken)
            || Some(taken) == settings.config_center_listen.take_if(|door| *door == taken)
        {
            continue;
        }
        settings.listen.set_port(0);
    }
}

/// Where a server answers, door by door.
fn addresses(server: &Server) -> serde_json::Value {
    let mut addresses = serde_json::json!({"control": server.url()});
    for (name, url) in [("kie", server.kie_url()), ("configCenter", server.config_center_url())] {
        if let Some(url) = url {
            addresses[name] = url.into();
        }
    }
    addresses
}

/// The address that a flag or, without it, a variable names.
fn address(flag: Option<SocketAddr>, variable: &str) -> anyhow::Result<Option<SocketAddr>> {
    match (flag, signals::variable(variable)) {
        (Some(listen), _) => Ok(Some(listen)),
        (None, Some(text)) => text.parse().map(Some).map_err(|_| {
            let remedy = "write for example 127.0.0.1:30100";
            Misconfigured(format!("{variable}: {text:?} is no address; {remedy}")).into()
        }),
        (None, None) => Ok(None),
    }
}

fn refuse_what_is_not_built() -> Result<(), Misconfigured> {
    let given = NOT_BUILT.iter().find(|(name, _)| signals::variable(name).is_some());
    let Some((name, feature)) = given else { return Ok(()) };
    let remedy = "take the setting away";
    Err(Misconfigured(format!("{name}: this release does not have {feature} yet; {remedy}")))
}

/// Access control, where it is switched on.
fn access() -> Result<Option<AccessSettings>, Misconfigured> {
    match signals::variable("MESHER_ACCESS_CONTROL").as_deref() {
        None | Some("off") => Ok(None),
        Some("on") => {
            let root_password = ROOT_PASSWORDS.iter().find_map(|name| signals::variable(name));
            Ok(Some(AccessSettings { root_password }))
        }
        Some(other) => Err(Misconfigured(format!("MESHER_ACCESS_CONTROL: {other:?} is neither on nor off"))),
    }
}

/// TLS, where certificate and key are named.
fn tls(arguments: &cli::Control) -> Result<Option<TlsSettings>, Misconfigured> {
    let named = |flag: &Option<PathBuf>, variable: &str| {
        flag.clone().or_else(|| signals::variable(variable).map(PathBuf::from))
    };
    let certificate = named(&arguments.tls_cert, "MESHER_CONTROL_TLS_CERT");
    let key = named(&arguments.tls_key, "MESHER_CONTROL_TLS_KEY");
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsSettings::new(CertificateFiles { certificate, key }))),
        (Some(_), None) => Err(Misconfigured("--tls-cert wants --tls-key FILE beside it".to_owned())),
        (None, Some(_)) => Err(Misconfigured("--tls-key wants --tls-cert FILE beside it".to_owned())),
    }
}

/// What a setting is to blame for, with the setting that mends it.
fn misconfigured(error: ControlError) -> anyhow::Error {
    match error {
        ControlError::RootPassword(_) => Misconfigured(format!("MESHER_ROOT_PASSWORD: {error}")).into(),
        ControlError::Store(_) | ControlError::Audit { .. } => {
            Misconfigured(format!("--data-dir: {error}")).into()
        }
        ControlError::Tls(_) => Misconfigured(format!("--tls-cert, --tls-key: {error}")).into(),
        other => other.into(),
    }
}
