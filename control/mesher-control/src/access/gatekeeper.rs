//! The state of access control behind a lock, and the door to it.
//! It must tell the audit of every lasting change, and must hold the lock for plain computing only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesher_access::{Access, Beginnings, Edit, Secret, check_password, hash_password};
use serde_json::Value;
use tracing::info;

use super::passwords::Passwords;
use crate::audit::{Auditor, Origin, Record};
use crate::settings::AccessSettings;
use crate::{Clock, ControlError, own};

/// What the requests share of access control.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    access: Mutex<Access>,
    pub(crate) passwords: Passwords,
    clock: Clock,
    auditor: Arc<Auditor>,
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
        auditor: Arc<Auditor>,
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
        let beginnings = Beginnings {
            secret: fresh_secret()?,
            ids: [own::fresh_id(), own::fresh_id(), own::fresh_id()],
            root_hash,
        };
        if !access.complete(beginnings, !is_new, clock.now().unix) {
            return Err(ControlError::RootPassword("it is not set".to_owned()));
        }
        let keeper = Self { access: Mutex::new(access), passwords: Passwords::default(), clock, auditor };
        keeper.with(|_, _| ());
        info!("access control is on");
        Ok(keeper)
    }

    /// Runs `act` on the state at this time, which is given as time since the Unix epoch.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Access, Duration) -> T) -> T {
        let now = self.clock.now().unix;
        let (outcome, edits) = {
            let mut access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
            (act(&mut access, now), access.take_edits())
        };
        self.tell(&edits);
        outcome
    }

    fn tell(&self, edits: &[Edit]) {
        for edit in edits {
            self.auditor.take(&Record::of_edit(edit, Origin::current()));
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
