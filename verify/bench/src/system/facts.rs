//! Under what a figure was measured: processor, kernel, compiler, versions of the others.
//! It must hold nothing that tells one machine of a kind from another.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::surroundings::root;

/// The surroundings of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    pub(crate) compiler: String,
    /// Short name of the commit, with a `+` where the tree differs from it.
    pub(crate) commit: String,
}

impl Facts {
    /// All of them, as tables begin.
    pub(crate) fn line(&self) -> String {
        let Self { processor, processors, kernel, compiler, commit } = self;
        format!("Commit {commit}, {compiler}, {processors} processors ({processor}), Linux {kernel}")
    }
}

/// Asks the system.
pub(crate) fn facts() -> Facts {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Facts {
        processor: processor_model(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: kernel.trim().to_owned(),
        compiler: version_line("rustc", "--version"),
        commit: commit(),
    }
}

/// The model of the first processor.
pub(crate) fn processor_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned()).unwrap_or_default()
}

/// The first line in which a program tells its version; empty where it does not run.
pub(crate) fn version_line(program: &str, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else { return String::new() };
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(name) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let is_clean =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| changes.is_empty());
    if is_clean { name } else { format!("{name}+") }
}
