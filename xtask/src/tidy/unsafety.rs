//! `unsafe` has one home.
//! Must not judge the `unsafe` there: its `SAFETY` comments, tests and reviewers do.

use super::scan::{line_at, words};
use super::tree::{SourceFile, Tree};
use super::violation::Violation;

const RULE: &str = "unsafe";
const HOME: &str = "proxy/mesher-net/";

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().filter(|file| !file.path.starts_with(HOME)).flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let code = &file.scanned.code;
    let used = words(code).filter(|(_, word)| *word == "unsafe").map(|(line, _)| line);
    let used = used.map(|line| (line, "move it to mesher-net, behind a safe function"));
    let relaxed = code.match_indices("unsafe_code").filter(|(at, _)| is_relaxed(&code[..*at]));
    let relaxed = relaxed.map(|(at, _)| (line_at(code, at), "only mesher-net may relax this lint"));
    used.chain(relaxed).map(|(line, remedy)| Violation::new(&file.path, line, RULE, remedy)).collect()
}

/// Whether the attribute that is open at the end of this code allows or expects the lint.
fn is_relaxed(before: &str) -> bool {
    let attribute = before.rfind("#[").max(before.rfind("#![")).map_or("", |at| &before[at..]);
    words(attribute).any(|(_, word)| word == "allow" || word == "expect")
}
