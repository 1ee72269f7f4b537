//! The old process's side: offers what it has to whoever asks at its socket, and serves on until the other does.
//! Whatever the other process does, or leaves undone, must change nothing for callers.

use std::cell::Cell;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::Instance;
use mesher_net::{Channel, ChannelError, Doorway};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::words::{Heritage, Identity, Offer, READY_TIME_MAX, VERSION, WORD_TIME_MAX, Word, hear_new, say};
use crate::discovery::Known;
use crate::status::{State, Status};

/// Conversations at a time; one more is dropped.
const CONVERSATIONS_MAX: usize = 8;
/// How long the new process is waited for: a little longer than it waits itself.
const WAIT_TIME_MAX: Duration = READY_TIME_MAX.saturating_add(Duration::from_secs(10));
/// The pause after a failure to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks what is known of the fleet.
pub(crate) type Question = oneshot::Sender<Known>;

/// What a process can hand over.
pub(crate) struct Giver {
    pub(crate) doorway: Doorway,
    pub(crate) offered: Rc<Offered>,
}

/// What is told and given to each that asks.
pub(crate) struct Offered {
    pub(crate) status: Arc<Status>,
    pub(crate) record: Instance,
    pub(crate) questions: mpsc::Sender<Question>,
    /// Each listening socket with what it is for.
    pub(crate) sockets: Vec<(String, SocketAddr, TcpListener)>,
    /// Whether somebody has the offer and has not yet given up.
    pub(crate) is_given: Cell<bool>,
}

/// The new process serves; it waits for the word that the instance is its own.
pub(crate) struct Successor(Channel);

impl Successor {
    /// Tells it.
    pub(crate) async fn yours(self) {
        if let Err(reason) = say(&self.0, &Word::Yours, None).await {
            // It serves all the same, and asks the registry itself.
            tracing::warn!(reason, "the new process did not hear the last word");
        }
    }
}

impl Giver {
    /// Answers whoever asks, until one serves in our place. Dropped, it ends all conversations.
    pub(crate) async fn give(&self) -> Successor {
        let mut conversations = JoinSet::new();
        loop {
            tokio::select! {
                asked = self.doorway.accept() => match asked {
                    Ok(channel) if conversations.len() < CONVERSATIONS_MAX => {
                        conversations.spawn_local(converse(Rc::clone(&self.offered), channel));
                    }
                    Ok(_) => tracing::warn!("too many processes ask to take over; one is turned away"),
                    Err(error @ ChannelError::Stranger { .. }) => tracing::warn!(%error, "turned away"),
                    Err(error) => {
                        tracing::warn!(%error, "cannot hear who wants to take over");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(ended) = conversations.join_next() => {
                    if let Ok(Some(successor)) = ended {
                        return successor;
                    }
                }
            }
        }
    }
}

/// One conversation; ends with a successor, or with everything as it was.
async fn converse(offered: Rc<Offered>, channel: Channel) -> Option<Successor> {
    let process = match hear_new(&channel, WORD_TIME_MAX).await {
        Ok(Word::Hello { version: VERSION, process }) => process,
        Ok(Word::Hello { version, .. }) => {
            let reason = format!(
                "it speaks version {VERSION} of the hand-over, this one version {version}; restart the proxy instead"
            );
            return turn_away(&channel, reason).await;
        }
        Ok(_) => return turn_away(&channel, "no hello came first".to_owned()).await,
        Err(reason) => {
            tracing::warn!(reason, "somebody asked to take over and did not go on");
            return None;
        }
    };
    let Some(_claim) = Claim::of(&offered) else {
        return turn_away(&channel, "another process is just taking over".to_owned()).await;
    };
    tracing::info!(process, "a new process wants to take over");
    match hand_over(&offered, &channel).await {
        Ok(()) => Some(Successor(channel)),
        Err(reason) => {
            tracing::warn!(process, reason, "the new process does not take over; going on");
            None
        }
    }
}

async fn turn_away(channel: &Channel, reason: String) -> Option<Successor> {
    tracing::warn!(reason, "a process that wants to take over is turned away");
    let _ = say(channel, &Word::Refused { version: VERSION, reason }, None).await;
    None
}

async fn hand_over(offered: &Offered, channel: &Channel) -> Result<(), String> {
    let offer = Word::Offer(Box::new(offered.offer().await?));
    say(channel, &offer, None).await?;
    for (role, address, socket) in &offered.sockets {
        let word = Word::Socket { role: role.clone(), address: *address };
        say(channel, &word, Some(socket.as_fd())).await?;
    }
    match hear_new(channel, WAIT_TIME_MAX).await? {
        Word::Ready => say(channel, &Word::Go, None).await?,
        other => return Err(format!("it said {other:?} where it should be ready")),
    }
    match hear_new(channel, WORD_TIME_MAX).await? {
        Word::Serving => Ok(()),
        other => Err(format!("it said {other:?} where it should serve")),
    }
}

impl Offered {
    async fn offer(&self) -> Result<Offer, String> {
        let (question, answer) = oneshot::channel();
        let gone = |_| "the fleet is not known".to_owned();
        self.questions.send(question).await.map_err(|_| gone(()))?;
        let known = answer.await.map_err(|_| gone(()))?;
        let status = &self.status;
        let heritage = Heritage {
            instance_id: status.instance_id.clone(),
            service_id: status.service_id(),
            is_ready: status.state() == State::Ready,
            record: self.record.clone(),
            known,
            confirmed_at: status.confirmed_at(),
        };
        Ok(Offer {
            identity: Identity::of(&status.bootstrap.identity),
            heritage,
            sockets: self.sockets.len(),
        })
    }
}

/// The one right to take over, given back when its holder gives up.
struct Claim<'o>(&'o Offered);

impl<'o> Claim<'o> {
    fn of(offered: &'o Offered) -> Option<Self> {
        (!offered.is_given.replace(true)).then_some(Self(offered))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.is_given.set(false);
    }
}
