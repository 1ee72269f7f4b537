//! Writes what a run found below the target folder, and reads it again.
//! It must write the windows before anything is computed from them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::documentation::insert;
use super::{plot, tables};
use crate::instructions::Counts;
use crate::measure::Results;
use crate::system::target;

const RESULTS: &str = "results.json";
const TABLES: &str = "results.md";
const PLOT: &str = "results.svg";
const COUNTS: &str = "instructions.json";

/// The folder of whatever runs leave, made where it is not there yet. Absolute: nginx resolves paths against its prefix.
pub(crate) fn folder() -> Result<PathBuf> {
    let folder = std::path::absolute(target().join("bench"))?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Writes JSON, tables and plot into a folder. Returns the tables.
pub(crate) fn write(folder: &Path, results: &Results) -> Result<String> {
    put(&folder.join(RESULTS), &serde_json::to_string_pretty(results)?)?;
    let text = tables::render(results);
    put(&folder.join(TABLES), &text)?;
    if let Some(plot) = plot::render(results) {
        put(&folder.join(PLOT), &plot)?;
    }
    Ok(text)
}

/// Reads the results of an earlier run.
pub(crate) fn read(file: &Path) -> Result<Results> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no results", file.display()))
}

/// Keeps a count for the report of the next run.
pub(crate) fn keep_counts(folder: &Path, counts: Counts) -> Result<()> {
    put(&folder.join(COUNTS), &serde_json::to_string_pretty(&counts)?)
}

/// The count that was kept last.
pub(crate) fn kept_counts(folder: &Path) -> Option<Counts> {
    serde_json::from_slice(&fs::read(folder.join(COUNTS)).ok()?).ok()
}

/// Keeps and shows what a part of its own found, and puts it between the marks of the documentation where that is asked
/// for.
#[expect(clippy::print_stdout, reason = "the tables are the result")]
pub(crate) fn tell(
    name: &str,
    (figures, text): (&impl Serialize, &str),
    marks: Option<(&str, &str)>,
) -> Result<()> {
    let folder = folder()?;
    put(&folder.join(format!("{name}.json")), &serde_json::to_string_pretty(figures)?)?;
    put(&folder.join(format!("{name}.md")), text)?;
    println!("{text}\nkept in {}", folder.display());
    marks.map_or(Ok(()), |marks| insert(marks, &format!("\n{text}\n")))
}

pub(super) fn put(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
