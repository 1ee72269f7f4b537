//! Plain counters of one worker, and their sum over all workers.
//! They must be bounded whatever callers name, and only their own worker may touch them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use mesher_net::ConnectError;

use crate::handlers::fallback::FellBack;
use crate::request::failure::{FailureKind, Message};
use crate::request::hedge::HedgeCame;
use crate::request::invocation::{Direction, Outcome, Protocol};
use crate::request::mirror::Mirrored;
use crate::snapshot::{Cluster, ClusterId, ClusterKind};
use crate::telemetry::counts::{Counts, add, add_named, bucket_of};
use crate::telemetry::names::{PEER_OTHER, PEER_OUTSIDE, PEER_UNKNOWN, PEERS_MAX};

/// Longest name of a caller that is taken for a label.
const PEER_BYTES_MAX: usize = 128;

/// Largest context whose row is remembered.
const CONTEXT_BYTES_MAX: usize = 512;
/// Contexts whose rows are remembered.
const CONTEXTS_MAX: usize = 1024;

/// The place of a row: what is counted under one direction, peer and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row(usize);

/// The labels of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Labels {
    pub(crate) direction: Direction,
    pub(crate) peer: Arc<str>,
    pub(crate) protocol: Protocol,
}

/// How a connection attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConnectResult {
    Ok,
    Refused,
    Timeout,
}

/// Messages that were refused, by whose they were and why.
pub(crate) type Refusals = BTreeMap<(Direction, Message, &'static str), u64>;

/// Why a field is left out of a message that is passed on otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DropReason {
    /// It only looks like a field that frames the message or is trusted.
    Alias,
    /// It may not stand in a trailer.
    Trailer,
}

impl DropReason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::Trailer => "trailer",
        }
    }
}

/// Copies of calls, by whom they were for and what became of them.
pub(crate) type Copies = BTreeMap<(Arc<str>, Mirrored), u64>;

/// Fields that were left out, by why.
pub(crate) type DroppedFields = BTreeMap<(Direction, DropReason), u64>;

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    rows: Vec<(Labels, Counts)>,
    by_cluster: HashMap<(ClusterId, Protocol), Row, foldhash::fast::RandomState>,
    by_labels: HashMap<Labels, Row, foldhash::fast::RandomState>,
    by_context: HashMap<Box<[u8]>, Row, foldhash::fast::RandomState>,
    connects: BTreeMap<(Arc<str>, ConnectResult), u64>,
    refusals: Refusals,
    dropped_fields: DroppedFields,
    copies: Copies,
    pub(crate) downstream: [i64; 2],
    pub(crate) panics: u64,
    overflow: u64,
    samples: [Sample; 2],
}

/// How many calls of each row had begun at some moment.
#[derive(Debug, Default)]
struct Sample {
    at: Duration,
    begun: Vec<u64>,
}

/// A copy of the counters, for the scrape.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: BTreeMap<Labels, Counts>,
    pub(crate) connects: BTreeMap<(Arc<str>, ConnectResult), u64>,
    pub(crate) refusals: Refusals,
    pub(crate) dropped_fields: DroppedFields,
    pub(crate) copies: Copies,
    pub(crate) downstream: [i64; 2],
    /// Idle upstream connections, by peer.
    pub(crate) idle: BTreeMap<Arc<str>, i64>,
    /// Calls that wait for an upstream connection.
    pub(crate) waiting: i64,
    pub(crate) panics: u64,
    pub(crate) log_blocks_dropped: u64,
    pub(crate) overflow: u64,
}

impl Counters {
    /// The row of calls to `cluster`.
    pub(crate) fn row_of_cluster(&mut self, cluster: &Cluster, protocol: Protocol) -> Row {
        if let Some(row) = self.by_cluster.get(&(cluster.id, protocol)) {
            return *row;
        }
        let peer = peer_label(cluster);
        let row = self.row(Labels { direction: Direction::Outbound, peer, protocol });
        self.by_cluster.insert((cluster.id, protocol), row);
        row
    }

    /// Forgets which rows belonged to clusters that are gone. What was counted stays.
    pub(crate) fn forget_clusters(&mut self, is_known: impl Fn(ClusterId) -> bool) {
        self.by_cluster.retain(|(id, _), _| is_known(*id));
    }

    /// A connection of this row's calls speaks another protocol now, or no longer.
    pub(crate) fn upgraded(&mut self, row: Row, change: i64) {
        let counts = self.counts(row);
        counts.active_upgrades += change;
        counts.upgrades += u64::from(change > 0);
    }

