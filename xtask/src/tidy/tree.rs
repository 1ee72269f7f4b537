//! What the rules look at: members with their manifests, and source files with their text taken apart.
//! Must do all the reading, so that a rule is a function of a value.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::scan::{Scanned, scan};
use crate::environment::{Metadata, MetadataPackage};

/// Folders that hold no source of ours.
const PASSED_OVER: [&str; 2] = ["target", "node_modules"];

/// The workspace as the rules see it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) packages: Vec<Package>,
    pub(crate) files: Vec<SourceFile>,
}

/// One member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// From the root, without a slash at its end.
    pub(crate) folder: String,
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as a manifest names it.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether only tests, examples and benches have it.
    pub(crate) is_dev: bool,
}

/// One `.rs` file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// From the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) scanned: Scanned,
}

impl Tree {
    /// Reads the whole workspace.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn load(metadata: &Metadata) -> Result<Self> {
        let root = &metadata.workspace_root;
        let packages =
            metadata.packages.iter().map(|package| Package::load(root, package)).collect::<Result<_>>()?;
        let mut files = Vec::new();
        collect(root, root, &mut files)?;
        files.sort_by(|a: &SourceFile, b| a.path.cmp(&b.path));
        Ok(Self { packages, files })
    }
}

impl Package {
    fn load(root: &Path, package: &MetadataPackage) -> Result<Self> {
        let path = &package.manifest_path;
        let manifest = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = relative(root, path.parent().unwrap_or(root));
        let dependencies = package.dependencies.iter();
        let dependencies = dependencies
            .map(|each| Dependency { name: each.name.clone(), is_dev: each.kind.as_deref() == Some("dev") })
            .collect();
        Ok(Self { name: package.name.clone(), folder, manifest, dependencies })
    }

    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// The line of the manifest that begins with a key, or the first one.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        let begins = |line: &str| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.starts_with([' ', '=', '.', ']']))
        };
        self.manifest.lines().position(begins).map_or(1, |index| index + 1)
    }

    /// Whether a file belongs to this package.
    pub(crate) fn owns(&self, path: &str) -> bool {
        path.strip_prefix(self.folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl SourceFile {
    pub(crate) fn new(path: String, text: String) -> Self {
        let scanned = scan(&text);
        Self { path, text, scanned }
    }

    /// Whether it holds nothing but tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !PASSED_OVER.contains(&&*name) {
            collect(root, &path, files)?;
        } else if path.is_file() && name.ends_with(".rs") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(SourceFile::new(relative(root, &path), text));
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
