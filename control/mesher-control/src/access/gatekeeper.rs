//! The state of access control behind a lock, and the door to it.
//! It must tell the audit of every lasting change, and must hold the lock for plain computing only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesher_access::{Access, Beginnings, Secret, check_password, hash_password};
use serde_json::Value;
use tracing::info;

use super::passwords::Passwords;
use crate::audit::{Auditor, Origin};
use crate::keep::{Cause, Edit, Keep, NotKept, Receipt};
use crate::settings::AccessSettings;
use crate::{Clock, ControlError, own};

/// What the requests share of access control.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    access: Mutex<Access>,
    pub(crate) passwords: Passwords,
    clock: Clock,
    auditor: Arc<Auditor>,
    /// `None`: all is forgotten with the process.
    keep: Option<Arc<Keep>>,
}

impl Gatekeeper {
    /// Opens with the records that a store has; those of the first start are made where there are none. Hashes the
    /// password of `root` then, which takes some 20 ms.
    ///
    /// # Errors
    /// [`ControlError::RootPassword`], [`ControlError::StoredAccess`], [`ControlError::Random`]
    pub(crate) fn open(
        settings: &AccessSettings,
        stored: Vec<(String, Value)>,
        clock: Clock,
        (auditor, keep): (Arc<Auditor>, Option<Arc<Keep>>),
    ) -> Result<Self, ControlError> {
        let mut access = Access::new(fresh_secret()?);
        let is_new = stored.is_empty();
        for (key, record) in stored {
            access.restore(&key, Some(record))?;
        }
        let root_hash = match &settings.root_password {
            Some(password) if is_new => {
                check_password(mesher_access::ROOT, password)
                    .map_err(|error| ControlError::RootPassword(error.to_string()))?;
                Some(hash_password(password, random()?))
            }
            _ => None,
        };
        let beginnings = Beginnings { ids: [own::fresh_id(), own::fresh_id(), own::fresh_id()], root_hash };
        if !access.complete(beginnings, clock.now().unix) {
            return Err(ControlError::RootPassword("it is not set".to_owned()));
        }
        let gatekeeper =
            Self { access: Mutex::new(access), passwords: Passwords::default(), clock, auditor, keep };
        // What is new is handed over first of all; the store closes last.
        drop(gatekeeper.hand_over(gatekeeper.lock()));
        info!("access control is on");
        Ok(gatekeeper)
    }

    /// Runs `act`, which changes nothing that lasts, on the state at this time, which is given as time since the Unix
    /// epoch.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Access, Duration) -> T) -> T {
        act(&mut self.lock(), self.clock.now().unix)
    }

    /// Runs `act`, and waits until what it changed is kept.
    pub(crate) async fn change<T>(&self, act: impl FnOnce(&mut Access, Duration) -> T) -> Result<T, NotKept> {
        let (outcome, receipt) = {
            let mut access = self.lock();
            let outcome = act(&mut access, self.clock.now().unix);
            (outcome, self.hand_over(access))
        };
        Receipt::settle(receipt).await.map(|()| outcome)
    }

    /// Takes back edits, oldest first, that the store does not have.
    pub(crate) fn take_back(&self, edits: Vec<Edit>) {
        restore(&mut self.lock(), edits);
    }

    fn hand_over(&self, mut access: MutexGuard<'_, Access>) -> Option<Receipt> {
        let edits: Vec<_> = access.take_edits().into_iter().map(Edit::Access).collect();
        if edits.is_empty() {
            return None;
        }
        let Some(keep) = &self.keep else {
            drop(access);
            self.auditor.tell(&edits, &Origin::current());
            return None;
        };
        let cause = Cause { changes: Vec::new(), rules: Vec::new(), origin: Origin::current() };
        Some(keep.submit(edits, cause).unwrap_or_else(|edits| {
            restore(&mut access, edits);
            Receipt::refused()
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes edits back, the newest first.
fn restore(access: &mut Access, edits: Vec<Edit>) {
    for edit in edits.into_iter().rev() {
        if let Edit::Access(edit) = edit {
            // The record was here before, so it can be read.
            let _ = access.restore(&edit.key, edit.before);
        }
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const COUNT: usize>() -> Result<[u8; COUNT], ControlError> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).map_err(|error| ControlError::Random(error.to_string()))?;
    Ok(bytes)
}

fn fresh_secret() -> Result<Secret, ControlError> {
    random().map(Secret::new)
}
