//! Signals that end a command, and where its log goes.
//! It must end things cleanly: SIGINT and SIGTERM are a wish, not a failure.

use std::time::{Duration, Instant};

use mesher_proxy::bootstrap::Sources;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Signals that come this soon after the first are the same wish: some senders signal a process and its group.
const SAME_WISH: Duration = Duration::from_secs(1);
/// Exit code of a command that was told twice to end.
const ENDED_AT_ONCE: i32 = 130;

/// Ends with the first SIGINT, SIGTERM or SIGHUP after this call. A second one, later, ends the process at once: what
/// is in flight is cut off, and children end with it.
///
/// # Errors
/// The system's, when it lets us watch no signals.
pub(crate) fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    };
    Ok(async move {
        next().await;
        let first = Instant::now();
        tokio::task::spawn_local(async move {
            while first.elapsed() < SAME_WISH {
                next().await;
            }
            tracing::warn!("told a second time to end; ending at once");
            std::process::exit(ENDED_AT_ONCE);
        });
    })
}

/// Leaves the process group that a terminal's Ctrl-C reaches, where the process that started us tells us when to end.
///
/// # Errors
/// The system's.
pub(crate) fn leave_group_if(is_tied: bool) -> std::io::Result<()> {
    if is_tied { mesher_net::process::leave_terminal_group() } else { Ok(()) }
}

/// The value of a variable of the command's own, where it is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    let sources = Sources::of_process(None).ok()?;
    sources.environment.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Sends the log to standard error. `MESHER_LOG` sets what is logged: `debug`, `warn`, `mesher_proxy=debug`.
pub(crate) fn start_logging() {
    let wanted = variable("MESHER_LOG").unwrap_or_else(|| "info".to_owned());
    let parsed = wanted.parse::<Targets>();
    let is_wrong = parsed.is_err();
    let filter = parsed.unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let has_colour = is_terminal && variable("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(has_colour);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    if is_wrong {
        tracing::warn!(
            MESHER_LOG = wanted,
            "not understood; write for example debug, warn or mesher_proxy=debug. Logging info"
        );
    }
}
