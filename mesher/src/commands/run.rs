//! `mesher run`: an application together with its proxy.
//! The application's exit code must be the command's.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use anyhow::Context as _;
use mesher_proxy::bootstrap::{Bootstrap, Sources};
use mesher_proxy::handler::Registration;

use crate::failure::Misconfigured;
use crate::supervise::{Pair, Plan};
use crate::{cli, signals};

/// What a shell adds to the number of the signal that ended a program.
const SIGNAL_BASE: i32 = 128;

/// Runs the application until it ends or a signal comes.
pub(crate) fn run(arguments: cli::Run, handlers: Vec<Registration>) -> anyhow::Result<ExitCode> {
    let plan = plan(&arguments);
    check(&plan, handlers)?;
    mesher_net::worker::block_on(async {
        let shutdown = signals::shutdown()?;
        let mut pair = Pair::start(&plan).await?;
        if let Some(file) = &arguments.addresses_to {
            let text = serde_json::to_string(&pair.addresses)?;
            std::fs::write(file, text).with_context(|| format!("--addresses-to {}", file.display()))?;
        }
        tokio::pin!(shutdown);
        let ended = tokio::select! {
            status = pair.wait() => Some(status),
            () = &mut shutdown => None,
        };
        match ended {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Ok(exit_code(pair.stop().await?)),
        }
    })?
}

fn plan(arguments: &cli::Run) -> Plan {
    let mut settings = BTreeMap::from([
        ("MESHER_SERVICE", arguments.service.clone()),
        ("MESHER_VERSION", arguments.service_version.clone()),
        ("MESHER_PORTS", arguments.ports.join(",")),
    ]);
    if let Some(registry) = &arguments.registry {
        settings.insert("MESHER_REGISTRY", registry.clone());
    }
    if !arguments.tcp_outbound.is_empty() {
        settings.insert("MESHER_TCP_OUTBOUND", arguments.tcp_outbound.join(","));
    }
    Plan { settings, command: arguments.command.clone(), environment: BTreeMap::new() }
}

/// Reads the settings as the proxy will, so that a mistake is told before anything is started.
fn check(plan: &Plan, handlers: Vec<Registration>) -> anyhow::Result<()> {
    let mut sources = Sources::of_process(None)?;
    sources.handlers = handlers;
    sources.environment.extend(plan.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let bootstrap = Bootstrap::load(&sources)?;
    if bootstrap.handover.is_some() {
        // The application would be without its proxy as soon as another took over: that one is no child of ours.
        let reason = "MESHER_HANDOVER: the proxy of mesher run ends with its application and is never replaced; run mesher proxy beside the application instead";
        return Err(Misconfigured(reason.to_owned()).into());
    }
    if bootstrap.activation.is_some() {
        let reason = "LISTEN_FDS: mesher run passes no sockets on; run mesher proxy in a unit of its own";
        return Err(Misconfigured(reason.to_owned()).into());
    }
    Ok(())
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(SIGNAL_BASE + status.signal()?)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
