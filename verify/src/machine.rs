//! What the system says: which processes there are and what they use, which ports are free, which programs exist.
//! It must change nothing.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::patience::fail;

/// The ports from which the system takes none for outgoing connections, without those that Mesher has as defaults.
const PORTS: std::ops::Range<u16> = 11_000..30_000;

/// A loopback port that nobody listened on a moment ago. Each call of a run gives another.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    // Suites that run at the same time begin at different places.
    let begin = u16::try_from(std::process::id() * 97 % u32::from(width)).unwrap_or_default();
    for _ in 0..width {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (begin + step % width) % width;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    fail("no port is free")
}

/// Whether the machine has an IPv6 loopback address.
pub fn has_ipv6() -> bool {
    TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).is_ok()
}

/// Where programs are looked for: that of this process, and the folders of daemons.
pub fn search_path() -> String {
    let own = variable("PATH").unwrap_or_default();
    format!("{own}:/usr/local/sbin:/usr/sbin:/sbin")
}

/// A variable of this process.
#[expect(clippy::disallowed_methods, reason = "the one place of the testkit that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The file of a program, where it is installed.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = search_path();
    path.split(':').map(|folder| PathBuf::from(folder).join(name)).find(|file| file.is_file())
}

/// Processes that were started by `pid`, and those that these started.
pub fn descendants(pid: u32) -> Vec<u32> {
    let all: Vec<_> = pids().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![pid];
    let mut index = 0;
    while let Some(&ancestor) = found.get(index) {
        found.extend(all.iter().filter(|(_, parent)| *parent == ancestor).map(|(pid, _)| *pid));
        index += 1;
    }
    found.split_off(1)
}

/// The one descendant of `pid` whose command line holds all of `words`.
pub fn descendant(pid: u32, words: &[&str]) -> Option<u32> {
    let has_all = |pid: &u32| {
        let line = command_line(*pid);
        words.iter().all(|word| line.iter().any(|argument| argument == word))
    };
    descendants(pid).into_iter().find(has_all)
}

/// Live processes in whose environment `NAME=VALUE` stands.
pub fn marked(mark: &str) -> Vec<u32> {
    let is_marked = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
    };
    pids().into_iter().filter(is_marked).collect()
}

/// Resident memory that is the process's own, in bytes; zero once it has ended.
pub fn own_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

/// The arguments of a process, its program first.
pub fn command_line(pid: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

fn pids() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; state and parent follow it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Lets this process, and those that it starts, hold `wanted` descriptors, or as many as the system allows. Returns how
/// many that are.
pub fn allow_descriptors(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= wanted) {
        return wanted;
    }
    let maximum = now.maximum.map(|maximum| maximum.max(wanted));
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .or_else(|_| setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum }));
    getrlimit(Resource::Nofile).current.map_or(wanted, |current| current.min(wanted))
}
