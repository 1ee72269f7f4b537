//! Applies every rule to the workspace and prints what it found.
//! Must stay the one list of rules.

use anyhow::{Result, ensure};

use super::tree::Tree;
use super::violation::Violation;
use super::{edges, manifests, names, purity, sources, unsafety};
use crate::environment::metadata;

type Rule = fn(&Tree) -> Vec<Violation>;

const RULES: &[Rule] = &[
    edges::check,
    manifests::check,
    purity::check,
    unsafety::check,
    names::check,
    sources::check_heads,
    sources::check_lengths,
    sources::check_leftovers,
];

/// Every violation of a tree, by place.
pub(crate) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found: Vec<_> = RULES.iter().flat_map(|rule| rule(tree)).collect();
    found.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    found
}

/// Checks the workspace of the current folder.
///
/// # Errors
/// Says how many rules are broken; the particulars are printed.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::load(&metadata()?)?;
    let found = violations(&tree);
    for violation in &found {
        println!("{violation}");
    }
    let broken = found.iter().filter(|violation| !violation.is_warning).count();
    let (packages, files) = (tree.packages.len(), tree.files.len());
    ensure!(broken == 0, "{broken} violations in {packages} crates and {files} source files");
    println!("{packages} crates and {files} source files keep the house rules");
    Ok(())
}
