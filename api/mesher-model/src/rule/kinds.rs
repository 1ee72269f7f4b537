//! The kinds of rules, in one list: whoever adds one adds a line here, and a file for what it says.
//! It must hold what follows from the list alone.

use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess};
use serde::{Deserialize, Serialize, Serializer};

use super::balance::Balance;
use super::breaker::Breaker;
use super::bulkhead::Bulkhead;
use super::egress::Egress;
use super::fallback::Fallback;
use super::fault::Fault;
use super::health::Health;
use super::matches::CallMatch;
use super::rate_limit::RateLimit;
use super::retry::Retry;
use super::route::{Route, Subset};
use super::side::Side;
use super::timeout::Timeout;
use super::words::ServiceName;

/// Makes what all kinds have in common of their list.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident,)+) => {
        /// What a rule is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: [Self; [$(stringify!($kind)),+].len()] = [$(Self::$kind),+];

            /// As documents and paths write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)+
                }
            }
        }

        /// The part of a document that its kind decides.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $kind($kind),)+
        }

        impl Rule {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)+
                }
            }

            /// The service that it is about.
            #[must_use]
            pub const fn service(&self) -> &ServiceName {
                match self {
                    $(Self::$kind(rule) => &rule.service,)+
                }
            }

            /// Reads one of a kind.
            pub(super) fn read<'de, A: MapAccess<'de>>(kind: Kind, map: &mut A) -> Result<Self, A::Error> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind(map.next_value()?),)+
                })
            }
        }

        /// What editors are told of what a kind says.
        #[cfg(feature = "schema")]
        pub(super) fn schema_of(kind: Kind, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
            match kind {
                $(Kind::$kind => generator.subschema_for::<$kind>(),)+
            }
        }
    };
}

kinds! {
    /// Which versions take the calls.
    Route,
    /// How long a call may take.
    Timeout,
    /// Which hosts outside the mesh are called.
    Egress,
    /// When a failed call is tried again.
    Retry,
    /// When calls are refused, because too many of those before them failed.
    Breaker,
    /// Which of several instances takes a call.
    Balance,
    /// How many calls may be under way at once.
    Bulkhead,
    /// Which instances are passed over, for what became of their calls, or for what they answer to checks.
    Health,
    /// How many calls pass in a time.
    RateLimit,
    /// What goes wrong with calls on purpose.
    Fault,
    /// What a caller gets where its call failed.
    Fallback,
}

impl Rule {
    /// Whose proxy carries it out: that of the service, or those of its callers.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Breaker(breaker) => breaker.side,
            Self::Bulkhead(bulkhead) => bulkhead.side,
            Self::RateLimit(limit) => limit.side,
            _ => Side::Consumer,
        }
    }

    /// Which calls it is about as a whole; every call where there are none.
    #[must_use]
    pub fn matches(&self) -> &[CallMatch] {
        match self {
            Self::Retry(retry) => &retry.matches,
            Self::Breaker(breaker) => &breaker.matches,
            Self::Balance(balance) => &balance.matches,
            Self::Bulkhead(bulkhead) => &bulkhead.matches,
            Self::Fallback(fallback) => &fallback.matches,
            _ => &[],
        }
    }

    /// The part of the service whose calls alone it is about.
    #[must_use]
    pub const fn subset(&self) -> Option<&Subset> {
        match self {
            Self::Balance(balance) => balance.subset.as_ref(),
            _ => None,
        }
    }

    /// Whether it is about every call to its service.
    #[must_use]
    pub fn is_about_all(&self) -> bool {
        self.matches().is_empty() && self.subset().is_none()
    }
}

impl Rule {
    /// Every match of it, also of its parts.
    pub fn all_matches(&self) -> impl Iterator<Item = &CallMatch> {
        let of_limits = match self {
            Self::RateLimit(rule) => rule.limits.as_slice(),
            _ => &[],
        };
        let of_faults = match self {
            Self::Fault(rule) => rule.faults.as_slice(),
            _ => &[],
        };
        let of_limits = of_limits.iter().flat_map(|limit| &limit.matches);
        let of_faults = of_faults.iter().flat_map(|fault| &fault.matches);
        self.matches().iter().chain(of_limits).chain(of_faults)
    }
}

impl Kind {
    /// The kind of this name, whatever its case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether several documents may be about one service, each about some of its calls.
    #[must_use]
    pub const fn has_matches(self) -> bool {
        matches!(self, Self::Retry | Self::Breaker | Self::Balance | Self::Bulkhead | Self::Fallback)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Here as it is written, and not in any case: editors and other tools compare it so.
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            D::Error::custom(format_args!("unknown kind {text:?}; this release knows {known}"))
        })
    }
}
