//! Mesher itself: built as it is released, started as a user starts it.
//! It must change no setting that costs time beyond those that a scenario names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use mesher_verify::binary::clean;
use serde_json::Value;

use crate::system::{Child, Processor, command, root, target, version_line};

/// The profile of what is released.
pub(crate) const RELEASED: &str = "dist";

/// A built `mesher`.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) file: PathBuf,
    /// The profile that it was built with, where that is known.
    pub(crate) profile: Option<String>,
}

impl Binary {
    /// The one that is there already, or one that is built now: with the `usual` profile where none is named.
    pub(crate) fn of(file: Option<&Path>, profile: Option<&str>, usual: &str) -> Result<Self> {
        let Some(file) = file else { return build(profile.unwrap_or(usual)) };
        let file = std::path::absolute(file)?;
        ensure!(file.is_file(), "there is no {}", file.display());
        Ok(Self { file, profile: profile.map(str::to_owned) })
    }

    pub(crate) fn version(&self) -> String {
        let version = version_line(&self.file.to_string_lossy(), "version");
        match &self.profile {
            Some(profile) => format!("{version}, profile {profile}"),
            None => version,
        }
    }

    /// The program in an environment in which no setting of the desk counts.
    pub(crate) fn command(&self) -> Command {
        let mut command = command(&self.file);
        clean(&mut command);
        command
    }

    /// Starts a control plane that keeps its records in the folder `data`, or in memory. Its log goes to `folder`.
    /// Returns where it listens, too.
    pub(crate) fn start_control(
        &self,
        processor: Processor,
        folder: &Path,
        data: Option<&Path>,
    ) -> Result<(Child, SocketAddr)> {
        let mut command = self.command();
        command.args(["control", "--listen", "127.0.0.1:0", "--print-addresses"]);
        match data {
            Some(data) => command.arg("--data-dir").arg(data),
            None => command.arg("--in-memory"),
        };
        let mut process = Child::start(&mut command, "control", processor, &folder.join("control.log"))?;
        let line: Value =
            serde_json::from_str(&process.first_line()?).context("the control plane printed no JSON")?;
        let url =
            line.get("control").and_then(Value::as_str).context("the control plane printed no address")?;
        let address =
            url.trim_start_matches("http://").parse().context("the control plane's address is none")?;
        Ok((process, address))
    }
}

fn build(profile: &str) -> Result<Binary> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--package", "mesher", "--bin", "mesher", "--profile", profile])
        .current_dir(root());
    let status = command.status().context("cargo cannot be started")?;
    ensure!(status.success(), "mesher cannot be built");
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(Binary {
        file: std::path::absolute(target().join(folder).join("mesher"))?,
        profile: Some(profile.to_owned()),
    })
}

/// A proxy with one worker on free ports, which speaks for a service without a port of its own.
pub(super) fn proxy_command(
    mesher: &Binary,
    wrapper: &[String],
    registry: SocketAddr,
    service: &str,
    access_log: &str,
) -> Command {
    let mut command = match wrapper.split_first() {
        Some((program, arguments)) => {
            let mut command = command(Path::new(program));
            clean(&mut command);
            command.args(arguments).arg(&mesher.file);
            command
        }
        None => mesher.command(),
    };
    command.args(["proxy", "--print-addresses", "--advertise", "127.0.0.1", "--service", service]);
    command.args(["--registry", &format!("http://{registry}")]);
    command.args(["--outbound-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.env("MESHER_WORKERS", "1").env("MESHER_ACCESS_LOG", access_log);
    if !wrapper.is_empty() {
        // What looks on makes it late at everything.
        command.env("MESHER_LAG_MAX", "off");
    }
    command
}
