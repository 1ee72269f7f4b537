//! `cargo xtask check`: everything that can be said about the tree without running it.
//! Must not change a file.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::steps::{Outcome, Steps, call, cargo};
use crate::tidy;

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.run("fmt", || call(&mut cargo(["fmt", "--all", "--check"])));
    steps.run("clippy", || {
        call(&mut cargo(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
    });
    steps.run("doc", || {
        call(cargo(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "--deny warnings"))
    });
    steps.run("tidy", || tidy::run().map(|()| Outcome::Passed));
    steps.run("deny", deny);
    steps.finish()
}

/// Advisories are left out: a copy of their database may be stale, so deny.toml holds floors for what is known.
fn deny() -> Result<Outcome> {
    let version = Command::new("cargo").args(["deny", "--version"]).stderr(Stdio::null()).output();
    if !version.is_ok_and(|output| output.status.success()) {
        let remedy = "cargo-deny is not installed: see CONTRIBUTING.md, \"Checks\"";
        return Ok(Outcome::Skipped(remedy.to_owned()));
    }
    call(&mut cargo(["deny", "check", "bans", "licenses", "sources"]))
}
