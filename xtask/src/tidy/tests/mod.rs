//! Shows for every rule that it fires where it should, and only there, on trees made up in memory.
//! Must not look at the real tree: `cargo xtask tidy` does.

mod crates;
mod files;
mod scan;

use super::report::violations;
use super::tree::{Dependency, Package, SourceFile, Tree};

const MANIFEST: &str = "\
[package]
name = \"NAME\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[dependencies]
DEPENDENCIES
[lints]
workspace = true
";

/// A member with these dependencies, in order with all rules about manifests.
fn package(folder: &str, name: &str, dependencies: &[&str]) -> Package {
    let lines: String =
        dependencies.iter().map(|name| format!("{name} = {{ workspace = true }}\n")).collect();
    Package {
        name: name.to_owned(),
        folder: folder.to_owned(),
        manifest: MANIFEST.replace("NAME", name).replace("DEPENDENCIES", &lines),
        dependencies: dependencies
            .iter()
            .map(|name| Dependency { name: (*name).to_owned(), is_dev: false })
            .collect(),
    }
}

/// A file with a head, so that its text begins on line 2.
fn file(path: &str, text: &str) -> SourceFile {
    SourceFile::new(path.to_owned(), format!("//! Head.\n{text}"))
}

/// What all rules find in a tree, without the remedies.
fn found(packages: Vec<Package>, files: Vec<SourceFile>) -> Vec<String> {
    let found = violations(&Tree { packages, files });
    found.iter().map(|each| format!("{}:{} {}", each.path, each.line, each.rule)).collect()
}

/// What all rules find in one file of the model, which is a pure crate.
fn found_in_model(text: &str) -> Vec<String> {
    let path = "api/mesher-model/src/lib.rs";
    let found = found(vec![package("api/mesher-model", "mesher-model", &[])], vec![file(path, text)]);
    found.iter().map(|each| each.replace("api/mesher-model/src/lib.rs", "lib.rs")).collect()
}
