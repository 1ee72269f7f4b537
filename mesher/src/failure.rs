//! How the command says that something went wrong, and with which exit code.
//! It must write to standard error only: standard output carries results.

use std::process::ExitCode;

use mesher_proxy::bootstrap::BootstrapError;

/// Bad configuration, as `sysexits.h` numbers it.
const BAD_CONFIGURATION: u8 = 78;

/// Tells what went wrong. The exit code is 78 for configuration and 1 for the rest.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    tell(&format!("mesher: {error:#}"));
    if error.downcast_ref::<BootstrapError>().is_some() {
        ExitCode::from(BAD_CONFIGURATION)
    } else {
        ExitCode::FAILURE
    }
}

/// Writes a line to standard error.
#[expect(clippy::print_stderr, reason = "messages for the person who called belong there")]
pub(crate) fn tell(line: &str) {
    eprintln!("{line}");
}

/// Writes a line of the result to standard output. A reader that went away wants no more.
pub(crate) fn answer(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
