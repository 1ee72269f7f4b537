//! Holds the table of `docs/settings.md` to the list of settings.
//! It must print the whole table where the two differ, so that mending is copying.

use super::SETTINGS;
use super::table::{Setting, State};

/// The reference, as readers see it.
const DOCUMENT: &str = include_str!("../../../../docs/settings.md");
/// What stands before and after the table in it.
const MARKS: (&str, &str) = ("<!-- settings: begin -->\n", "<!-- settings: end -->");

fn table() -> String {
    let head = "| in the file | in the environment | also read | meaning, default |\n|---|---|---|---|\n";
    SETTINGS.iter().fold(head.to_owned(), |table, setting| table + &row(setting))
}

fn row(setting: &Setting) -> String {
    let aliases: Vec<_> = setting.aliases.iter().map(|name| format!("`{name}`")).collect();
    let meaning = match setting.state {
        State::Built => setting.meaning.to_owned(),
        State::NotBuilt(feature) => format!("**refused**: not in this release ({feature})"),
    };
    let cells = [
        format!("`{}`", setting.key),
        format!("`{}`", setting.variable),
        aliases.join(", "),
        // A bare bar would begin a new cell.
        meaning.replace('|', "\\|"),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn the_reference_lists_every_setting() {
    let written = DOCUMENT
        .split_once(MARKS.0)
        .and_then(|(_, rest)| rest.split_once(MARKS.1))
        .map(|(written, _)| written)
        .expect("docs/settings.md has both marks");
    let expected = table();
    assert!(
        written == expected,
        "docs/settings.md does not hold the table of settings. Put this between its marks, then run \
         `cargo test -p mesher-proxy reference` again:\n\n{expected}"
    );
}
