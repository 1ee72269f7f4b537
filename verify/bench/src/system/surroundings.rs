//! What the benchmark learns from outside: where the tree lies, which programs there are, whether nothing may be left out.
//! It must be the only module that asks for them.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use mesher_verify::machine::variable;
use mesher_verify::skip;

pub(crate) use mesher_verify::machine::program;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// The folder of everything that is built, as cargo has it.
pub(crate) fn target() -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Whether CI runs this, where nothing may be left out.
fn is_ci() -> bool {
    variable("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Says what is left out, and why. In CI that is a failure.
pub(crate) fn leave_out(what: &str, reason: &str) -> Result<()> {
    skip::leave_out(&format!("bench {what}"), reason);
    ensure!(!is_ci(), "CI does not allow anything to be left out: {what}: {reason}");
    Ok(())
}
