//! Puts the tables into `docs/performance.md`, between its marks, and the plot beside it.
//! It must touch nothing outside the marks: the rest of the page is written by people.

use std::fs;

use anyhow::{Context, Result};

use super::files::put;
use super::{plot, tables};
use crate::measure::Results;
use crate::system::root;

const PAGE: &str = "docs/performance.md";
const PLOT: &str = "docs/performance.svg";
const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->";

/// Writes both.
pub(crate) fn write(results: &Results) -> Result<()> {
    let page = root().join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    let mut inner = String::from("\n");
    if let Some(plot) = plot::render(results) {
        put(&root().join(PLOT), &plot)?;
        inner.push_str("![Processor time of a request, for each proxy](performance.svg)\n\n");
    }
    inner.push_str(&tables::render(results));
    inner.push('\n');
    put(&page, &replace(&text, &inner)?)
}

/// The page with everything between its marks replaced.
pub(super) fn replace(text: &str, inner: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{PAGE} has no line {END}"))?;
    Ok(format!("{before}{BEGIN}{inner}{END}{after}"))
}
