//! What all threads know of the proxy's overload. Written off the path; read there, all of it in one word.
//! It must decide nothing: steps come from whoever measures.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use mesher_traffic::overload::Step;
use serde_json::{Value, json};

use crate::request::invocation::Direction;

/// Set in the word once inbound work ends. The other bits are the step.
const IS_DRAINING: u8 = 1 << 7;

/// Why calls are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The proxy has nearly as much memory as it may.
    Memory,
    /// The work of a data thread is late.
    Lag,
}

impl Reason {
    pub(crate) const ALL: [Self; 2] = [Self::Memory, Self::Lag];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Lag => "lag",
        }
    }

    /// A sentence for whoever called.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Memory => "this proxy has too little memory left for a further call (MESHER_MEMORY_MAX)",
            Self::Lag => "this proxy has more to do than it can (MESHER_LAG_MAX)",
        }
    }
}

/// How hard pressed the proxy is.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    word: AtomicU8,
    /// Memory that it has, and that it may have, in bytes; 0: it may have any.
    memory: [AtomicU64; 2],
    late_workers: AtomicUsize,
    /// Calls and flows that were refused, by direction and reason.
    shed: [[AtomicU64; Reason::ALL.len()]; 2],
}

impl Pressure {
    /// Whether connections of callers end with the answer that is on its way: inbound work ends, or memory is short.
    pub(crate) fn ends_connections(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0
    }

    /// What is left out since memory is short.
    pub(crate) fn step(&self) -> Step {
        Step::of(self.word.load(Ordering::Relaxed) & !IS_DRAINING)
    }

    /// Inbound work ends.
    pub(crate) fn drain(&self) {
        self.word.fetch_or(IS_DRAINING, Ordering::Relaxed);
    }

    pub(super) fn set_step(&self, step: Step) {
        let with = |word: u8| Some(word & IS_DRAINING | step as u8);
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with);
    }

    pub(super) fn set_memory(&self, used: u64, limit: u64) {
        let [own_used, own_limit] = &self.memory;
        own_used.store(used, Ordering::Relaxed);
        own_limit.store(limit, Ordering::Relaxed);
    }

    /// The memory that the proxy has and may have; `None` where it may have any.
    pub(crate) fn memory(&self) -> Option<(u64, u64)> {
        let [used, limit] = &self.memory;
        let limit = limit.load(Ordering::Relaxed);
        (limit > 0).then(|| (used.load(Ordering::Relaxed), limit))
    }

    pub(super) fn worker_is_late(&self, is_late: bool) {
        match is_late {
            true => self.late_workers.fetch_add(1, Ordering::Relaxed),
            false => self.late_workers.fetch_sub(1, Ordering::Relaxed),
        };
    }

    /// All of it, for people.
    pub(crate) fn view(&self) -> Value {
        let memory = self.memory();
        json!({"level": self.step().words(), "memory_bytes": memory.map(|(used, _)| used),
            "memory_max_bytes": memory.map(|(_, limit)| limit), "late_workers": self.late_workers()})
    }

    /// Workers whose work is late.
    pub(crate) fn late_workers(&self) -> usize {
        self.late_workers.load(Ordering::Relaxed)
    }

    pub(super) fn count_shed(&self, direction: Direction, reason: Reason) {
        let of_direction = self.shed.get(direction as usize).into_iter().flatten();
        let mut own = of_direction.zip(Reason::ALL).filter(|(_, one)| *one == reason);
        own.next().into_iter().for_each(|(count, _)| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// Calls and flows that were refused.
    pub(crate) fn shed(&self) -> impl Iterator<Item = (Direction, Reason, u64)> {
        let directions = [Direction::Inbound, Direction::Outbound].into_iter().zip(&self.shed);
        directions.flat_map(|(direction, counts)| {
            let counts = counts.iter().map(|count| count.load(Ordering::Relaxed));
            Reason::ALL.into_iter().zip(counts).map(move |(reason, count)| (direction, reason, count))
        })
    }
}
