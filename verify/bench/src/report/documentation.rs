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
/// The marks around the tables of the proxies.
pub(super) const PROXIES: (&str, &str) = ("<!-- bench: begin -->\n", "<!-- bench: end -->");

/// Writes both.
pub(crate) fn write(results: &Results) -> Result<()> {
    let mut inner = String::from("\n");
    if let Some(plot) = plot::render(results) {
        put(&root().join(PLOT), &plot)?;
        inner.push_str("![Processor time of a request, for each proxy](performance.svg)\n\n");
    }
    inner.push_str(&tables::render(results));
    inner.push('\n');
    insert(PROXIES, &inner)
}

/// Puts a text into the page, between two marks.
pub(crate) fn insert(marks: (&str, &str), inner: &str) -> Result<()> {
    let page = root().join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    put(&page, &replace(&text, marks, inner)?)
}

/// The page with everything between two marks replaced.
pub(super) fn replace(text: &str, (begin, end): (&str, &str), inner: &str) -> Result<String> {
    let (before, rest) = text.split_once(begin).with_context(|| format!("{PAGE} has no line {begin}"))?;
    let (_, after) = rest.split_once(end).with_context(|| format!("{PAGE} has no line {end}"))?;
    Ok(format!("{before}{begin}{inner}{end}{after}"))
}
