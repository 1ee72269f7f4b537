//! Crates that decide: no socket, no runtime, no clock, no randomness of their own.
//! Must not look at their tests, which may bring any of these in from outside.

use super::scan::line_at;
use super::tree::{Package, SourceFile, Tree};
use super::violation::Violation;

const RULE: &str = "purity";

/// Bytes, `now` and a seed come in, values go out.
const PURE: [&str; 6] =
    ["mesher-model", "mesher-access", "mesher-config", "mesher-codec", "mesher-traffic", "mesher-registry"];

/// Crates that bring I/O, a runtime, a clock or randomness.
const BANNED_CRATES: &[&str] = &[
    "async-std",
    "axum",
    "etcd-client",
    "fastrand",
    "getrandom",
    "h2",
    "hyper",
    "hyper-util",
    "kube",
    "libc",
    "mio",
    "nix",
    "quanta",
    "rand",
    "rand_core",
    "redb",
    "reqwest",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-rustls",
    "tokio-util",
    "tracing-subscriber",
    "ureq",
    "uuid",
];

/// Parts of the standard library that do the same, by the beginning of their path.
const BANNED_PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::Tcp",
    "std::net::ToSocketAddrs",
    "std::net::Udp",
    "std::os",
    "std::process",
    "std::thread",
];

/// Calls that read a clock.
const BANNED_CALLS: &[&str] = &["Instant::now", "SystemTime::now", ".elapsed()"];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let pure = || tree.packages.iter().filter(|package| PURE.contains(&package.name.as_str()));
    let files =
        tree.files.iter().filter(|file| !file.is_test() && pure().any(|package| package.owns(&file.path)));
    pure().flat_map(check_dependencies).chain(files.flat_map(check_file)).collect()
}

fn check_dependencies(package: &Package) -> impl Iterator<Item = Violation> {
    let banned = |name: &str| BANNED_CRATES.contains(&name);
    package.dependencies.iter().filter(move |used| !used.is_dev && banned(&used.name)).map(|used| {
        let remedy =
            format!("{} is pure: what {} gives has to come in from outside", package.name, used.name);
        Violation::new(&package.manifest_path(), package.line_of(&used.name), RULE, remedy)
    })
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let code = &file.scanned.code;
    let calls = BANNED_CALLS.iter().flat_map(|call| code.match_indices(call));
    let inline = BANNED_PATHS.iter().flat_map(|path| code.match_indices(path));
    let mentioned = calls.chain(inline).map(|(at, text)| (line_at(code, at), text.to_owned()));
    let grouped = grouped_imports(code)
        .into_iter()
        .filter(|(_, path)| BANNED_PATHS.iter().any(|banned| path.starts_with(banned)));
    let mut found: Vec<_> = mentioned
        .chain(grouped)
        .map(|(line, text)| {
            let remedy = format!("{text}: this crate is pure, so its caller does this and passes the value");
            Violation::new(&file.path, line, RULE, remedy)
        })
        .collect();
    found.dedup();
    found
}

/// The paths that `use std::{…}` and its like bring in, written out.
pub(crate) fn grouped_imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let is_word =
            code[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_');
        let statement = code[at + 4..].split(';').next().unwrap_or_default();
        if !is_word && statement.contains('{') {
            let compact: String = statement.split_whitespace().collect();
            expand("", &compact, &mut |path| found.push((line_at(code, at), path)));
        }
    }
    found
}

/// Writes out a use tree without white space: `a::{b,c::{d}}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, found: &mut dyn FnMut(String)) {
    let Some((path, group)) = tree.split_once('{') else {
        return found(format!("{prefix}{tree}"));
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                if begin < at {
                    expand(&format!("{prefix}{path}"), &group[begin..at], found);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}
