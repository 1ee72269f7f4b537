//! The program under test, built once for each run in the profile of the suite itself, or named by whoever runs it.
//! It must not look for a `mesher` anywhere else: an old one would prove nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::machine;
use crate::patience::fail;

/// Names the program under test. Whoever sets it has built it; without it the suite does.
pub const VARIABLE: &str = "MESHER_VERIFY_BINARY";

/// Path of the program under test.
pub fn mesher() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| machine::variable(VARIABLE).map_or_else(build, |named| existing(&named)))
}

/// The program under test with arguments, in an environment that holds nothing but the search path.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(mesher());
    command.args(arguments).env_clear();
    clean(&mut command);
    command
}

/// Gives a command an environment in which no setting of the desk can change what is tested, and nothing of a test is
/// stored where the desk's own proxies store theirs.
pub fn clean(command: &mut Command) {
    command.env_clear().env("PATH", machine::search_path()).env("LC_ALL", "C.UTF-8");
    command.env("MESHER_STATE_DIR", "off");
}

fn existing(named: &str) -> PathBuf {
    let path = PathBuf::from(named);
    if !path.is_file() {
        fail(&format!("{VARIABLE} names {named}, which is no file"));
    }
    path
}

fn build() -> PathBuf {
    let own = std::env::current_exe().expect("the system knows the running program");
    let folder = own.parent().and_then(Path::parent).expect("a suite lies in TARGET/PROFILE/deps");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // The whole workspace, as `cargo xtask test` builds it: the dependencies' features are then the same.
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bins", "--profile", profile])
        .arg("--target-dir")
        .arg(folder.parent().expect("a profile's folder lies in the target folder"))
        .current_dir(root)
        .output()
        .expect("cargo can be started");
    if !built.status.success() {
        fail(&format!("mesher cannot be built:\n{}", String::from_utf8_lossy(&built.stderr)));
    }
    folder.join("mesher")
}
