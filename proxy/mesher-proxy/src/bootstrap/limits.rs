//! The bounds of the data path that can be set: sizes, counts, times and rates, each with its default.
//! It must hold no bound that only the source may change: those are constants where they are used.

use std::time::Duration;

use mesher_codec::{FIELD_COUNT_MAX, HEAD_BYTES_MAX, HeadLimits};
use mesher_net::PoolLimits;

use super::values::Reader;

/// Largest head that can be allowed.
const HEAD_BYTES_HIGHEST: usize = 1024 * 1024;
/// Least that a head limit can be: room for the shortest useful head.
const HEAD_BYTES_LOWEST: usize = 256;
/// Most fields that a head can be allowed.
const HEAD_FIELDS_HIGHEST: usize = 256;
/// Largest count that can be asked for.
const COUNT_HIGHEST: usize = 1_000_000;

/// Bounds of the data path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Size of heads, of requests and of answers.
    pub head: HeadLimits,
    /// Bytes of one request's body, framing not counted; none when absent.
    pub body_bytes_max: Option<u64>,
    /// From the first byte of a head to its last; also the wait for a connection's first byte.
    pub head_time_max: Duration,
    /// A caller's connection without a request, after at least one.
    pub idle_time_max: Duration,
    /// The least that a caller must send of a body, bytes a second over [`Self::rate_window`]; none when absent.
    pub sender_rate_min: Option<u64>,
    /// The least that a caller must read of an answer, bytes a second over [`Self::rate_window`]; none when absent.
    pub reader_rate_min: Option<u64>,
    /// Over which time the two rates are measured.
    pub rate_window: Duration,
    /// One attempt to connect.
    pub connect_time_max: Duration,
    /// From the last byte of a request that was sent to the head of its answer.
    pub response_time_max: Duration,
    /// The silence of an upstream in the middle of its answer.
    pub stall_time_max: Duration,
    /// Connections of callers, for each listener.
    pub connections_max: usize,
    /// Connections to one endpoint, and calls that wait for one, for each worker.
    pub pool: PoolLimits,
    /// How long a call waits for an upstream connection.
    pub upstream_queue_time_max: Duration,
    /// How long an upstream connection is used for further calls.
    pub upstream_age_max: Duration,
    /// Silence of both sides after they have agreed on another protocol, such as WebSocket.
    pub upgrade_idle_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: HeadLimits::default(),
            body_bytes_max: None,
            head_time_max: Duration::from_secs(10),
            idle_time_max: Duration::from_secs(300),
            sender_rate_min: Some(512),
            reader_rate_min: Some(512),
            rate_window: Duration::from_secs(30),
            connect_time_max: Duration::from_secs(1),
            response_time_max: Duration::from_secs(300),
            stall_time_max: Duration::from_secs(300),
            connections_max: 20_000,
            pool: PoolLimits { connections: 4096, queue: 10_000 },
            upstream_queue_time_max: Duration::from_secs(1),
            upstream_age_max: Duration::from_secs(30 * 60),
            upgrade_idle_time_max: Duration::from_secs(60 * 60),
        }
    }
}

impl Limits {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let PoolLimits { connections, queue } = default.pool;
        Self {
            head: HeadLimits {
                bytes: reader.count("head_bytes_max", HEAD_BYTES_MAX, HEAD_BYTES_LOWEST..=HEAD_BYTES_HIGHEST),
                fields: reader.count("head_fields_max", FIELD_COUNT_MAX, 1..=HEAD_FIELDS_HIGHEST),
            },
            body_bytes_max: reader.bound("body_bytes_max", default.body_bytes_max),
            head_time_max: reader.limit("head_time_max", default.head_time_max),
            idle_time_max: reader.limit("idle_time_max", default.idle_time_max),
            sender_rate_min: reader.bound("sender_rate_min", default.sender_rate_min),
            reader_rate_min: reader.bound("reader_rate_min", default.reader_rate_min),
            rate_window: reader.limit("rate_window", default.rate_window),
            connect_time_max: reader.limit("connect_time_max", default.connect_time_max),
            response_time_max: reader.limit("response_time_max", default.response_time_max),
            stall_time_max: reader.limit("stall_time_max", default.stall_time_max),
            connections_max: reader.count("connections_max", default.connections_max, 1..=COUNT_HIGHEST),
            pool: PoolLimits {
                connections: reader.count("upstream_connections_max", connections, 1..=COUNT_HIGHEST),
                queue: reader.count("upstream_queue_max", queue, 0..=COUNT_HIGHEST),
            },
            upstream_queue_time_max: reader.limit("upstream_queue_time_max", default.upstream_queue_time_max),
            upstream_age_max: reader.limit("upstream_age_max", default.upstream_age_max),
            upgrade_idle_time_max: reader.limit("upgrade_idle_time_max", default.upgrade_idle_time_max),
        }
    }
}
