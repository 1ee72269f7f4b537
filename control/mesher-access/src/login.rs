//! One try to log in or to prove a password: begun, verified elsewhere at some cost, finished.
//! It must take the same time and give the same answer for an unknown name as for a wrong password.

use std::net::IpAddr;
use std::time::Duration;

use crate::password::{self, NOBODYS};
use crate::token::{Claims, Lifetime, end};
use crate::{Access, AccessError};

/// A try that waits to be verified.
pub struct Challenge {
    name: String,
    from: IpAddr,
    /// Id and generation of the account; none where there is no such account.
    account: Option<(String, u64)>,
    hash: String,
}

impl std::fmt::Debug for Challenge {
    /// Without the hash.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Challenge").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Challenge {
    /// Compares the password. Takes some 20 ms and 19 MiB: not for a thread that serves.
    #[must_use]
    pub fn is_met_by(&self, password: &str) -> bool {
        password::is_right(password, &self.hash) && self.account.is_some()
    }

    /// The id of the account that was asked about.
    #[must_use]
    pub fn account_id(&self) -> Option<&str> {
        self.account.as_ref().map(|(id, _)| id.as_str())
    }
}

impl Access {
    /// Begins a try.
    ///
    /// # Errors
    /// [`AccessError::Blocked`]
    pub fn challenge(&self, name: &str, from: IpAddr, now: Duration) -> Result<Challenge, AccessError> {
        if self.lockout.is_blocked(name, from, now) {
            return Err(AccessError::Blocked);
        }
        let account = self.accounts.get(name).filter(|account| account.is_active());
        Ok(Challenge {
            name: name.to_owned(),
            from,
            account: account.map(|account| (account.id.clone(), account.generation)),
            hash: account.map_or_else(|| NOBODYS.to_owned(), |account| account.password_hash.clone()),
        })
    }

    /// Ends a try. Whoever fails is counted, and tries that were begun before the last allowed failure do not count
    /// for more.
    ///
    /// # Errors
    /// [`AccessError::Blocked`], or `wrong` where the password was.
    pub fn settle(
        &mut self,
        challenge: &Challenge,
        is_right: bool,
        wrong: AccessError,
        now: Duration,
    ) -> Result<(), AccessError> {
        if self.lockout.is_blocked(&challenge.name, challenge.from, now) {
            return Err(AccessError::Blocked);
        }
        if is_right {
            return Ok(());
        }
        self.lockout.fail(&challenge.name, challenge.from, now);
        Err(wrong)
    }

    /// Ends a try to log in.
    ///
    /// # Errors
    /// [`AccessError::Blocked`], [`AccessError::WrongNameOrPassword`]; the second also where the account has changed
    /// since the try began.
    pub fn log_in(
        &mut self,
        challenge: &Challenge,
        is_right: bool,
        lifetime: Lifetime,
        now: Duration,
    ) -> Result<String, AccessError> {
        self.settle(challenge, is_right, AccessError::WrongNameOrPassword, now)?;
        let account = self.accounts.get(&challenge.name).filter(|account| {
            let now = (account.id.as_str(), account.generation);
            challenge.account.as_ref().is_some_and(|(id, generation)| (id.as_str(), *generation) == now)
        });
        let account = account.ok_or(AccessError::WrongNameOrPassword)?;
        Ok(self.signer().sign(&Claims {
            account: account.name.clone(),
            roles: account.roles.clone(),
            sub: account.id.clone(),
            generation: account.generation,
            exp: end(now, lifetime),
        }))
    }
}
