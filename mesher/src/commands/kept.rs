//! `mesher control backup` and `restore`, and where a control plane keeps what it keeps.
//! It must not touch a data directory that another process has: the store's lock says so.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use mesher_store::{Clock, EmbeddedSettings, Store};

use super::get;
use crate::failure::{Misconfigured, answer};
use crate::signals;

/// Where root keeps it.
const OF_ROOT: &str = "/var/lib/mesher";

/// The data directory: as it is given, or the place that the system has for such things, which is made.
pub(super) fn folder(given: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let variable = |name: &str| signals::variable(name).map(PathBuf::from);
    if let Some(folder) = given.cloned().or_else(|| variable("MESHER_DATA_DIR")) {
        return Ok(folder);
    }
    let of_user = || {
        let data = variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")))?;
        Some(data.join("mesher"))
    };
    let is_root_without_wish = mesher_net::process::is_root() && variable("XDG_DATA_HOME").is_none();
    let folder = if is_root_without_wish { Some(PathBuf::from(OF_ROOT)) } else { of_user() };
    let folder = folder.ok_or_else(|| {
        Misconfigured("no HOME is set: say where to keep things, with --data-dir DIR".to_owned())
    })?;
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).with_context(|| {
            format!("cannot make {}; --data-dir DIR keeps things elsewhere", parent.display())
        })?;
    }
    Ok(folder)
}

/// Backs up the store of a control plane that runs.
pub(super) fn backup_running(file: &Path, control: Option<&str>) -> anyhow::Result<ExitCode> {
    let client = get::client(control)?;
    let created = OpenOptions::new().write(true).create_new(true).open(file);
    let created =
        created.with_context(|| format!("cannot make {}; a backup replaces no file", file.display()))?;
    let written = mesher_net::worker::block_on(async { download(&client, created).await })?;
    match written {
        Ok(bytes) => {
            answer(&format!("{}: {bytes} bytes", file.display()));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // Half a backup is none: it must not be found later and taken for one.
            let _ = std::fs::remove_file(file);
            Err(error)
        }
    }
}

async fn download(client: &mesher_client::ControlClient, file: File) -> anyhow::Result<u64> {
    let mut sink = BufWriter::new(file);
    let bytes = client.backup(&mut sink).await?;
    sink.flush()?;
    sink.get_ref().sync_all()?;
    Ok(bytes)
}

/// Backs up the store in a directory.
pub(super) fn backup_folder(file: &Path, folder: &Path) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        folder.is_dir(),
        Misconfigured(format!("--data-dir: {} is no directory", folder.display()))
    );
    let settings = EmbeddedSettings { directory: folder.to_owned(), clock: Clock::system() };
    let store = Store::open(&settings)
        .context("is the control plane that has it still running? Then leave --data-dir out")?;
    let summary = mesher_net::worker::block_on(async {
        let summary = store.backup(file).await;
        store.close().await;
        summary
    })??;
    answer(&format!("{}: revision {}, {} rows", file.display(), summary.revision.0, summary.rows));
    Ok(ExitCode::SUCCESS)
}

/// Fills a new data directory.
pub(super) fn restore(file: &Path, folder: &Path) -> anyhow::Result<ExitCode> {
    let summary = mesher_store::restore(file, folder)?;
    answer(&format!("{}: revision {}, {} rows", folder.display(), summary.revision.0, summary.rows));
    Ok(ExitCode::SUCCESS)
}
