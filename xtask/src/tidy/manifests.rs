//! Members inherit: lints from the root, and every dependency's version too.
//! Must not look into the root manifest, which is where versions belong.

use toml::{Table, Value};

use super::tree::{Package, Tree};
use super::violation::Violation;

const RULE: &str = "manifest";
const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    tree.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Violation> {
    let path = package.manifest_path();
    let manifest: Table = match package.manifest.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Violation::new(&path, 1, RULE, format!("not readable: {error}"))],
    };
    let mut found = Vec::new();
    if !is_inherited(manifest.get("lints")) {
        found.push(Violation::new(&path, 1, RULE, "add `[lints] workspace = true`"));
    }
    let fields = manifest.get("package").and_then(Value::as_table);
    for field in INHERITED.iter().filter(|field| !is_inherited(fields.and_then(|fields| fields.get(**field))))
    {
        let remedy = format!("write `{field}.workspace = true`");
        found.push(Violation::new(&path, package.line_of(field), RULE, remedy));
    }
    for name in dependencies(&manifest).filter(|(_, value)| !is_inherited(Some(value))).map(|(name, _)| name)
    {
        let remedy = format!("name {name} in the root manifest and write `{{ workspace = true }}` here");
        found.push(Violation::new(&path, package.line_of(name), RULE, remedy));
    }
    found
}

/// Every dependency of every kind and of every target.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&String, &Value)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    tables
        .flat_map(|table| KINDS.iter().filter_map(|kind| table.get(*kind).and_then(Value::as_table)))
        .flat_map(Table::iter)
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}