    /// A kept upstream connection turned out to be closed by its peer; the call was sent again, or was not.
    pub(crate) fn met_stale(&mut self, row: Row, is_repeated: bool) {
        let [repeated, failed] = &mut self.counts(row).stale;
        *(if is_repeated { repeated } else { failed }) += 1;
    }

    /// A call was given up without an outcome: its task ended in a panic, or its worker did.
    pub(crate) fn abandon(&mut self, row: Row) {
        self.counts(row).active -= 1;
    }

    /// An upstream connection is in use for a call of this row, or no longer.
    pub(crate) fn use_connection(&mut self, row: Row, change: i64) {
        self.counts(row).connections += change;
    }

    /// What a row counts calls from or to.
    pub(crate) fn peer_of(&self, row: Row) -> &str {
        self.rows.get(row.0).map_or("", |(labels, _)| &labels.peer)
    }

    /// The row of calls from `caller`, as it names itself.
    pub(crate) fn row_of_caller(&mut self, caller: Option<&str>, protocol: Protocol) -> Row {
        let is_name = |name: &&str| {
            !name.is_empty()
                && name.len() <= PEER_BYTES_MAX
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-:".contains(&byte))
        };
        let peer = caller.filter(is_name).unwrap_or(PEER_UNKNOWN);
        self.row(Labels { direction: Direction::Inbound, peer: peer.into(), protocol })
    }

    /// The row of a call that says `said` of its caller; `read` finds the caller's name in it. The same few texts come with
    /// every call, so they are read once.
    pub(crate) fn row_of_context(
        &mut self,
        said: &[u8],
        protocol: Protocol,
        read: impl FnOnce() -> Option<String>,
    ) -> Row {
        if let Some(row) = self.by_context.get(said) {
            return *row;
        }
        let row = self.row_of_caller(read().as_deref(), protocol);
        if said.len() <= CONTEXT_BYTES_MAX {
            if self.by_context.len() >= CONTEXTS_MAX {
                self.by_context.clear();
            }
            self.by_context.insert(said.into(), row);
        }
        row
    }

    /// The row of calls that lead nowhere or say nothing.
    pub(crate) fn row_of_unknown(&mut self, direction: Direction, protocol: Protocol) -> Row {
        self.row(Labels { direction, peer: PEER_UNKNOWN.into(), protocol })
    }

    fn row(&mut self, labels: Labels) -> Row {
        if let Some(row) = self.by_labels.get(&labels) {
            return *row;
        }
        let peers = self.rows.iter().filter(|(other, _)| other.direction == labels.direction).count();
        if peers >= PEERS_MAX && &*labels.peer != PEER_OTHER {
            self.overflow += 1;
            return self.row(Labels { peer: PEER_OTHER.into(), ..labels });
        }
        let row = Row(self.rows.len());
        self.rows.push((labels.clone(), Counts::default()));
        self.by_labels.insert(labels, row);
        row
    }

    fn counts(&mut self, row: Row) -> &mut Counts {
        &mut self.rows.get_mut(row.0).expect("a row is only used with the counters that gave it").1
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, row: Row) {
        self.counts(row).active += 1;
    }

    /// A call has ended.
    pub(crate) fn end(&mut self, row: Row, outcome: &Outcome, elapsed: Duration) {
        let refused = outcome.failure.and_then(|(_, kind)| kind.refused());
        if let (Some((message, reason)), Some((labels, _))) = (refused, self.rows.get(row.0)) {
            *self.refusals.entry((labels.direction, message, reason)).or_default() += 1;
        }
        let counts = self.counts(row);
        counts.active -= 1;
        counts.add_code(outcome.code);
        if let Some(bucket) = counts.by_duration.get_mut(bucket_of(elapsed)) {
            *bucket += 1;
        }
        counts.duration += elapsed;
        counts.request_bytes += outcome.request_bytes;
        counts.response_bytes += outcome.response_bytes;
        if let Some((side, kind)) = outcome.failure {
            add(&mut counts.failures, (side, kind.as_str()), 1);
        }
    }

    /// Fields of a request were left out of what is passed on.
    pub(crate) fn dropped(&mut self, direction: Direction, reason: DropReason, count: u32) {
        if count > 0 {
            *self.dropped_fields.entry((direction, reason)).or_default() += u64::from(count);
        }
    }

    /// A call is tried again because of `reason`.
    pub(crate) fn retried(&mut self, row: Row, reason: FailureKind) {
        add(&mut self.counts(row).retries, reason.as_str(), 1);
    }

    /// A rule refused a call, or touched it.
    pub(crate) fn guarded(&mut self, row: Row, handler: &'static str, rule: &str) {
        add_named(&mut self.counts(row).guarded, handler, rule);
    }

