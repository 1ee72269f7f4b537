//! Why access control refuses, with the codes that the original registry gives.
//! It must not say more to a caller who is not known than that: no refusal of a login tells which half was wrong.

use mesher_model::ErrorBody;

/// A refusal. The caller is to blame for all of them.
///
/// Source: Service Center v4, access control; recorded answers of the original where there are some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// A field does not hold what it must.
    #[error("{0}")]
    Invalid(String),
    /// There is no such account.
    #[error("account [{0}] not exist")]
    AccountMissing(String),
    /// There is no such role.
    #[error("")]
    RoleMissing,
    /// The account names a role that does not exist.
    #[error("role not exist")]
    UnknownRole,
    /// There are as many accounts as allowed.
    #[error("there are as many accounts as allowed")]
    TooManyAccounts,
    /// There are as many roles as allowed.
    #[error("there are as many roles as allowed")]
    TooManyRoles,
    /// An account still has the role.
    #[error("")]
    RoleInUse,
    /// The new password is the old one.
    #[error("the new password is the old one")]
    SamePassword,
    /// The token is none of ours, or has been revoked.
    #[error("{0}")]
    Unauthorized(String),
    /// The name or the password is wrong; which one is not told.
    #[error("")]
    WrongNameOrPassword,
    /// The request carries no token.
    #[error("")]
    NoToken,
    /// The token's time is over.
    #[error("token is expired")]
    Expired,
    /// The account of the token is gone.
    #[error("account [{0}] is deleted")]
    AccountDeleted(String),
    /// The current password is wrong.
    #[error("")]
    WrongCurrentPassword,
    /// Too many tries failed for this account from this address.
    #[error("")]
    Blocked,
    /// The account cannot be changed by anybody.
    #[error("{0} can not be operated")]
    BuiltInAccount(String),
    /// The role cannot be changed by anybody.
    #[error("build-in role can not be operated")]
    BuiltInRole,
    /// Nobody may change his own roles, or remove himself.
    #[error("an account can not change its own roles, nor remove itself")]
    OwnAccount,
    /// No role of the account allows it.
    #[error("{0}")]
    NoPermission(String),
    /// The name of the account is taken.
    #[error("account is duplicated")]
    AccountExists,
    /// The name of the role is taken.
    #[error("role is duplicated")]
    RoleExists,
}

impl AccessError {
    /// The number on the wire. The HTTP status is its first three digits.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.code().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        (self.number() / 1000) as u16
    }

    /// The body that tells a caller of it.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        let (number, message) = self.code();
        ErrorBody {
            error_code: number.to_string(),
            error_message: message.to_owned(),
            detail: self.to_string(),
        }
    }

    const fn code(&self) -> (u32, &'static str) {
        match self {
            Self::Invalid(_) => (400_001, "Invalid parameter(s)"),
            Self::AccountMissing(_) => (400_200, "Account not exists"),
            Self::RoleMissing => (400_201, "Role not exists"),
            Self::UnknownRole => (400_202, "Account has invalid role(s)"),
            Self::TooManyAccounts => (400_203, "Account quota is not enough"),
            Self::TooManyRoles => (400_204, "Role quota is not enough"),
            Self::RoleInUse => (400_205, "Role is bound to some user(s)"),
            Self::SamePassword => (400_206, "New password is bad"),
            Self::Unauthorized(_) => (401_201, "Request unauthorized"),
            Self::WrongNameOrPassword => (401_202, "User name or password is wrong"),
            Self::NoToken => (401_204, "No authorization header"),
            Self::Expired => (401_205, "Token is expired"),
            Self::AccountDeleted(_) => (401_206, "The account that owns the token is deleted"),
            Self::WrongCurrentPassword => (401_207, "Password is wrong"),
            Self::Blocked => (403_201, "Account blocked"),
            Self::BuiltInAccount(_) => (403_202, "Forbid to operate build-in account(s)"),
            Self::BuiltInRole => (403_203, "Forbid to operate build-in role(s)"),
            Self::OwnAccount => (403_204, "Forbid to operate self account"),
            Self::NoPermission(_) => (403_205, "No permission(s)"),
            Self::AccountExists => (409_200, "account name is duplicated"),
            Self::RoleExists => (409_201, "role name is duplicated"),
        }
    }
}
