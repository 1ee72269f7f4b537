//! What the data path needs from the system: workers, listeners, sockets, connection pools, child processes.
//! It must know no protocol and no rule of the mesh. It is the only crate that may use `unsafe`.

pub mod deadline;
pub mod listener;
pub mod pool;
pub mod process;
pub mod route;
pub mod scratch;
pub mod socket;
pub mod worker;

pub use deadline::{Deadline, Deadlines};
pub use listener::{BindError, Fallback};
pub use pool::{Connection, Grant, Pool, PoolLimits, Turn};
pub use scratch::Scratch;
pub use socket::{ConnectError, Socket};

#[cfg(test)]
mod tests;