    /// A call that failed fell back on what a rule says, or could not.
    pub(crate) fn fell_back(&mut self, row: Row, rule: &str, came: FellBack) {
        add_named(&mut self.counts(row).fallbacks, came, rule);
    }

    /// What came of a second try beside the first.
    pub(crate) fn hedged(&mut self, row: Row, came: HedgeCame) {
        add(&mut self.counts(row).hedges, came, 1);
    }

    /// A call was not tried again, for its service's budget was spent.
    pub(crate) fn retry_denied(&mut self, row: Row) {
        self.counts(row).retries_denied += 1;
    }

    /// Takes note of how many calls there were, for [`Self::rate`]. To be called at a steady pace.
    pub(crate) fn sample(&mut self, now: Duration) {
        self.samples.rotate_left(1);
        let begun = (0..self.rows.len()).map(|row| self.begun(Row(row))).collect();
        let [_, last] = &mut self.samples;
        *last = Sample { at: now, begun };
    }

    /// Calls of a row in each second, since the sample before the last.
    pub(crate) fn rate(&self, row: Row, now: Duration) -> f64 {
        let [before, _] = &self.samples;
        let calls = self.begun(row) - before.begun.get(row.0).copied().unwrap_or_default();
        calls as f64 / now.saturating_sub(before.at).as_secs_f64().max(1.0)
    }

    /// Calls that ever began.
    pub(crate) fn begun(&self, row: Row) -> u64 {
        let Some((_, counts)) = self.rows.get(row.0) else { return 0 };
        let ended: u64 = counts.by_code.iter().map(|(_, count)| count).sum();
        ended + u64::try_from(counts.active).unwrap_or_default()
    }

    /// A connection to a cluster was tried.
    pub(crate) fn connected<T>(&mut self, cluster: &Cluster, result: &Result<T, ConnectError>) {
        let peer = peer_label(cluster);
        let result = match result {
            Ok(_) => ConnectResult::Ok,
            Err(ConnectError::Timeout { .. }) => ConnectResult::Timeout,
            Err(_) => ConnectResult::Refused,
        };
        let is_bounded =
            self.connects.len() < PEERS_MAX * 3 || self.connects.contains_key(&(Arc::clone(&peer), result));
        let peer = if is_bounded { peer } else { PEER_OTHER.into() };
        *self.connects.entry((peer, result)).or_default() += 1;
    }

    /// What became of a copy of a call.
    pub(crate) fn mirrored(&mut self, peer: Arc<str>, result: Mirrored) {
        let is_bounded =
            self.copies.len() < PEERS_MAX * 3 || self.copies.contains_key(&(Arc::clone(&peer), result));
        let peer = if is_bounded { peer } else { PEER_OTHER.into() };
        *self.copies.entry((peer, result)).or_default() += 1;
    }

    /// A copy for the scrape.
    pub(crate) fn report(&self, idle: BTreeMap<Arc<str>, i64>) -> Report {
        Report {
            rows: self.rows.iter().cloned().collect(),
            connects: self.connects.clone(),
            refusals: self.refusals.clone(),
            dropped_fields: self.dropped_fields.clone(),
            copies: self.copies.clone(),
            downstream: self.downstream,
            idle,
            waiting: 0,
            panics: self.panics,
            log_blocks_dropped: 0,
            overflow: self.overflow,
        }
    }
}

impl Report {
    /// Adds another worker's report.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (labels, counts) in &other.rows {
            self.rows.entry(labels.clone()).or_default().merge(counts);
        }
        for (key, count) in &other.connects {
            *self.connects.entry(key.clone()).or_default() += count;
        }
        for (key, count) in &other.refusals {
            *self.refusals.entry(*key).or_default() += count;
        }
        for (key, count) in &other.dropped_fields {
            *self.dropped_fields.entry(*key).or_default() += count;
        }
        for (key, count) in &other.copies {
            *self.copies.entry(key.clone()).or_default() += count;
        }
        for (mine, theirs) in self.downstream.iter_mut().zip(other.downstream) {
            *mine += theirs;
        }
        for (peer, count) in &other.idle {
            *self.idle.entry(Arc::clone(peer)).or_default() += count;
        }
        self.waiting += other.waiting;
        self.panics += other.panics;
        self.log_blocks_dropped += other.log_blocks_dropped;
        self.overflow += other.overflow;
    }
}

/// The peer label of a cluster.
pub(crate) fn peer_label(cluster: &Cluster) -> Arc<str> {
    match cluster.kind {
        ClusterKind::Outside => PEER_OUTSIDE.into(),
        ClusterKind::Nowhere => PEER_UNKNOWN.into(),
        ClusterKind::Service | ClusterKind::Local => Arc::clone(&cluster.name),
    }
}
