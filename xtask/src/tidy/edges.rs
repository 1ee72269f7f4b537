//! Who may use whom: the drawing of ARCHITECTURE.md as a table.
//! Must change in the same commit as the drawing, which says why.

use super::tree::{Package, Tree};
use super::violation::Violation;

const RULE: &str = "edge";

/// What a crate may use of ours. The command may use everything, and a suite only the model and other suites; but the
/// parser is fuzzed where it stands.
const EDGES: &[(&str, &[&str])] = &[
    ("mesher-model", &[]),
    ("mesher-tls", &[]),
    ("mesher-client", &["mesher-model", "mesher-tls"]),
    ("mesher-codec", &[]),
    ("mesher-traffic", &["mesher-model"]),
    ("mesher-net", &[]),
    ("mesher-proxy", &["mesher-net", "mesher-codec", "mesher-traffic", "mesher-client", "mesher-model"]),
    ("mesher-store", &[]),
    ("mesher-registry", &["mesher-store", "mesher-model"]),
    ("mesher-config", &["mesher-store", "mesher-model"]),
    ("mesher-access", &["mesher-model"]),
    ("mesher-rules", &["mesher-traffic", "mesher-model"]),
    (
        "mesher-control",
        &[
            "mesher-access",
            "mesher-registry",
            "mesher-config",
            "mesher-rules",
            "mesher-store",
            "mesher-tls",
            "mesher-traffic",
            "mesher-model",
        ],
    ),
    ("mesher-samples", &[]),
    ("mesher-own-handler", &["mesher"]),
    ("xtask", &[]),
];

/// The command: a shell over all libraries.
const COMMAND: &str = "mesher";
/// The folder of the suites: they drive the binary as a user does.
const SUITES: &str = "verify";
/// What a suite may link.
const MODEL: &str = "mesher-model";
/// The checks of the parser, and the parser: bytes of any kind reach it only where it stands.
const CHECKS_OF_PARSER: (&str, &str) = ("mesher-codec-checks", "mesher-codec");

/// Dependencies so heavy that only one crate may name each of them: the rest is walled off from it.
const HEAVY: &[&str] = &["etcd-client", "h2", "kube", "redb", "rustls"];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let edges = tree.packages.iter().flat_map(|package| check_package(tree, package));
    edges.chain(check_heavy(tree)).collect()
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Violation> {
    let is_known = package.name == COMMAND || is_suite(package) || row(&package.name).is_some();
    if !is_known {
        let remedy =
            format!("{} is not in the drawing: add it to ARCHITECTURE.md and to this table", package.name);
        return vec![Violation::new(&package.manifest_path(), package.line_of("name"), RULE, remedy)];
    }
    let ours = package.dependencies.iter().filter_map(|used| {
        tree.packages.iter().find(|other| other.name == used.name && other.name != package.name)
    });
    ours.filter(|used| !may_use(package, used))
        .map(|used| {
            let remedy = format!("{} may not use {}: take the edge away", package.name, used.name);
            Violation::new(&package.manifest_path(), package.line_of(&used.name), RULE, remedy)
        })
        .collect()
}

fn may_use(user: &Package, used: &Package) -> bool {
    if is_suite(user) {
        let checks_parser = (user.name.as_str(), used.name.as_str()) == CHECKS_OF_PARSER;
        return is_suite(used) || used.name == MODEL || checks_parser;
    }
    if user.name == COMMAND {
        return !is_suite(used) && used.name != "xtask";
    }
    row(&user.name).is_some_and(|allowed| allowed.contains(&used.name.as_str()))
}

fn check_heavy(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for heavy in HEAVY {
        let names =
            |package: &&Package| package.dependencies.iter().any(|used| used.name == *heavy && !used.is_dev);
        let mut users = tree.packages.iter().filter(names);
        let Some(first) = users.next() else { continue };
        found.extend(users.map(|package| {
            let remedy = format!("{heavy} already belongs to {}: use it through that crate", first.name);
            Violation::new(&package.manifest_path(), package.line_of(heavy), RULE, remedy)
        }));
    }
    found
}

fn row(name: &str) -> Option<&'static [&'static str]> {
    EDGES.iter().find(|(known, _)| *known == name).map(|(_, allowed)| *allowed)
}

fn is_suite(package: &Package) -> bool {
    package.folder == SUITES || package.folder.starts_with("verify/")
}
