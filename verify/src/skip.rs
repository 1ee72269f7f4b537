//! What a suite leaves out because the machine lacks something: told by name, never in silence.
//! It must not decide whether that is allowed: `cargo xtask test` does.

use std::io::Write as _;

use crate::machine::{program, variable};

/// Names the file that collects what was left out.
const REPORT: &str = "MESHER_SKIP_REPORT";

/// Whether all `programs` are installed. Where one is not, says that `suite` is left out.
pub fn has_programs(suite: &str, programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|name| program(name).is_none()).copied().collect();
    if missing.is_empty() {
        return true;
    }
    leave_out(suite, &format!("not installed: {}", missing.join(", ")));
    false
}

/// Says that `suite` is left out, and why.
#[expect(clippy::print_stderr, reason = "whoever runs a suite alone reads it there")]
pub fn leave_out(suite: &str, reason: &str) {
    eprintln!("skipped: {suite}: {reason}");
    let Some(report) = variable(REPORT) else { return };
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(report).expect("the report can be opened");
    writeln!(file, "{suite}: {reason}").expect("the report can be written");
}
