//! The metrics' names, helps and boundaries. They are a contract: boards and alerts hold on to them.
//! A name must never change its meaning.

/// Upper boundaries of the duration histogram, as powers of two of a second: 2⁻¹² to 2⁴.
pub(crate) const BOUNDARY_COUNT: usize = 17;
/// Exponent of the lowest boundary.
pub(crate) const LOWEST_EXPONENT: i32 = -12;

/// Peers that are told apart in each direction; the rest share `_other`.
pub(crate) const PEERS_MAX: usize = 256;
/// Distinct codes that are told apart for one peer; the rest share `other`.
pub(crate) const CODES_MAX: usize = 32;

/// Rules that are told apart for one peer; the rest share `_other`.
pub(crate) const RULES_MAX: usize = 64;

/// Peer label of a host that the registry does not know.
pub(crate) const PEER_OUTSIDE: &str = "_outside";
/// Peer label of a caller that does not say who it is, and of a name that is no service's.
pub(crate) const PEER_UNKNOWN: &str = "_unknown";
/// Peer label of everyone beyond the bound.
pub(crate) const PEER_OTHER: &str = "_other";
