//! When the snapshot is stored: soon after it has changed, and now and then to say that it still holds.
//! It must write on a thread of its own: a slow disk must hold up nothing but itself.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};

use crate::discovery::Known;
use crate::handover::Question;
use crate::status::Status;
use crate::stored::folder::Folder;
use crate::stored::format::{Owner, Written};

/// The shortest time between two generations.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often a generation that is confirmed, but did not change, is written with its new time.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(300);

/// Stores what is known, for the life of a proxy.
pub(crate) struct Keeper {
    folder: Folder,
    owner: Owner,
    status: Arc<Status>,
    questions: mpsc::Sender<Question>,
    /// Whether the current generation can be read, so that it is worth keeping as the one before.
    has_current: bool,
    /// The snapshot that was looked at last.
    seen: u64,
    /// The knowledge that was written last, when, and when it was confirmed.
    digest: Option<[u8; 20]>,
    written_at: Instant,
    confirmed_at: SystemTime,
    is_in_trouble: bool,
}

impl Keeper {
    pub(crate) fn new(
        folder: Folder,
        status: Arc<Status>,
        questions: mpsc::Sender<Question>,
        digest: Option<[u8; 20]>,
    ) -> Self {
        let owner = Owner::of(&status.bootstrap.identity);
        Self {
            folder,
            owner,
            status,
            questions,
            has_current: digest.is_some(),
            seen: 0,
            digest,
            written_at: Instant::now(),
            confirmed_at: SystemTime::UNIX_EPOCH,
            is_in_trouble: false,
        }
    }

    pub(crate) async fn keep(mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let number = self.status.snapshot_number();
            // Where no source has said yet that this is so, what is on the disk is as good.
            let Some(confirmed_at) = self.status.confirmed_at() else { continue };
            let is_due = self.written_at.elapsed() >= CONFIRM_INTERVAL && confirmed_at > self.confirmed_at;
            if number == self.seen && !is_due {
                continue;
            }
            let Some(known) = self.known().await else { return };
            match self.store(known, confirmed_at, is_due).await {
                Ok(()) => {
                    self.seen = number;
                    self.is_in_trouble = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_in_trouble, true) {
                        tracing::warn!(folder = %self.folder.path().display(), %error, "the snapshot cannot be stored; trying again");
                    }
                }
            }
        }
    }

    /// What is known of services; `None` where the proxy ends.
    async fn known(&self) -> Option<Known> {
        let (question, answer) = oneshot::channel();
        self.questions.send(question).await.ok()?;
        answer.await.ok().map(Known::services_only)
    }

    async fn store(&mut self, known: Known, confirmed_at: SystemTime, is_due: bool) -> io::Result<()> {
        // Nothing is no news: a proxy that has not been asked for anything yet must not forget what it knew.
        if known.is_empty() {
            return Ok(());
        }
        let confirmed = confirmed_at;
        let confirmed_at = confirmed_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let (folder, owner) = (self.folder.clone(), self.owner.clone());
        let (last, has_current) = (self.digest, self.has_current);
        let (told, done) = oneshot::channel();
        let work = move || {
            let written = Written::of(&known);
            let has_changed = last != Some(written.digest);
            let result = if has_changed || is_due {
                // A generation that differs in nothing but its time must not push out the one before.
                folder.write(&written.file(&owner, confirmed_at), has_current && has_changed)
            } else {
                Ok(())
            };
            // Nobody waits any more where the proxy ends.
            let _ = told.send(result.map(|()| (written.digest, has_changed || is_due)));
        };
        std::thread::Builder::new().name("mesher-store".to_owned()).spawn(work)?;
        let (digest, has_written) = done.await.map_err(io::Error::other)??;
        if has_written {
            (self.written_at, self.confirmed_at) = (Instant::now(), confirmed);
            self.has_current = true;
        }
        self.digest = Some(digest);
        Ok(())
    }
}
