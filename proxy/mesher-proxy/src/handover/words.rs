//! The messages of a hand-over. Both sides are releases of this program, not always the same.
//! `Hello` and `Refused` must stay readable for every release: by them two that do not fit find out.

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

use mesher_model::Instance;
use mesher_net::Channel;
use serde::{Deserialize, Serialize};

use crate::bootstrap;
use crate::discovery::Known;

/// The version of these messages. A change that an older release would misread raises it.
pub(super) const VERSION: u32 = 1;
/// How long either side may take for a message that costs it nothing.
pub(super) const WORD_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a new process may take until it is ready.
pub(super) const READY_TIME_MAX: Duration = Duration::from_secs(30);
/// A message to the old process.
const SMALL_BYTES_MAX: usize = 64 * 1024;
/// A message to the new process: all that is known of the fleet.
const LARGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What is said.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Word {
    /// The new process asks.
    Hello { version: u32, process: u32 },
    /// The old one will not.
    Refused { version: u32, reason: String },
    /// What is handed over, but for the sockets.
    Offer(Box<Offer>),
    /// A listening socket; its descriptor comes with this message.
    Socket { role: String, address: SocketAddr },
    /// The new process could serve at once.
    Ready,
    /// It may.
    Go,
    /// It does.
    Serving,
    /// The instance is the new process's from now on.
    Yours,
}

/// What is handed over.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) identity: Identity,
    pub(super) heritage: Heritage,
    /// Sockets that follow.
    pub(super) sockets: usize,
}

/// Whose proxy it is. Both sides must be the same service's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    domain: String,
    project: String,
    app: String,
    service: String,
    version: String,
    environment: String,
}

impl Identity {
    pub(crate) fn of(own: &bootstrap::Identity) -> Self {
        Self {
            domain: own.domain.clone(),
            project: own.project.clone(),
            app: own.app.clone(),
            service: own.service.clone(),
            version: own.version.clone(),
            environment: own.environment.clone(),
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { domain, project, app, service, version, environment } = self;
        write!(formatter, "{service} {version} of application {app}")?;
        for (name, value) in [("environment", environment), ("domain", domain), ("project", project)] {
            if !value.is_empty() && value != mesher_model::DEFAULT {
                write!(formatter, ", {name} {value}")?;
            }
        }
        Ok(())
    }
}

/// What the new process goes on with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Heritage {
    pub(crate) instance_id: String,
    /// Empty where the registry has not told it yet.
    pub(crate) service_id: String,
    /// Whether the instance can be found.
    pub(crate) is_ready: bool,
    /// The instance as it was registered.
    pub(crate) record: Instance,
    pub(crate) known: Known,
    /// When the registry last confirmed it.
    #[serde(default)]
    pub(crate) confirmed_at: Option<SystemTime>,
}

/// Says `word`, within the time that a message may take.
pub(super) async fn say(
    channel: &Channel,
    word: &Word,
    socket: Option<BorrowedFd<'_>>,
) -> Result<(), String> {
    let bytes = serde_json::to_vec(word).map_err(|error| error.to_string())?;
    match tokio::time::timeout(WORD_TIME_MAX, channel.send(&bytes, socket)).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it took no message for {} s", WORD_TIME_MAX.as_secs())),
    }
}

/// Waits for the next word of the old process.
pub(super) async fn hear_old(channel: &Channel) -> Result<(Word, Option<OwnedFd>), String> {
    hear(channel, LARGE_BYTES_MAX, WORD_TIME_MAX).await
}

/// Waits for the next word of the new process.
pub(super) async fn hear_new(channel: &Channel, limit: Duration) -> Result<Word, String> {
    hear(channel, SMALL_BYTES_MAX, limit).await.map(|(word, _)| word)
}

async fn hear(
    channel: &Channel,
    bytes_max: usize,
    limit: Duration,
) -> Result<(Word, Option<OwnedFd>), String> {
    match tokio::time::timeout(limit, channel.receive(bytes_max)).await {
        Ok(Ok((bytes, socket))) => match serde_json::from_slice(&bytes) {
            Ok(word) => Ok((word, socket)),
            Err(error) => Err(format!("it said what is no word of version {VERSION}: {error}")),
        },
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err("it went away".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it said nothing for {} s", limit.as_secs())),
    }
}
