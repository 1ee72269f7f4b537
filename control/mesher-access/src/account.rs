//! An account: a name, a password's hash, roles.
//! It must not leave with its hash: what a caller sees is the view.

use serde::{Deserialize, Serialize};

use crate::AccessError;

/// Most characters of a name. The original's value.
pub(crate) const NAME_CHARACTERS_MAX: usize = 64;
/// Most roles of one account. The original's value.
const ROLES_MAX: usize = 5;
/// The words for an account that may log in, and for one that may not.
const STATUSES: [&str; 2] = ["active", "inactive"];
/// The rule of a name as the original words it.
const NAME_RULE: &str = r"{Min: 1, Max: 64, Regexp: ^[a-zA-Z0-9]*$|^[a-zA-Z0-9][a-zA-Z0-9_\-.]*[a-zA-Z0-9]$}";

/// An account as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// 32 hexadecimal digits; a name that is given anew gets another.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Names of its roles, 1 to 5.
    pub roles: Vec<String>,
    /// `active` or `inactive`.
    pub status: String,
    /// The password's hash with its salt and cost, in PHC form.
    pub password_hash: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970.
    pub updated: u64,
    /// Grows with each change that ends the tokens given out before.
    pub generation: u64,
}

/// An account as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// As [`Account::id`].
    pub id: String,
    /// As [`Account::name`].
    pub name: String,
    /// As [`Account::roles`].
    pub roles: Vec<String>,
    /// As [`Account::status`].
    pub status: String,
    /// Seconds since 1970, as text.
    pub create_time: String,
    /// Seconds since 1970, as text.
    pub update_time: String,
}

/// An account as a caller sends it. Members that are not named here change nothing.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewAccount {
    /// Its name.
    pub name: String,
    /// Its password in clear.
    pub password: String,
    /// Names of its roles.
    pub roles: Vec<String>,
    /// `active`, `inactive`, or empty for active.
    pub status: String,
}

impl std::fmt::Debug for NewAccount {
    /// Without the password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NewAccount").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Account {
    /// Whether it may log in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == STATUSES[0]
    }

    /// What callers see of it.
    #[must_use]
    pub fn view(&self) -> AccountView {
        AccountView {
            id: self.id.clone(),
            name: self.name.clone(),
            roles: self.roles.clone(),
            status: self.status.clone(),
            create_time: self.created.to_string(),
            update_time: self.updated.to_string(),
        }
    }
}

impl NewAccount {
    /// Checks all but the password.
    pub(crate) fn check(&self) -> Result<(), AccessError> {
        check_name("Account.Name", &self.name)?;
        check_roles(&self.roles)?;
        check_status(&self.status).map(drop)
    }
}

/// A name begins and ends with a letter or digit.
pub(crate) fn check_name(field: &str, name: &str) -> Result<(), AccessError> {
    let ends_well = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_name = name.len() <= NAME_CHARACTERS_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && ends_well(name.bytes().next())
        && ends_well(name.bytes().next_back());
    if is_name {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
    Err(AccessError::Invalid(format!(
        "field '{field}' invalid value '{shown}' does not match rule: {NAME_RULE}"
    )))
}

pub(crate) fn check_roles(roles: &[String]) -> Result<(), AccessError> {
    if roles.is_empty() || roles.len() > ROLES_MAX {
        let rule = format!("{{Min: 1, Max: {ROLES_MAX}}}");
        return Err(AccessError::Invalid(format!("field 'Account.Roles' does not match rule: {rule}")));
    }
    roles.iter().try_for_each(|role| check_name("Account.Roles", role))
}

/// The status that a word stands for.
pub(crate) fn check_status(status: &str) -> Result<&'static str, AccessError> {
    if status.is_empty() {
        return Ok(STATUSES[0]);
    }
    STATUSES.into_iter().find(|known| *known == status).ok_or_else(|| {
        AccessError::Invalid("field 'Account.Status' does not match rule: active or inactive".to_owned())
    })
}
