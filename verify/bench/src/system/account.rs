//! What a proxy has used so far: processor time of all its threads, and its share of memory.
//! It must count every process of the proxy's tree, and no other.

use std::fs;
use std::ops::{Add, Sub};

use mesher_verify::machine::descendants;
use serde::{Deserialize, Serialize};

/// Processor time that was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spent {
    /// Nanoseconds on a processor, by the scheduler.
    pub(crate) run: u64,
    /// Clock ticks in user mode, by sampling.
    pub(crate) user: u64,
    /// Clock ticks in the kernel, by sampling.
    pub(crate) system: u64,
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { run: self.run + other.run, user: self.user + other.user, system: self.system + other.system }
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            run: self.run.saturating_sub(other.run),
            user: self.user.saturating_sub(other.user),
            system: self.system.saturating_sub(other.system),
        }
    }
}

/// What a process, and all that it started, have used since their starts.
pub(crate) fn spent(pid: u32) -> Spent {
    let mut sum = Spent::default();
    for pid in tree(pid) {
        sum.run += threads(pid).into_iter().map(|thread| run_time(pid, thread)).sum::<u64>();
        let (user, system) =
            read(&format!("/proc/{pid}/stat")).and_then(|text| parse_stat(&text)).unwrap_or_default();
        sum.user += user;
        sum.system += system;
    }
    sum
}

/// Nanoseconds of a process's main thread and of its other threads.
pub(crate) fn threads_spent(pid: u32) -> (u64, u64) {
    let (main, others): (Vec<_>, Vec<_>) = threads(pid).into_iter().partition(|thread| *thread == pid);
    let sum = |threads: Vec<u32>| threads.into_iter().map(|thread| run_time(pid, thread)).sum();
    (sum(main), sum(others))
}

/// Memory of a process, and of all that it started, with shared pages divided among their users; in bytes.
pub(crate) fn proportional_memory(pid: u32) -> u64 {
    let one = |pid| read(&format!("/proc/{pid}/smaps_rollup")).and_then(|text| parse_rollup(&text));
    tree(pid).into_iter().filter_map(one).sum()
}

/// The first number of a `schedstat`: nanoseconds on a processor.
pub(super) fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// User and system ticks of a `stat`. The name stands in parentheses and may hold anything.
pub(super) fn parse_stat(text: &str) -> Option<(u64, u64)> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Bytes of the line `Pss` of a `smaps_rollup`.
pub(super) fn parse_rollup(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    all.extend(descendants(pid));
    all
}

fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn run_time(pid: u32, thread: u32) -> u64 {
    let text = read(&format!("/proc/{pid}/task/{thread}/schedstat"));
    text.and_then(|text| parse_schedstat(&text)).unwrap_or_default()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}
