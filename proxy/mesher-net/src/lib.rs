//! What the data path needs from the system: workers, listeners, sockets, connection pools,
//! processes, channels between them.
//! It must know no protocol and no rule of the mesh. It is the only crate that may use `unsafe`.

pub mod channel;
pub mod deadline;
pub mod inherited;
pub mod listener;
pub mod manager;
pub mod memory;
pub mod memory_limit;
pub mod pool;
pub mod process;
pub mod route;
pub mod scratch;
pub mod socket;
pub mod worker;

pub use channel::{Channel, ChannelError, Doorway};
pub use deadline::{Deadline, Deadlines};
pub use listener::{BindError, Fallback};
pub use pool::{Connection, Grant, Pool, PoolLimits, Turn};
pub use scratch::Scratch;
pub use socket::{ConnectError, Socket};

#[cfg(test)]
mod memory_limit_tests;
#[cfg(test)]
mod tests;
