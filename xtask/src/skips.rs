//! The report of what suites left out: a file that they append a line to, named by an environment variable.
//! Must not decide what may be left out: at a desk anything may, in CI nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Names the file to a suite. A suite that lacks a tool appends one line, `SUITE: REASON`, and passes.
pub(crate) const VARIABLE: &str = "MESHER_SKIP_REPORT";

/// The report of one run.
#[derive(Debug)]
pub(crate) struct SkipReport {
    path: PathBuf,
}

impl SkipReport {
    /// Begins an empty report below the target directory.
    pub(crate) fn begin(target_directory: &Path) -> Result<Self> {
        let folder = target_directory.join("xtask");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(format!("skipped-{}.txt", std::process::id()));
        fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the report away and returns its lines, each once, in order.
    pub(crate) fn end(self) -> Result<Vec<String>> {
        let text =
            fs::read_to_string(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        let _ = fs::remove_file(&self.path);
        Ok(lines(&text))
    }
}

/// The lines of a report, each once.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !lines.iter().any(|known| known == line) {
            lines.push(line.to_owned());
        }
    }
    lines
}
