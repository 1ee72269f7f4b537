//! Names that say nothing are not names: a module is called by what it holds.
//! Must not check spelling or style, which are a reader's business.

use super::scan::words;
use super::tree::Tree;
use super::violation::Violation;

const RULE: &str = "name";
const REMEDY: &str = "call the module by what it holds";
const BANNED: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        if file.path.trim_end_matches(".rs").split('/').any(is_banned) {
            found.push(Violation::new(&file.path, 1, RULE, REMEDY));
        }
        let code = &file.scanned.code;
        let pairs = words(code).zip(words(code).skip(1));
        let inline = pairs.filter(|((_, keyword), (_, name))| *keyword == "mod" && is_banned(name));
        found.extend(inline.map(|(_, (line, _))| Violation::new(&file.path, line, RULE, REMEDY)));
    }
    for package in tree.packages.iter().filter(|package| package.name.split('-').any(is_banned)) {
        found.push(Violation::new(
            &package.manifest_path(),
            package.line_of("name"),
            RULE,
            "call the crate by its job",
        ));
    }
    found
}

fn is_banned(name: &str) -> bool {
    BANNED.contains(&name)
}
