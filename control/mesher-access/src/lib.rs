//! Access control as values in and values out: accounts, roles, permissions, tokens, lock-out.
//! It must not know HTTP, read a clock, draw a random number or touch a file: all that comes in.
//!
//! | file | holds |
//! |---|---|
//! | `access` | the state, and what may be done to it |
//! | `administration` | the changes of accounts and roles |
//! | `account`, `role` | the records, and what a caller may send of them |
//! | `grants` | what the roles of an account let it do |
//! | `login` | one try to log in, from the name to the token |
//! | `lockout` | failed tries, by account and address |
//! | `password` | the rules of a good one, hashes |
//! | `token` | what is signed, with which key, for how long |
//! | `edit` | every lasting change, for a journal |

mod access;
mod account;
mod administration;
mod edit;
mod error;
mod grants;
mod lockout;
mod login;
mod password;
mod role;
mod token;

pub use access::{Access, Beginnings, Caller};
pub use account::{Account, AccountView, NewAccount};
pub use edit::{Edit, RestoreError};
pub use error::AccessError;
pub use grants::{Grant, Labels, Scope, Verb};
pub use lockout::{Lock, LockStatus};
pub use login::Challenge;
pub use password::{Salt, check as check_password, hash as hash_password};
pub use role::{NewRole, Permission, Resource, Role};
pub use token::{Lifetime, Secret};

/// The role that may do everything, accounts and roles included.
pub const ADMIN: &str = "admin";
/// The role that may do everything but change accounts and roles.
pub const DEVELOPER: &str = "developer";
/// The account that is there from the beginning and stays.
pub const ROOT: &str = "root";

#[cfg(test)]
mod tests;
