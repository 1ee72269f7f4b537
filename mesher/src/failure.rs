//! How the command says that something went wrong, and with which exit code.
//! It must write to standard error only: standard output carries results.

use std::process::ExitCode;

use mesher_proxy::ProxyError;
use mesher_proxy::bootstrap::BootstrapError;

/// Bad configuration, as `sysexits.h` numbers it.
const BAD_CONFIGURATION: u8 = 78;

/// A setting that cannot be: wrong, or of a feature that is not there.
#[derive(Debug)]
pub(crate) struct Misconfigured(pub(crate) String);

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Misconfigured {}

/// Tells what went wrong. The exit code is 78 for configuration and 1 for the rest.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    tell(&format!("mesher: {}", sentence(error)));
    let of_proxy = error.downcast_ref();
    let is_configuration = error.is::<BootstrapError>()
        || error.is::<Misconfigured>()
        || matches!(of_proxy, Some(ProxyError::State(_) | ProxyError::Services(_)));
    if is_configuration { ExitCode::from(BAD_CONFIGURATION) } else { ExitCode::FAILURE }
}

/// All that is known of an error, outermost first. Some errors name their cause themselves: that is said once.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
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
