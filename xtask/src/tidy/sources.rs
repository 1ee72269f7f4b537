//! What holds for every source file: its head, its length, and nothing left unfinished.
//! Must not repeat what clippy and rustfmt check.

use super::scan::words;
use super::tree::{SourceFile, Tree};
use super::violation::Violation;

/// Above this a file is thought about: it is split, or listed with its reason.
const LINES_NOTED: usize = 400;
/// Above this a file is split, unless it is listed.
const LINES_MAX: usize = 600;

/// Files that are better long, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

pub(crate) fn check_heads(tree: &Tree) -> Vec<Violation> {
    let headless = tree.files.iter().filter(|file| !file.text.starts_with("//!"));
    let remedy = "begin with `//!`: one sentence for the file's job, one for what it must not do";
    headless.map(|file| Violation::new(&file.path, 1, "head", remedy)).collect()
}

pub(crate) fn check_lengths(tree: &Tree) -> Vec<Violation> {
    check_lengths_but(tree, LONG_FILES)
}

/// As [`check_lengths`], with this list of long files.
pub(crate) fn check_lengths_but(tree: &Tree, listed: &[(&str, &str)]) -> Vec<Violation> {
    let is_listed = |path: &str| listed.iter().any(|(known, _)| *known == path);
    let mut found: Vec<_> =
        tree.files.iter().filter(|file| !is_listed(&file.path)).filter_map(check_length).collect();
    for (path, _) in listed {
        let is_long = |file: &SourceFile| file.path == *path && file.text.lines().count() > LINES_NOTED;
        if !tree.files.iter().any(is_long) {
            found.push(Violation::new(path, 1, "length", "not a long file any more: take it off the list"));
        }
    }
    found
}

fn check_length(file: &SourceFile) -> Option<Violation> {
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        let remedy = format!("{lines} lines: split it, or list it with a reason");
        return Some(Violation::new(&file.path, lines, "length", remedy));
    }
    let remedy = || format!("{lines} lines: think about splitting it, or list it with a reason");
    (lines > LINES_NOTED && !file.is_test())
        .then(|| Violation::warning(&file.path, lines, "length", remedy()))
}

/// Markers in comments need an issue; holes in code and tests that are off without a reason are not accepted.
pub(crate) fn check_leftovers(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().flat_map(|file| markers(file).chain(holes(file))).collect()
}

fn markers(file: &SourceFile) -> impl Iterator<Item = Violation> {
    let numbered = file.scanned.comments.lines().enumerate();
    let marked = numbered.filter(|(_, line)| words(line).any(|(_, word)| word == "TODO" || word == "FIXME"));
    marked.filter(|(_, line)| !names_issue(line)).map(|(index, _)| {
        Violation::new(&file.path, index + 1, "leftover", "do it now, or name its issue: TODO(name, #12)")
    })
}

/// Whether a line holds `TODO(…#12)`.
fn names_issue(line: &str) -> bool {
    let Some((_, after)) = line.split_once("TODO(") else { return false };
    let inside = after.split(')').next().unwrap_or_default();
    inside.split_once('#').is_some_and(|(_, issue)| issue.starts_with(|digit: char| digit.is_ascii_digit()))
}

fn holes(file: &SourceFile) -> impl Iterator<Item = Violation> {
    const HOLES: [(&str, &str); 3] = [
        ("todo!", "write the code, or return an error that says what is missing"),
        ("unimplemented!", "write the code, or return an error that says what is missing"),
        ("#[ignore]", "write the reason: #[ignore = \"…\"]"),
    ];
    file.scanned.code.lines().enumerate().flat_map(move |(index, line)| {
        let compact: String = line.split_whitespace().collect();
        let present = HOLES.into_iter().filter(move |(hole, _)| compact.contains(hole));
        present.map(move |(_, remedy)| Violation::new(&file.path, index + 1, "leftover", remedy))
    })
}
