//! `mesher control`: the control plane.
//! It must refuse what this release cannot do instead of ignoring it.

use std::net::SocketAddr;
use std::process::ExitCode;

use mesher_control::{Server, Settings};

use crate::cli;
use crate::failure::{Misconfigured, answer};
use crate::signals;

/// Settings whose feature is not there yet.
const NOT_BUILT: [(&str, &str); 4] = [
    ("MESHER_DATA_DIR", "a durable store"),
    ("MESHER_ETCD", "etcd as a store"),
    ("MESHER_ROOT_PASSWORD", "access control"),
    ("SC_INIT_ROOT_PASSWORD", "access control"),
];

/// Runs a control plane until a signal ends it.
pub(crate) fn run(arguments: cli::Control) -> anyhow::Result<ExitCode> {
    refuse_what_is_not_built()?;
    let listen = address(&arguments)?;
    signals::leave_group_if(arguments.tied)?;
    mesher_net::worker::block_on(async {
        let settings =
            |listen| Settings { listen, extra_hosts: arguments.host.clone(), ..Settings::default() };
        let server = match Server::bind(settings(listen)).await {
            Err(_) if arguments.any_port => Server::bind(settings(SocketAddr::new(listen.ip(), 0))).await?,
            server => server?,
        };
        let shutdown = signals::shutdown()?;
        if arguments.print_addresses {
            answer(&serde_json::json!({"control": format!("http://{}", server.address())}).to_string());
        }
        tracing::info!(address = %server.address(), "control plane listening");
        server.serve(shutdown).await?;
        anyhow::Ok(ExitCode::SUCCESS)
    })?
}

fn address(arguments: &cli::Control) -> anyhow::Result<SocketAddr> {
    match (arguments.listen, signals::variable("MESHER_CONTROL_LISTEN")) {
        (Some(listen), _) => Ok(listen),
        (None, Some(text)) => text.parse().map_err(|_| {
            let remedy = "write for example 127.0.0.1:30100";
            Misconfigured(format!("MESHER_CONTROL_LISTEN: {text:?} is no address; {remedy}")).into()
        }),
        (None, None) => Ok(Settings::default().listen),
    }
}

fn refuse_what_is_not_built() -> Result<(), Misconfigured> {
    let refused = |name: &str, feature: &str, remedy: &str| {
        Err(Misconfigured(format!("{name}: this release does not have {feature} yet; {remedy}")))
    };
    for (name, feature) in NOT_BUILT {
        if signals::variable(name).is_some() {
            return refused(name, feature, "take the setting away");
        }
    }
    match signals::variable("MESHER_ACCESS_CONTROL").as_deref() {
        None | Some("off") => Ok(()),
        Some(_) => refused("MESHER_ACCESS_CONTROL", "access control", "set it to off"),
    }
}
