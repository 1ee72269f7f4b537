//! `cargo xtask fuzz`: runs the fuzz targets of `verify/fuzz` for a while, with the nightly compiler.
//! Must install nothing, and must leave the corpus of the tree as it is: what a run finds goes below `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::environment::metadata;
use crate::steps::{Outcome, Steps, call};

/// Where the targets and their corpus are.
const FOLDER: &str = "verify/fuzz";
/// Seconds for each target, unless told otherwise.
const SECONDS: u32 = 60;
/// Seconds that one input may take, and mebibytes that a target may hold: what takes more is a finding.
const INPUT_SECONDS: u32 = 10;
const MEMORY_MIB: u32 = 1024;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) targets: Vec<String>,
    pub(crate) seconds: u32,
}

impl Request {
    /// Reads the arguments. Without targets, all `known` ones are meant.
    ///
    /// # Errors
    /// A target that is not known, or an option that is not.
    pub(crate) fn read(arguments: &[String], known: &[String]) -> Result<Self> {
        let mut request = Self { targets: Vec::new(), seconds: SECONDS };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                let value = arguments.next().context("--seconds wants a number")?;
                request.seconds =
                    value.parse().with_context(|| format!("--seconds {value}: not a number"))?;
                // libFuzzer takes 0 for "without an end".
                ensure!(request.seconds > 0, "--seconds wants at least 1");
            } else if known.contains(argument) {
                request.targets.push(argument.clone());
            } else {
                bail!("{argument} is none of the targets: {}", known.join(", "));
            }
        }
        if request.targets.is_empty() {
            request.targets = known.to_vec();
        }
        Ok(request)
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let metadata = metadata()?;
    let root = &metadata.workspace_root;
    let request = Request::read(arguments, &known_targets(&root.join(FOLDER))?)?;
    let target_directory = metadata.target_directory.join("fuzz");
    let mut steps = Steps::default();
    match missing_tool() {
        Some(reason) => steps.run("fuzz", || Ok(Outcome::Skipped(reason))),
        None => {
            for target in &request.targets {
                steps.run(target.clone(), || fuzz(root, &target_directory, target, request.seconds));
            }
        }
    }
    steps.finish()
}

/// The targets, by their files.
fn known_targets(folder: &Path) -> Result<Vec<String>> {
    let folder = folder.join("fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    let stems = paths.iter().filter_map(|path| path.file_stem());
    let mut names: Vec<_> = stems.map(|stem| stem.to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Which tool is not there, in words that help.
fn missing_tool() -> Option<String> {
    let answers = |arguments: [&str; 3]| {
        let mut command = Command::new("cargo");
        let silent = command.args(arguments.into_iter().filter(|argument| !argument.is_empty()));
        let status = silent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !answers(["+nightly", "--version", ""]) {
        return Some("no nightly compiler: see CONTRIBUTING.md, \"Fuzzing\"".to_owned());
    }
    if !answers(["+nightly", "fuzz", "--version"]) {
        return Some("cargo-fuzz is not installed: see CONTRIBUTING.md, \"Fuzzing\"".to_owned());
    }
    None
}

/// Runs one target. New inputs go to a folder of their own below `target`, which the next run begins with as well.
fn fuzz(root: &Path, target_directory: &Path, target: &str, seconds: u32) -> Result<Outcome> {
    let found = target_directory.join("corpus").join(target);
    let artifacts = target_directory.join("artifacts").join(target);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut command = Command::new("cargo");
    // Neither the codec nor its checks contain `unsafe`: the address sanitizer would find nothing in them, and makes
    // each run ten times slower. Assertions and checks of overflow stay on.
    command.args(["+nightly", "fuzz", "run", "--sanitizer", "none", "--fuzz-dir", FOLDER, "--target-dir"]);
    command.arg(target_directory).arg(target).arg(&found).arg(Path::new(FOLDER).join("corpus").join(target));
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-dict={FOLDER}/http.dict"));
    // libFuzzer puts the name right behind the prefix.
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-timeout={INPUT_SECONDS}")).arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    command.args(["-print_final_stats=1", "-verbosity=0"]);
    call(command.current_dir(root))
}
