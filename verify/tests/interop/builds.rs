//! The programs of `verify/interop`, built beside what cargo builds and again only when their sources change.
//! It must be the only part of the suite that asks package registries, and must say by name that one could not be reached.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mesher_verify::patience::fail;
use mesher_verify::skip::{has_programs, leave_out};
use sha1::{Digest, Sha1};

/// What Go and Maven say where a package registry cannot be reached.
const UNREACHABLE: [&str; 6] = [
    "dial tcp",
    "i/o timeout",
    "no such host",
    "Could not transfer artifact",
    "Unknown host",
    "in offline mode",
];

/// The program on Go Chassis. `None` where the machine cannot build it.
pub(crate) fn go() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || has_programs("interop on Go", &["go"]).then(build_go).flatten();
    BUILT.get_or_init(build).as_deref()
}

/// The class path of the application on Java Chassis. `None` where the machine cannot build it.
pub(crate) fn java() -> Option<&'static str> {
    static BUILT: OnceLock<Option<String>> = OnceLock::new();
    let build = || has_programs("interop on Java", &["java", "javac", "mvn"]).then(build_java).flatten();
    BUILT.get_or_init(build).as_deref()
}

/// The folder of the sources in a language.
pub(crate) fn sources(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(language)
}

/// Go has a cache of its own, so it is always asked.
fn build_go() -> Option<PathBuf> {
    let program = target().join("go-application");
    let mut command = Command::new("go");
    // No other toolchain than the one that is installed, and nothing that calls for a C compiler.
    command.envs([("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly")]);
    command.args(["build", "-trimpath", "-buildvcs=false", "-o"]).arg(&program).arg(".");
    run("interop on Go", command.current_dir(sources("go"))).then_some(program)
}

/// Maven takes seconds to find that nothing is to be done, so it is asked only where sources have changed.
fn build_java() -> Option<String> {
    let (folder, sources) = (target().join("java"), sources("java"));
    let (stamp, wanted) = (folder.join("built"), fingerprint(&sources));
    if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Some(class_path(&folder));
    }
    // Classes of sources that are gone would stay.
    let _ = fs::remove_dir_all(&folder);
    let mut command = Command::new("mvn");
    command.args(["--quiet", "--batch-mode", "package"]);
    command.arg(format!("-Dinterop.target={}", folder.display())).current_dir(sources);
    if !run("interop on Java", &mut command) {
        return None;
    }
    fs::write(&stamp, wanted).unwrap();
    Some(class_path(&folder))
}

fn class_path(folder: &Path) -> String {
    format!("{0}/interop.jar:{0}/lib/*", folder.display())
}

/// Runs a build to its end. `false` where it wanted packages that could not be fetched, which is said by name.
fn run(suite: &str, command: &mut Command) -> bool {
    let ended = command.output().unwrap_or_else(|error| fail(&format!("{command:?}: {error}")));
    if ended.status.success() {
        return true;
    }
    let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    if !UNREACHABLE.iter().any(|words| said.contains(words)) {
        fail(&format!("{command:?}: {}\n{said}", ended.status));
    }
    leave_out(suite, &format!("packages could not be fetched: {}", said.lines().next().unwrap_or_default()));
    false
}

/// `TARGET/interop`, beside the profiles.
fn target() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().nth(3).unwrap().join("interop");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A hash of all files below a folder, their names with them.
fn fingerprint(folder: &Path) -> String {
    let mut hash = Sha1::new();
    let mut left = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let list = if entry.file_type().unwrap().is_dir() { &mut left } else { &mut files };
            list.push(entry.path());
        }
    }
    files.sort();
    for file in files {
        hash.update(file.display().to_string());
        hash.update(fs::read(file).unwrap());
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
