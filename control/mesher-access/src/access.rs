//! The state of access control: accounts, roles, the secret of the tokens, failed tries.
//! It must collect every lasting change, and must look everything up anew with each request: nothing that was taken
//! away lives on in a token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::account::Account;
use crate::edit::{self, Edit, RestoreError};
use crate::grants::{self, Grant, Verb};
use crate::lockout::{Lock, Lockout};
use crate::role::{self, Permission, Role};
use crate::token::{Secret, Signer};
use crate::{ADMIN, AccessError, DEVELOPER, ROOT};

/// What is made where it is not there yet, at the first start.
#[derive(Debug)]
pub struct Beginnings {
    /// Ids for two roles and an account, 32 hexadecimal digits each.
    pub ids: [String; 3],
    /// The hash of the password of [`ROOT`]; `None` where the account must be there already.
    pub root_hash: Option<String>,
}

/// Who sends a request, known by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name of the account.
    pub name: String,
    id: String,
    generation: u64,
    ends_at: u64,
}

/// The state.
#[derive(Debug)]
pub struct Access {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) lockout: Lockout,
    signer: Signer,
    /// The secret that no store has yet.
    fresh: Option<Secret>,
    edits: Vec<Edit>,
}

impl Access {
    /// Nothing yet but a secret, for where [`Self::restore`] brings none. [`Self::complete`] makes it usable.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self {
            accounts: BTreeMap::new(),
            roles: BTreeMap::new(),
            lockout: Lockout::default(),
            signer: Signer::new(&secret),
            fresh: Some(secret),
            edits: Vec::new(),
        }
    }

    /// Takes a record as it was stored, or takes one away. Also undoes an [`Edit`]: with its key and what was before.
    /// Collects no edit.
    ///
    /// # Errors
    /// [`RestoreError`] where the key or the record is none of access control's.
    pub fn restore(&mut self, key: &str, record: Option<Value>) -> Result<(), RestoreError> {
        if let Some(name) = key.strip_prefix(edit::ACCOUNT) {
            put(&mut self.accounts, name, key, record)
        } else if let Some(name) = key.strip_prefix(edit::ROLE) {
            put(&mut self.roles, name, key, record)
        } else if key == edit::SECRET {
            // There is always one: what is taken away was never used.
            let Some(record) = record else { return Ok(()) };
            let text = record.get("secret").and_then(Value::as_str);
            let secret = text.and_then(Secret::of_text).ok_or_else(|| RestoreError {
                key: key.to_owned(),
                reason: "no 128 hexadecimal digits".to_owned(),
            })?;
            self.signer = Signer::new(&secret);
            self.fresh = None;
            Ok(())
        } else {
            Err(RestoreError { key: key.to_owned(), reason: "no such kind of record".to_owned() })
        }
    }

    /// Makes what no store had: the secret, both built-in roles, the account [`ROOT`]. Says whether that account is
    /// there.
    pub fn complete(&mut self, beginnings: Beginnings, now: Duration) -> bool {
        if let Some(secret) = self.fresh.take() {
            let after = Some(json!({"secret": secret.to_text()}));
            self.edits.push(Edit { key: edit::SECRET.to_owned(), before: None, after });
        }
        let seconds = now.as_secs();
        let [admin, developer, root] = beginnings.ids;
        for (name, kinds, id) in
            [(ADMIN, role::kinds_of_all(), admin), (DEVELOPER, role::kinds_of_developers(), developer)]
        {
            if !self.roles.contains_key(name) {
                self.put_role(name, Some(Role::built_in(name, &kinds, id, &seconds.to_string())));
            }
        }
        if let (false, Some(password_hash)) = (self.accounts.contains_key(ROOT), beginnings.root_hash) {
            let account = Account {
                id: root,
                name: ROOT.to_owned(),
                roles: vec![ADMIN.to_owned()],
                status: "active".to_owned(),
                password_hash,
                created: seconds,
                updated: seconds,
                generation: 1,
            };
            self.put_account(ROOT, Some(account));
        }
        self.accounts.contains_key(ROOT)
    }

    /// The lasting changes since the last call, in their order.
    #[must_use]
    pub fn take_edits(&mut self) -> Vec<Edit> {
        std::mem::take(&mut self.edits)
    }

    /// Who the token of a request is of.
    ///
    /// # Errors
    /// Those with a number of 401…: the token is none of ours, its time is over, its account is gone or is another now.
    pub fn recognise(&self, token: &str, now: Duration) -> Result<Caller, AccessError> {
        let claims = self.signer.read(token)?;
        let caller = Caller {
            name: claims.account,
            id: claims.sub,
            generation: claims.generation,
            ends_at: claims.exp,
        };
        self.check(&caller, now).map(|()| caller)
    }

    /// Whether a caller who was recognised earlier is still one: for what lasts longer than a request.
    ///
    /// # Errors
    /// As [`Self::recognise`].
    pub fn check(&self, caller: &Caller, now: Duration) -> Result<(), AccessError> {
        if now.as_secs() >= caller.ends_at {
            return Err(AccessError::Expired);
        }
        let account = self.accounts.get(&caller.name).filter(|account| account.id == caller.id);
        let account = account.ok_or_else(|| AccessError::AccountDeleted(caller.name.clone()))?;
        if account.generation != caller.generation || !account.is_active() {
            let reason = "the account has changed since the token was given out; log in again";
            return Err(AccessError::Unauthorized(reason.to_owned()));
        }
        Ok(())
    }

    /// How far the roles of a caller let it do `verb` on resources of `kind`.
    ///
    /// # Errors
    /// [`AccessError::NoPermission`]
    pub fn grant(&self, caller: &Caller, kind: &str, verb: Verb) -> Result<Grant, AccessError> {
        grants::decide(self.roles_of(&caller.name), kind, verb)
    }

    /// Everything that a caller may do.
    #[must_use]
    pub fn permissions(&self, caller: &Caller) -> Vec<Permission> {
        self.roles_of(&caller.name).flat_map(|role| role.perms.clone()).collect()
    }

    /// Failed tries that are remembered.
    #[must_use]
    pub fn locks(&self, now: Duration) -> Vec<Lock> {
        self.lockout.locks(now)
    }

    /// Whether no try is taken for an account from an address.
    #[must_use]
    pub fn is_blocked(&self, name: &str, from: IpAddr, now: Duration) -> bool {
        self.lockout.is_blocked(name, from, now)
    }

    pub(crate) const fn signer(&self) -> &Signer {
        &self.signer
    }

    fn roles_of(&self, account: &str) -> impl Iterator<Item = &Role> {
        let names = self.accounts.get(account).map(|account| account.roles.as_slice()).unwrap_or_default();
        names.iter().filter_map(|name| self.roles.get(name))
    }

    pub(crate) fn put_account(&mut self, name: &str, after: Option<Account>) {
        let key = format!("{}{name}", edit::ACCOUNT);
        self.edits.push(change(&mut self.accounts, key, name, after));
    }

    pub(crate) fn put_role(&mut self, name: &str, after: Option<Role>) {
        let key = format!("{}{name}", edit::ROLE);
        self.edits.push(change(&mut self.roles, key, name, after));
    }
}

fn change<T: Serialize + Clone>(
    records: &mut BTreeMap<String, T>,
    key: String,
    name: &str,
    after: Option<T>,
) -> Edit {
    let stored = after.as_ref().map(to_value);
    let before = match after {
        Some(record) => records.insert(name.to_owned(), record),
        None => records.remove(name),
    };
    Edit { key, before: before.as_ref().map(to_value), after: stored }
}

fn to_value<T: Serialize>(record: &T) -> Value {
    serde_json::to_value(record).expect("records are texts, numbers and lists of them")
}

fn put<T: DeserializeOwned>(
    records: &mut BTreeMap<String, T>,
    name: &str,
    key: &str,
    record: Option<Value>,
) -> Result<(), RestoreError> {
    let Some(record) = record else {
        records.remove(name);
        return Ok(());
    };
    let fails = |error: serde_json::Error| RestoreError { key: key.to_owned(), reason: error.to_string() };
    records.insert(name.to_owned(), serde_json::from_value(record).map_err(fails)?);
    Ok(())
}
