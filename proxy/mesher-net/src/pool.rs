//! Idle upstream connections of one worker, by the endpoint they lead to.
//! It must never hand out a connection to another endpoint, one that closed, or one on which something came unasked.

use std::hash::Hash;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::Socket;

/// Idle connections that are kept for one endpoint.
const IDLE_PER_ENDPOINT_MAX: usize = 1024;

/// The idle connections of one worker. Not shared: no lock.
#[derive(Debug)]
pub struct Pool<K> {
    idle: HashMap<K, Vec<Idle>, foldhash::fast::RandomState>,
    count: usize,
}

#[derive(Debug)]
struct Idle {
    socket: Socket,
    closes_at: Instant,
}

impl<K: Eq + Hash> Default for Pool<K> {
    fn default() -> Self {
        Self { idle: HashMap::default(), count: 0 }
    }
}

impl<K: Eq + Hash> Pool<K> {
    /// Takes the connection to `key` that was used last, so that few stay warm and the rest age out.
    pub fn take(&mut self, key: &K, now: Instant) -> Option<Socket> {
        let idle = self.idle.get_mut(key)?;
        while let Some(candidate) = idle.pop() {
            self.count -= 1;
            if candidate.closes_at > now && candidate.socket.is_fresh() {
                return Some(candidate.socket);
            }
        }
        None
    }

    /// Keeps a connection for `limit`. The caller must have read its last message to the end.
    pub fn put(&mut self, key: K, socket: Socket, now: Instant, limit: Duration) {
        let idle = self.idle.entry(key).or_default();
        if idle.len() < IDLE_PER_ENDPOINT_MAX {
            idle.push(Idle { socket, closes_at: now + limit });
            self.count += 1;
        }
    }

    /// Closes what is too old, what the peer closed, and what leads to an endpoint that `is_known` denies.
    pub fn sweep(&mut self, now: Instant, is_known: impl Fn(&K) -> bool) {
        self.idle.retain(|key, idle| {
            let keep = is_known(key);
            idle.retain(|candidate| keep && candidate.closes_at > now && candidate.socket.is_fresh());
            !idle.is_empty()
        });
        self.count = self.idle.values().map(Vec::len).sum();
    }

    /// How many connections are idle to each endpoint that has any.
    pub fn counts(&self) -> impl Iterator<Item = (&K, usize)> {
        self.idle.iter().map(|(key, idle)| (key, idle.len()))
    }

    /// How many connections are idle.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}
