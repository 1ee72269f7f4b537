//! Why a call is refused, with the codes and the words that kie has for it.
//! It must not hold what is no caller's fault: a store that fails is not of this crate.

use mesher_model::ErrorBody;

/// A refusal. The caller is to blame for all of them but [`Self::QuotaUsedUp`], which also comes of others' records.
///
/// Source: kie v1, error codes; recorded answers of the original where there are some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// 400001: a parameter does not hold what it must.
    #[error("{0}")]
    Invalid(String),
    /// 400001: a member of a record does not hold what it must.
    #[error("invalid parameter(s)(validate failed, field: {field}, rule: {rule})")]
    Field {
        /// Which one, as `KVDoc.Key`.
        field: String,
        /// What it must hold.
        rule: String,
    },
    /// 400003: waiting is not done in this way.
    #[error("{0}")]
    Wait(String),
    /// 400004: the record is there, and the upload passes over such.
    #[error("skip overriding duplicate kvs")]
    Skipped,
    /// 400005: a record was there, and the upload ends at such.
    #[error("stop overriding kvs after reaching the duplicate kv")]
    Stopped,
    /// 403001: no id is named.
    #[error("ids must not be empty")]
    NoIds,
    /// 404001: there is no such record.
    #[error("can not find any key value")]
    Absent,
    /// 404001: nobody has polled in such a session.
    #[error("can not find any polling data")]
    NeverPolled,
    /// 409001: there is a record of this key under these labels.
    #[error("record already exist(kv already exists)")]
    Exists,
    /// 422001: there is no room.
    #[error("no more than {limit} {kind}")]
    QuotaUsedUp {
        /// What there is too much of.
        kind: &'static str,
        /// How much there may be.
        limit: usize,
    },
}

impl ConfigError {
    pub(crate) fn field(field: &str, rule: &str) -> Self {
        Self::Field { field: field.to_owned(), rule: rule.to_owned() }
    }

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

    /// What a caller gets to read.
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
            Self::Invalid(_) | Self::Field { .. } => (400_001, "invalid parameter(s)"),
            Self::Wait(_) => (400_003, "failed to observe event"),
            Self::Skipped => (400_004, "skip overriding duplicate kvs"),
            Self::Stopped => (400_005, "stop overriding kvs after reaching the duplicate kv"),
            Self::NoIds => (403_001, "record id required"),
            Self::Absent | Self::NeverPolled => (404_001, "record does not exist"),
            Self::Exists => (409_001, "record already exist"),
            Self::QuotaUsedUp { .. } => (422_001, "not enough quota"),
        }
    }
}
