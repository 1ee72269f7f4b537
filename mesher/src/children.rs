//! Child processes of `run` and `demo`: started tied to us, heard for their addresses, ended by their id.
//! No child may outlive its parent, whatever ends the parent.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a child may take to say where it listens.
const ANNOUNCE_TIME_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether a child is left.
const CHECK_INTERVAL: Duration = Duration::from_millis(2);

/// What a service manager says to us. No child is the service, and none has the sockets that it passes.
const MANAGER_VARIABLES: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"];

/// This very program, to be started again with other arguments.
///
/// # Errors
/// When the system does not say where it is.
pub(crate) fn own_command() -> anyhow::Result<Command> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(Command::new(own))
}

/// Starts a child that ends when we do.
///
/// # Errors
/// When the program cannot be started; the message names it.
pub(crate) fn start(command: &mut Command) -> anyhow::Result<Child> {
    for variable in MANAGER_VARIABLES {
        command.env_remove(variable);
    }
    mesher_net::process::end_with_parent(command.as_std_mut());
    // A start that is given up half-way must not leave the child to itself.
    command.kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.spawn().with_context(|| format!("cannot start {program:?}"))
}

/// Starts a child that prints its addresses as one JSON line, and reads that line.
///
/// # Errors
/// When it cannot be started, ends before it listens, or says nothing in time.
pub(crate) async fn start_announcing<T: DeserializeOwned>(
    command: &mut Command,
) -> anyhow::Result<(Child, T)> {
    let mut child = start(command.stdout(Stdio::piped()).stdin(Stdio::null()))?;
    let output = child.stdout.take().context("a piped child has an output")?;
    let mut line = String::new();
    let mut reader = BufReader::new(output);
    let read = tokio::time::timeout(ANNOUNCE_TIME_MAX, reader.read_line(&mut line)).await;
    match read {
        Ok(Ok(length)) if length > 0 => {
            let addresses =
                serde_json::from_str(&line).with_context(|| format!("{line:?} is no line of addresses"))?;
            Ok((child, addresses))
        }
        Ok(_) => bail!("it ended before it listened ({}); its message is above", child.wait().await?),
        Err(_) => bail!("it did not listen within {} s", ANNOUNCE_TIME_MAX.as_secs()),
    }
}

/// Asks a child to end, and ends it by force when it has not after `limit`.
///
/// # Errors
/// The system's, when it does not tell how the child ended.
pub(crate) async fn end(child: &mut Child, limit: Duration) -> std::io::Result<ExitStatus> {
    if let Some(pid) = child.id() {
        // It may have ended in this moment.
        let _ = mesher_net::process::terminate(pid);
    }
    match tokio::time::timeout(limit, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.start_kill()?;
            child.wait().await
        }
    }
}

/// Waits until no child is left: one whose start was given up is killed, and ends on its own time.
pub(crate) async fn all_ended(limit: Duration) {
    let ended = async {
        while mesher_net::process::has_children() {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    };
    if tokio::time::timeout(limit, ended).await.is_err() {
        tracing::warn!("a child process does not end");
    }
}

/// A port that was free a moment ago.
///
/// # Errors
/// The system's, when it has none.
pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.local_addr()?.port())
}
