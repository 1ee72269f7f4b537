//! What xtask learns from outside: whether it runs in CI, and what the workspace consists of.
//! Must be the only module that reads the environment.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Whether CI runs this, where nothing may be skipped.
#[expect(clippy::disallowed_methods, reason = "xtask has no bootstrap; this module stands in for it")]
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// The part of `cargo metadata` that xtask uses.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) workspace_root: PathBuf,
    pub(crate) target_directory: PathBuf,
    pub(crate) packages: Vec<MetadataPackage>,
}

/// One member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct MetadataPackage {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<MetadataDependency>,
}

/// One dependency as a manifest names it.
#[derive(Debug, Deserialize)]
pub(crate) struct MetadataDependency {
    pub(crate) name: String,
    /// Absent, `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// Asks cargo about the workspace of the current folder.
pub(crate) fn metadata() -> Result<Metadata> {
    let output = Command::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).output();
    let output = output.context("cargo metadata cannot be started")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {complaint}");
    serde_json::from_slice(&output.stdout).context("cargo metadata printed something else than expected")
}
