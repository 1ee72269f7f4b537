//! The upstream connections of one worker, by the endpoint they lead to: those that are idle, and places for new ones.
//! It must never hand out a connection to another endpoint, one that closed, or one on which something came unasked.

use std::collections::VecDeque;
use std::hash::Hash;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use tokio::sync::oneshot;

use crate::Socket;

/// Connections to one endpoint that may come about at the same time. After an endpoint has lost all its connections,
/// the calls that wait come back in turn instead of all at once.
const CONNECTING_MAX: usize = 128;

/// How many connections a worker may have to one endpoint, and how many calls may wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections to one endpoint, idle ones counted; at least 1.
    pub connections: usize,
    /// Calls that wait for a connection to one endpoint.
    pub queue: usize,
}

/// The connections of one worker. Not shared: no lock.
#[derive(Debug)]
pub struct Pool<K> {
    endpoints: HashMap<K, Connections, foldhash::fast::RandomState>,
    limits: PoolLimits,
    idle_count: usize,
}

#[derive(Debug, Default)]
struct Connections {
    idle: Vec<Idle>,
    /// In use, or coming about.
    busy: usize,
    /// Coming about.
    connecting: usize,
    waiting: VecDeque<oneshot::Sender<Grant>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    closes_at: Instant,
}

/// An open upstream connection.
#[derive(Debug)]
pub struct Connection {
    /// The socket; its last message was read to the end.
    pub socket: Socket,
    /// After this moment it is not used for a further message.
    pub expires_at: Instant,
}

/// What a call gets that asks for a connection. Whatever it is, it is given back with [`Pool::release`].
#[derive(Debug)]
pub enum Grant {
    /// An open connection.
    Open(Connection),
    /// A place: the call connects, and tells [`Pool::connected`] once it has, or has failed to.
    Place,
}

/// The answer to a call that asks for a connection.
#[derive(Debug)]
pub enum Turn {
    /// It has one.
    Granted(Grant),
    /// It waits. Whoever gives up waiting must look whether a grant came in the same moment, and give it back.
    Waits(oneshot::Receiver<Grant>),
    /// As many wait already as may.
    Full,
}

impl<K: Eq + Hash + Copy> Pool<K> {
    /// An empty pool.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        Self { endpoints: HashMap::default(), limits, idle_count: 0 }
    }

    /// Asks for a connection to `key`: the one that was used last, so that few stay warm and the rest age out, or a place
    /// for a new one. With `may_reuse` false it is a new one in any case.
    pub fn ask(&mut self, key: K, now: Instant, may_reuse: bool) -> Turn {
        let connections = self.endpoints.entry(key).or_default();
        while let Some(idle) = if may_reuse { connections.idle.pop() } else { None } {
            self.idle_count -= 1;
            if idle.is_usable(now) {
                connections.busy += 1;
                return Turn::Granted(Grant::Open(idle.connection));
            }
        }
        if connections.busy + connections.idle.len() >= self.limits.connections
            && connections.idle.pop().is_some()
        {
            self.idle_count -= 1;
        }
        if connections.has_place(self.limits.connections) {
            connections.take_place();
            return Turn::Granted(Grant::Place);
        }
        connections.waiting.retain(|waiting| !waiting.is_closed());
        if connections.waiting.len() >= self.limits.queue {
            return Turn::Full;
        }
        let (grant, granted) = oneshot::channel();
        connections.waiting.push_back(grant);
        Turn::Waits(granted)
    }

    /// A connection to `key` has come about on a granted place, or has failed to.
    pub fn connected(&mut self, key: K) {
        if let Some(connections) = self.endpoints.get_mut(&key) {
            connections.connecting -= 1;
            connections.serve(self.limits.connections);
        }
    }

    /// Takes back what was granted: an open connection, which is kept for `idle_limit`, or the place of one that is gone.
    pub fn release(&mut self, key: K, kept: Option<Connection>, now: Instant, idle_limit: Duration) {
        let Some(connections) = self.endpoints.get_mut(&key) else { return };
        connections.busy -= 1;
        if let Some(mut connection) = kept.filter(|connection| connection.expires_at > now) {
            while let Some(waiting) = connections.waiting.pop_front() {
                match waiting.send(Grant::Open(connection)) {
                    Ok(()) => {
                        connections.busy += 1;
                        return;
                    }
                    Err(Grant::Open(back)) => connection = back,
                    Err(Grant::Place) => return,
                }
            }
            connections.idle.push(Idle { connection, closes_at: now + idle_limit });
            self.idle_count += 1;
        } else {
            connections.serve(self.limits.connections);
        }
    }

    /// Closes what is too old, what the peer closed, and what leads to an endpoint that `is_known` denies.
    pub fn sweep(&mut self, now: Instant, is_known: impl Fn(&K) -> bool) {
        self.endpoints.retain(|key, connections| {
            let keep = is_known(key);
            connections.idle.retain(|idle| keep && idle.is_usable(now));
            connections.waiting.retain(|waiting| !waiting.is_closed());
            !connections.is_unused()
        });
        self.idle_count = self.endpoints.values().map(|connections| connections.idle.len()).sum();
    }

    /// How many connections are idle to each endpoint that has any.
    pub fn counts(&self) -> impl Iterator<Item = (&K, usize)> {
        let all = self.endpoints.iter().map(|(key, connections)| (key, connections.idle.len()));
        all.filter(|(_, count)| *count > 0)
    }

    /// How many calls wait for a connection.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        let open = |waiting: &&oneshot::Sender<Grant>| !waiting.is_closed();
        self.endpoints.values().map(|connections| connections.waiting.iter().filter(open).count()).sum()
    }

    /// How many connections are idle.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.idle_count
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.idle_count == 0
    }
}

impl Connections {
    fn has_place(&self, connections_max: usize) -> bool {
        self.connecting < CONNECTING_MAX && self.busy + self.idle.len() < connections_max
    }

    fn take_place(&mut self) {
        self.busy += 1;
        self.connecting += 1;
    }

    /// Gives free places to calls that wait, the first first.
    fn serve(&mut self, connections_max: usize) {
        while self.has_place(connections_max) {
            let Some(waiting) = self.waiting.pop_front() else { return };
            if waiting.send(Grant::Place).is_ok() {
                self.take_place();
            }
        }
    }

    fn is_unused(&self) -> bool {
        self.idle.is_empty() && self.busy == 0 && self.waiting.is_empty()
    }
}

impl Idle {
    fn is_usable(&self, now: Instant) -> bool {
        self.closes_at > now && self.connection.expires_at > now && self.connection.socket.is_fresh()
    }
}
