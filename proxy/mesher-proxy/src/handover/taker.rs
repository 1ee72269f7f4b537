//! The new process's side: asks for what the old one has, gets ready, and takes over.
//! It must take no connection before the old process has let it go, and must say clearly why it gives up.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use mesher_net::{Channel, ChannelError, listener};

use super::stock::Stock;
use super::words::{Heritage, Identity, Offer, READY_TIME_MAX, VERSION, Word, hear_old, say};

/// Most sockets that one proxy can have.
const SOCKETS_MAX: usize = 65_536;

/// Why the place of the process at the socket of `MESHER_HANDOVER` cannot be taken. That process goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandoverError {
    /// The socket cannot be used.
    #[error("{0}")]
    Channel(#[from] ChannelError),
    /// The old process does not do as agreed.
    #[error("the process that answers there does not hand over: {0}; it goes on serving, this one ends")]
    Broken(String),
    /// The old process refuses.
    #[error("the process that answers there will not hand over: {0}; it goes on serving, this one ends")]
    Refused(String),
    /// It is another service's.
    #[error(
        "the proxy that answers there is of {theirs}, this one of {own}; a hand-over keeps service and version: stop that proxy, or name another path"
    )]
    OtherService {
        /// Whose the old one is.
        theirs: String,
        /// Whose the new one is.
        own: String,
    },
    /// This process cannot serve as the old one does.
    #[error("not ready within {} s: the application does not accept connections; the old process goes on serving, this one ends", READY_TIME_MAX.as_secs())]
    NotReady,
}

/// What the old process has handed over, while it still serves.
#[derive(Debug)]
pub(crate) struct Taken {
    channel: Option<UnixStream>,
    path: PathBuf,
    pub(crate) heritage: Heritage,
}

/// Asks the process at `path`; `None` where there is none. Its sockets are put into `stock`.
pub(crate) async fn ask(
    path: &Path,
    own: &Identity,
    stock: &mut Stock,
) -> Result<Option<Taken>, HandoverError> {
    let Some(channel) = Channel::connect(path).await? else { return Ok(None) };
    let broken = HandoverError::Broken;
    let hello = Word::Hello { version: VERSION, process: std::process::id() };
    say(&channel, &hello, None).await.map_err(broken)?;
    let Offer { identity, heritage, sockets } = match hear_old(&channel).await.map_err(broken)? {
        (Word::Offer(offer), _) => *offer,
        (Word::Refused { reason, .. }, _) => return Err(HandoverError::Refused(reason)),
        (other, _) => return Err(broken(format!("it said {other:?} where an offer was due"))),
    };
    if identity != *own {
        return Err(HandoverError::OtherService { theirs: identity.to_string(), own: own.to_string() });
    }
    for _ in 0..sockets.min(SOCKETS_MAX) {
        match hear_old(&channel).await.map_err(broken)? {
            (Word::Socket { role, .. }, Some(descriptor)) => {
                let adopted =
                    listener::adopt(descriptor).and_then(|socket| Ok((socket.local_addr()?, socket)));
                let (address, socket) =
                    adopted.map_err(|error| broken(format!("its socket for {role}: {error}")))?;
                stock.add_handed(role, socket, address);
            }
            (other, _) => return Err(broken(format!("it said {other:?} where a socket was due"))),
        }
    }
    tracing::info!(path = %path.display(), instance = heritage.instance_id, sockets, "taking the place of a running proxy");
    let channel = channel.pause().map_err(|error| broken(error.to_string()))?;
    Ok(Some(Taken { channel: Some(channel), path: path.to_owned(), heritage }))
}

impl Taken {
    /// Waits until `ready`, which the old process need not have been, and until the old one lets go.
    pub(crate) async fn become_ready(
        &mut self,
        ready: impl Future<Output = ()>,
    ) -> Result<Leave, HandoverError> {
        let broken = HandoverError::Broken;
        let stream = self.channel.take().ok_or_else(|| broken("it was asked before".to_owned()))?;
        let channel = Channel::resume(stream).map_err(|error| broken(error.to_string()))?;
        if self.heritage.is_ready {
            tokio::time::timeout(READY_TIME_MAX, ready).await.map_err(|_| HandoverError::NotReady)?;
        }
        say(&channel, &Word::Ready, None).await.map_err(broken)?;
        match hear_old(&channel).await.map_err(broken)? {
            (Word::Go, _) => Ok(Leave { channel, path: self.path.clone() }),
            (Word::Refused { reason, .. }, _) => Err(HandoverError::Refused(reason)),
            (other, _) => Err(broken(format!("it said {other:?} where leave was due"))),
        }
    }
}

/// The old process's leave to serve.
#[derive(Debug)]
pub(crate) struct Leave {
    channel: Channel,
    path: PathBuf,
}

impl Leave {
    /// Says that this process serves, and waits until the instance is its own. An old process that is gone by now
    /// leaves everything to this one.
    ///
    /// # Errors
    /// The old process has stopped waiting and goes on.
    pub(crate) async fn serving(self) -> Result<(), HandoverError> {
        let heard = match say(&self.channel, &Word::Serving, None).await {
            Ok(()) => hear_old(&self.channel).await.map(|(word, _)| word),
            Err(reason) => Err(reason),
        };
        match heard {
            Ok(Word::Yours) => Ok(()),
            Ok(other) => Err(HandoverError::Broken(format!("it said {other:?} at the end"))),
            Err(reason) if matches!(Channel::connect(&self.path).await, Ok(Some(_))) => {
                Err(HandoverError::Broken(reason))
            }
            Err(reason) => {
                tracing::warn!(reason, "the old process ended before all was handed over");
                Ok(())
            }
        }
    }
}
