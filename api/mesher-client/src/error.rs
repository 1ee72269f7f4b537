//! Why a call to the control plane did not succeed.
//! It must tell "no news" from "the answer is no": only the second may change what a proxy believes.

use mesher_model::{ErrorBody, ErrorCode};

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No address could be reached. No news: what was known stays true.
    #[error("cannot reach {address}: {reason}")]
    Unreachable {
        /// The last address tried.
        address: String,
        /// Why.
        reason: String,
    },
    /// No answer in time. No news.
    #[error("{address} did not answer within {seconds} s")]
    Timeout {
        /// The last address tried.
        address: String,
        /// The limit.
        seconds: u64,
    },
    /// An answer that cannot be the control plane's. No news.
    #[error("{address} answered {status} with what is no answer of a control plane: {reason}")]
    Garbage {
        /// Who answered.
        address: String,
        /// The HTTP status.
        status: u16,
        /// What was wrong with it.
        reason: String,
    },
    /// It asked to be left alone for a while, and is. Nothing was sent. No news.
    #[error("{address} asked to be left alone for {seconds} s more")]
    Resting {
        /// The last address that was passed over.
        address: String,
        /// How long it is still to be left alone.
        seconds: u64,
    },
    /// Another address than the one in use answered, and is another control plane: no stand-in. No news.
    #[error(
        "{address} is the control plane {cluster}, not {known_cluster} as {known_address}; its answers do not count"
    )]
    Stranger {
        /// Who answered.
        address: String,
        /// What it calls itself.
        cluster: String,
        /// The address in use.
        known_address: String,
        /// What that called itself.
        known_cluster: String,
    },
    /// What the client is to be known by cannot be had: a file that cannot be read. No news.
    #[error("the control plane cannot be told who asks: {reason}")]
    Credentials {
        /// Which file, and why.
        reason: String,
    },
    /// The control plane refused, and said why.
    #[error("{address} refused: {} {} {}", body.error_code, body.error_message, body.detail)]
    Refused {
        /// Who answered.
        address: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: ErrorBody,
    },
}

impl ClientError {
    /// Whether the control plane answered with `code`.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Refused { body, .. } if body.is(code))
    }

    /// Whether the path does not exist there: an original registry, asked for something of Mesher's own.
    #[must_use]
    pub const fn is_unknown_path(&self) -> bool {
        matches!(self.status(), Some(404 | 405))
    }

    /// Whether it is about who asks: no token, a bad one, an account that is refused or may not do this. A person must
    /// act.
    #[must_use]
    pub const fn is_unwelcome(&self) -> bool {
        matches!(self, Self::Credentials { .. }) || matches!(self.status(), Some(401 | 403))
    }

    /// The HTTP status of an answer, whatever its body was.
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Garbage { status, .. } | Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// One word for metrics.
    #[must_use]
    pub const fn result(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Garbage { .. } => "garbage",
            Self::Resting { .. } => "resting",
            Self::Stranger { .. } => "stranger",
            Self::Credentials { .. } => "credentials",
            Self::Refused { .. } => "refused",
        }
    }
}
