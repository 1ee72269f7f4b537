//! How much memory this process may use, as control groups say, and how much it has of its own.
//! It must read and never set: limits are for whoever started the process.

use std::fs;
use std::path::Path;

/// Where control groups are.
const ROOT: &str = "/sys/fs/cgroup";
/// In which groups this process is.
const MEMBERSHIP: &str = "/proc/self/cgroup";
/// From here on a limit is how the system writes that there is none.
const NO_LIMIT: u64 = 1 << 60;

/// The least limit in bytes of the control groups that this process is in, of either version; `None` where there is none.
#[must_use]
pub fn memory_limit() -> Option<u64> {
    least_limit(Path::new(ROOT), &fs::read_to_string(MEMBERSHIP).ok()?)
}

pub(crate) fn least_limit(root: &Path, membership: &str) -> Option<u64> {
    // `NUMBER:CONTROLLERS:PATH` (cgroups(7)); version 2 has no controllers there.
    let groups = membership.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let limits = groups.filter_map(|(controllers, path)| match controllers {
        "" => limit_along(root, path, "memory.max"),
        _ if controllers.split(',').any(|one| one == "memory") => {
            limit_along(&root.join("memory"), path, "memory.limit_in_bytes")
        }
        _ => None,
    });
    limits.min()
}

/// The least limit of a group and of those around it. In a container the path is one of the machine, and not there: then the
/// group at the root is its own.
fn limit_along(root: &Path, path: &str, file: &str) -> Option<u64> {
    let group = root.join(path.trim_start_matches('/'));
    let groups = group.ancestors().take_while(|group| group.starts_with(root));
    let limits = groups.filter_map(|group| fs::read_to_string(group.join(file)).ok()?.trim().parse().ok());
    limits.filter(|limit: &u64| *limit < NO_LIMIT).min()
}

/// The memory that this process has for itself, in bytes: what the system cannot take back by reading a file again. Zero where
/// the system does not tell.
#[must_use]
pub fn own_memory() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = statm.split_whitespace().skip(1).map_while(|pages| pages.parse::<u64>().ok());
    let (resident, shared) = (pages.next().unwrap_or_default(), pages.next().unwrap_or_default());
    resident.saturating_sub(shared) * rustix::param::page_size() as u64
}
