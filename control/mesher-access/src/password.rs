//! What a good password is, and how one is kept: only as an Argon2id hash.
//! It must be told the salt, and must do the same work for a hash that nobody's password has.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::AccessError;

/// Random bytes of one's own for each password.
pub type Salt = [u8; 16];

/// Fewest and most characters. The original's values.
const CHARACTERS: std::ops::RangeInclusive<usize> = 8..=32;
/// The cost of one hash, as OWASP advises for Argon2id: 19 MiB, two passes, one lane.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// A hash of that cost that no password has: what a try with an unknown name is compared with, so that it takes as
/// long as one with a known name.
pub(crate) const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn hasher() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    let cost = Params::new(memory, passes, lanes, None).expect("the cost is within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
}

/// Whether a password may be set for an account.
///
/// # Errors
/// [`AccessError::Invalid`], which never repeats the password.
pub fn check(account: &str, password: &str) -> Result<(), AccessError> {
    let has = |is_of_kind: fn(char) -> bool| password.chars().any(is_of_kind);
    let reversed: String = account.chars().rev().collect();
    let is_good = CHARACTERS.contains(&password.chars().count())
        && password.chars().all(|character| character.is_ascii_graphic())
        && has(|character| character.is_ascii_uppercase())
        && has(|character| character.is_ascii_lowercase())
        && has(|character| character.is_ascii_digit())
        && has(|character| character.is_ascii_punctuation())
        && password != account
        && password != reversed;
    if is_good {
        return Ok(());
    }
    let rule = "8 to 32 characters, with a capital and a small letter, a digit and a sign, and not the account's name";
    Err(AccessError::Invalid(format!("field 'Account.Password' does not match rule: {rule}")))
}

/// The form in which a password is kept. Takes some 20 ms and 19 MiB: not for a thread that serves.
#[must_use]
pub fn hash(password: &str, salt: Salt) -> String {
    let hashed: PasswordHash = hasher()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .expect("the cost and the salt are within Argon2's bounds");
    hashed.to_string()
}

/// Whether this is the password of `hash`; compared in constant time. As costly as [`hash`].
pub(crate) fn is_right(password: &str, hash: &str) -> bool {
    let verifier: &dyn PasswordVerifier<str> = &hasher();
    verifier.verify_password(password.as_bytes(), hash).is_ok()
}
