//! nginx as a program: where it is, the folder that is its own, the command that starts it.
//! It must not choose what nginx serves: that stands in the configuration.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::system::{command, program, version_line};

/// The command of an nginx, and its version. Paths in its configuration are relative to `prefix`, which must be absolute.
pub(crate) fn prepare(prefix: &Path, configuration: &str) -> Result<(Command, String)> {
    let file = program("nginx").context("nginx is not installed")?;
    fs::create_dir_all(prefix).with_context(|| format!("cannot create {}", prefix.display()))?;
    let settings = prefix.join("nginx.conf");
    fs::write(&settings, configuration).with_context(|| format!("cannot write {}", settings.display()))?;
    let mut nginx = command(&file);
    nginx.arg("-e").arg("stderr").arg("-p").arg(prefix).arg("-c").arg(settings);
    Ok((nginx, version_line(&file.to_string_lossy(), "-v")))
}
