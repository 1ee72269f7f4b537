//! Signals that end a command, and where its log goes.
//! It must end things cleanly: SIGINT and SIGTERM are a wish, not a failure.

use mesher_proxy::bootstrap::Sources;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Ends with the first SIGINT, SIGTERM or SIGHUP after this call.
///
/// # Errors
/// The system's, when it lets us watch no signals.
pub(crate) fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

/// The value of a variable of the command's own, where it is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    let sources = Sources::of_process(None).ok()?;
    sources.environment.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Sends the log to standard error. `MESHER_LOG` sets what is logged: `debug`, `warn`, `mesher_proxy=debug`.
pub(crate) fn start_logging() {
    let wanted = variable("MESHER_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted).unwrap_or_else(|_| EnvFilter::new("info"));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let has_colour = is_terminal && variable("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(has_colour)
        .init();
}
