//! Every lasting change as a value of a key before and after, for whoever keeps them.
//! It must not hold what does not last: failed tries and tokens are gone with the process.

use serde_json::Value;

/// What the key of an account begins with.
pub(crate) const ACCOUNT: &str = "access/account/";
/// What the key of a role begins with.
pub(crate) const ROLE: &str = "access/role/";
/// The key of the secret that signs tokens.
pub(crate) const SECRET: &str = "access/secret";
/// Members of a record that nobody but the store may see.
const SECRETS: [&str; 2] = ["password_hash", "secret"];

/// One lasting change. `None` stands for "not there".
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Which record: `access/account/NAME`, `access/role/NAME`, `access/secret`.
    pub key: String,
    /// The record before.
    pub before: Option<Value>,
    /// The record after.
    pub after: Option<Value>,
}

impl Edit {
    /// The same without passwords' hashes and keys, for people's eyes.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let hide = |record: &Option<Value>| {
            record.clone().map(|mut record| {
                if let Some(members) = record.as_object_mut() {
                    members.retain(|name, _| !SECRETS.contains(&name.as_str()));
                }
                record
            })
        };
        Self { key: self.key.clone(), before: hide(&self.before), after: hide(&self.after) }
    }
}

/// A stored record that cannot be read. Whoever wrote the store is to blame.
#[derive(Debug, thiserror::Error)]
#[error("the record {key} is none of access control's: {reason}")]
pub struct RestoreError {
    /// Its key.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}
