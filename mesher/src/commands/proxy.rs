//! `mesher proxy`: the data plane beside an application.
//! It must listen before it prints a word.

use std::process::ExitCode;

use mesher_proxy::Proxy;
use mesher_proxy::bootstrap::{Bootstrap, Sources};
use mesher_proxy::handler::Registration;

use crate::cli;
use crate::failure::{Misconfigured, answer};
use crate::signals;

/// Runs a proxy until a signal ends it.
pub(crate) fn run(arguments: &cli::Proxy, handlers: Vec<Registration>) -> anyhow::Result<ExitCode> {
    if arguments.mode != cli::Mode::Sidecar {
        return Err(Misconfigured("--mode: this release has the mode sidecar only".to_owned()).into());
    }
    let mut sources = Sources::of_process(arguments.config.as_deref())?;
    sources.handlers = handlers;
    arguments.settings.apply(&mut sources);
    let proxy = Proxy::bind(Bootstrap::load(&sources)?)?;
    if arguments.print_addresses {
        answer(&serde_json::to_string(proxy.addresses())?);
    }
    signals::leave_group_if(arguments.tied)?;
    proxy.run(async {
        match signals::shutdown() {
            Ok(shutdown) => shutdown.await,
            Err(error) => tracing::error!(%error, "cannot watch signals"),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
