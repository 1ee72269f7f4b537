//! The shapes of a login: what a client sends for a token, and what it gets.
//! It must not be printed whole: it carries passwords and tokens.

use serde::{Deserialize, Serialize};

/// Body of `POST /v4/token`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoginRequest {
    /// Name of the account.
    pub name: String,
    /// Its password in clear.
    pub password: String,
    /// How long the token is to be good: `15m` to `24h`; empty for the registry's default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_expiration_time: String,
}

impl std::fmt::Debug for LoginRequest {
    /// Without the password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LoginRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Answer to a [`LoginRequest`].
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginAnswer {
    /// What further requests carry in `Authorization: Bearer`.
    pub token: String,
}

impl std::fmt::Debug for LoginAnswer {
    /// Without the token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LoginAnswer").finish_non_exhaustive()
    }
}
