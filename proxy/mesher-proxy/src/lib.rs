//! The data plane: takes every call of an application and every call to it.
//! It must keep serving with what it knows when the control plane is gone, and must never end on a byte from the network.
//!
//! | module | what it is |
//! |---|---|
//! | [`bootstrap`] | the settings, read once |
//! | `proxy` | puts the parts together, runs them, takes them down in the right order |
//! | `error` | why one cannot start |
//! | `request` | one request's way, one file per stage, in travel order |
//! | `handlers` | the two chains and their handlers |
//! | [`handler`] | what handlers of one's own are written against |
//! | `snapshot` | everything a worker believes |
//! | `discovery` | where the snapshot comes from: the registry, a file, names, the resolver; our own record in the registry |
//! | `worker`, `threads` | what one thread owns; how the threads begin and end |
//! | `listening` | the sockets: handed over, passed, or bound |
//! | `handover` | how a new process takes the place of a running one |
//! | `application` | where the local application listens, and since when |
//! | `health` | checks of the application, and of the instances that are called |
//! | `stored` | the last good snapshot on disk |
//! | `memory` | gives back what a burst leaves behind |
//! | `overload` | what is left out when the proxy itself has too much to do |
//! | `clock` | the time of the process |
//! | `status`, `admin`, `telemetry` | what the proxy tells of itself |

mod admin;
mod application;
mod backoff;
pub mod bootstrap;
mod clock;
mod discovery;
mod error;
mod explain;
pub mod handler;
mod handlers;
mod handover;
mod health;
mod listening;
mod memory;
mod overload;
mod proxy;
mod request;
mod rules;
mod snapshot;
mod status;
mod stored;
mod telemetry;
mod threads;
mod worker;

pub use error::ProxyError;
pub use handover::HandoverError;
pub use proxy::Proxy;
pub use status::Addresses;
pub use stored::StateError;

/// The commit that this build was made from; empty outside a repository.
pub(crate) const COMMIT: &str = match option_env!("MESHER_COMMIT") {
    Some(commit) => commit,
    None => "",
};
/// The least compiler that builds this release.
pub(crate) const RUST: &str = env!("CARGO_PKG_RUST_VERSION");
