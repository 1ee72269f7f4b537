//! Places for what lasts longer than a look: bounded in all, and for each account.
//! It must give a place back whatever becomes of its holder.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// No place is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Places by the account that holds them.
type Holders = HashMap<Box<str>, usize>;

/// Places that can be taken.
#[derive(Debug)]
pub(crate) struct Places {
    permits: Arc<Semaphore>,
    most: usize,
    most_of_account: usize,
    /// How many each account holds.
    holders: Arc<Mutex<Holders>>,
}

impl Places {
    /// So many in all, and so many for one account: no one token takes all of them.
    pub(crate) fn new(most: usize, most_of_account: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(most)), most, most_of_account, holders: Arc::default() }
    }

    /// How many are taken.
    pub(crate) fn count(&self) -> usize {
        self.most - self.permits.available_permits()
    }

    /// A place for this account; nobody's where access control is off.
    pub(crate) fn take(&self, account: Option<&str>) -> Result<Place, Full> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Full)?;
        if let Some(account) = account {
            let mut holders = lock(&self.holders);
            let count = holders.entry(account.into()).or_default();
            if *count >= self.most_of_account {
                return Err(Full);
            }
            *count += 1;
        }
        Ok(Place { account: account.map(Into::into), holders: Arc::clone(&self.holders), _permit: permit })
    }
}

/// One place, free again once dropped.
#[derive(Debug)]
pub(crate) struct Place {
    account: Option<Box<str>>,
    holders: Arc<Mutex<Holders>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(account) = &self.account else { return };
        let mut holders = lock(&self.holders);
        let Some(count) = holders.get_mut(account) else { return };
        *count -= 1;
        if *count == 0 {
            holders.remove(account);
        }
    }
}

fn lock(holders: &Mutex<Holders>) -> MutexGuard<'_, Holders> {
    holders.lock().unwrap_or_else(PoisonError::into_inner)
}
