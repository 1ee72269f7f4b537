//! The changes of accounts and roles.
//! It must keep what the mesh cannot do without: the built-in account and roles; and nobody may raise himself.

use std::time::Duration;

use crate::account::{self, Account, AccountView, NewAccount};
use crate::role::{NewRole, Role};
use crate::{ADMIN, Access, AccessError, Caller, DEVELOPER, ROOT};

/// Most accounts. The original's quota.
const ACCOUNTS_MAX: usize = 1_000;
/// Most roles. The original's quota.
const ROLES_MAX: usize = 100;

impl Access {
    /// All accounts, by name.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountView> {
        self.accounts.values().map(Account::view).collect()
    }

    /// One account.
    ///
    /// # Errors
    /// [`AccessError::AccountMissing`]
    pub fn account(&self, name: &str) -> Result<AccountView, AccessError> {
        self.known_account(name).map(Account::view)
    }

    /// Whether an account can be made, before its password is hashed at some cost.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_new_account(&self, caller: &Caller, new: &NewAccount) -> Result<(), AccessError> {
        new.check()?;
        crate::password::check(&new.name, &new.password)?;
        if self.accounts.contains_key(&new.name) {
            return Err(AccessError::AccountExists);
        }
        if self.accounts.len() >= ACCOUNTS_MAX {
            return Err(AccessError::TooManyAccounts);
        }
        self.check_roles(caller, &new.roles)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// As [`Self::check_new_account`].
    pub fn create_account(
        &mut self,
        caller: &Caller,
        new: &NewAccount,
        password_hash: String,
        id: String,
        now: Duration,
    ) -> Result<(), AccessError> {
        self.check_new_account(caller, new)?;
        let account = Account {
            id,
            name: new.name.clone(),
            roles: new.roles.clone(),
            status: account::check_status(&new.status)?.to_owned(),
            password_hash,
            created: now.as_secs(),
            updated: now.as_secs(),
            generation: 1,
        };
        self.put_account(&new.name, Some(account));
        Ok(())
    }

    /// Gives an account other roles, another status, or both; what is empty stays. Ends its tokens.
    ///
    /// # Errors
    /// What is wrong with the change.
    pub fn update_account(
        &mut self,
        caller: &Caller,
        name: &str,
        new: &NewAccount,
        now: Duration,
    ) -> Result<(), AccessError> {
        check_not_built_in(name)?;
        let mut account = self.known_account(name)?.clone();
        check_not_own(caller, name)?;
        if !new.roles.is_empty() {
            account::check_roles(&new.roles)?;
            self.check_roles(caller, &new.roles)?;
            account.roles.clone_from(&new.roles);
        }
        if !new.status.is_empty() {
            account.status = account::check_status(&new.status)?.to_owned();
        }
        account.updated = now.as_secs();
        account.generation += 1;
        self.put_account(name, Some(account));
        Ok(())
    }

    /// Takes an account away. Ends its tokens.
    ///
    /// # Errors
    /// What stands against it.
    pub fn remove_account(&mut self, caller: &Caller, name: &str) -> Result<(), AccessError> {
        check_not_built_in(name)?;
        self.known_account(name)?;
        check_not_own(caller, name)?;
        self.put_account(name, None);
        Ok(())
    }

    /// Sets a password that was hashed. Ends the account's tokens.
    ///
    /// # Errors
    /// [`AccessError::AccountMissing`] where the account went away while its password was hashed.
    pub fn set_password(
        &mut self,
        name: &str,
        id: &str,
        hash: String,
        now: Duration,
    ) -> Result<(), AccessError> {
        let account = self.known_account(name).ok().filter(|account| account.id == id);
        let mut account = account.ok_or_else(|| AccessError::AccountMissing(name.to_owned()))?.clone();
        account.password_hash = hash;
        account.updated = now.as_secs();
        account.generation += 1;
        self.put_account(name, Some(account));
        Ok(())
    }

    /// All roles, by name.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        self.roles.values().cloned().collect()
    }

    /// One role.
    ///
    /// # Errors
    /// [`AccessError::RoleMissing`]
    pub fn role(&self, name: &str) -> Result<Role, AccessError> {
        self.known_role(name).cloned()
    }

    /// Makes a role.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn create_role(&mut self, new: NewRole, id: String, now: Duration) -> Result<(), AccessError> {
        new.check()?;
        if self.roles.contains_key(&new.name) {
            return Err(AccessError::RoleExists);
        }
        if self.roles.len() >= ROLES_MAX {
            return Err(AccessError::TooManyRoles);
        }
        let time = now.as_secs().to_string();
        let role = Role {
            id,
            name: new.name.clone(),
            perms: new.perms,
            create_time: time.clone(),
            update_time: time,
        };
        self.put_role(&new.name, Some(role));
        Ok(())
    }

    /// Replaces what a role allows; at once for everybody who has it.
    ///
    /// # Errors
    /// What is wrong with the change.
    pub fn update_role(&mut self, name: &str, new: NewRole, now: Duration) -> Result<(), AccessError> {
        check_not_built_in_role(name)?;
        let role = self.known_role(name)?.clone();
        let new = NewRole { name: name.to_owned(), ..new };
        new.check()?;
        let role = Role { perms: new.perms, update_time: now.as_secs().to_string(), ..role };
        self.put_role(name, Some(role));
        Ok(())
    }

    /// Takes a role away that nobody has.
    ///
    /// # Errors
    /// What stands against it.
    pub fn remove_role(&mut self, name: &str) -> Result<(), AccessError> {
        check_not_built_in_role(name)?;
        self.known_role(name)?;
        if self.accounts.values().any(|account| account.roles.iter().any(|role| role == name)) {
            return Err(AccessError::RoleInUse);
        }
        self.put_role(name, None);
        Ok(())
    }

    /// Whether a caller has the role that may do everything.
    #[must_use]
    pub fn is_admin(&self, caller: &Caller) -> bool {
        let account = self.accounts.get(&caller.name);
        account.is_some_and(|account| account.roles.iter().any(|role| role == ADMIN))
    }

    fn known_role(&self, name: &str) -> Result<&Role, AccessError> {
        self.roles.get(name).ok_or(AccessError::RoleMissing)
    }

    pub(crate) fn known_account(&self, name: &str) -> Result<&Account, AccessError> {
        self.accounts.get(name).ok_or_else(|| AccessError::AccountMissing(name.to_owned()))
    }

    /// The roles exist, and the caller may give them: a permission to change accounts is none to do everything.
    fn check_roles(&self, caller: &Caller, roles: &[String]) -> Result<(), AccessError> {
        if !roles.iter().all(|role| self.roles.contains_key(role)) {
            return Err(AccessError::UnknownRole);
        }
        if roles.iter().any(|role| role == ADMIN) && !self.is_admin(caller) {
            let reason = format!("only an account that has the role {ADMIN} can give it");
            return Err(AccessError::NoPermission(reason));
        }
        Ok(())
    }
}

fn check_not_built_in(name: &str) -> Result<(), AccessError> {
    if name == ROOT { Err(AccessError::BuiltInAccount(name.to_owned())) } else { Ok(()) }
}

fn check_not_built_in_role(name: &str) -> Result<(), AccessError> {
    if [ADMIN, DEVELOPER].contains(&name) { Err(AccessError::BuiltInRole) } else { Ok(()) }
}

fn check_not_own(caller: &Caller, name: &str) -> Result<(), AccessError> {
    if caller.name == name { Err(AccessError::OwnAccount) } else { Ok(()) }
}
