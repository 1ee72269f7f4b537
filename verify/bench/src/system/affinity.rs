//! Which processor does what: clients and backend on one, the proxy on the other.
//! It must pin a program before it starts, since only then all of its threads are pinned.

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Place of a processor among those that this process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Processor(usize);

/// Clients, backend, control plane.
pub(crate) const GENERATOR: Processor = Processor(0);
/// Whatever is measured.
pub(crate) const PROXY: Processor = Processor(1);

/// Pins the calling thread, and so whatever it starts from now on.
pub(crate) fn pin_self(processor: Processor) -> Result<()> {
    let number = allowed()?.get(processor.0).copied();
    let number =
        number.context("two processors are needed: one for clients and backend, one for the proxy")?;
    let mut set = CpuSet::new();
    set.set(number);
    sched_setaffinity(None, &set).with_context(|| format!("cannot use processor {number} alone"))
}

/// The processors that the process had when it was started: pinning must not shrink the choice.
fn allowed() -> Result<&'static [usize]> {
    static ALLOWED: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    let set = sched_getaffinity(None).context("the system does not tell which processors may be used")?;
    let found = ALLOWED.get_or_init(|| (0..CpuSet::MAX_CPU).filter(|number| set.is_set(*number)).collect());
    ensure!(!found.is_empty(), "the system names no processor");
    Ok(found)
}
