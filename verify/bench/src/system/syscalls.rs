//! Counts system calls with perf, in windows of their own: counting costs time, so no other figure comes from them.
//! It must not be needed: where perf cannot count, the column stays empty and the run says why.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use mesher_verify::machine::descendants;

use super::affinity::{GENERATOR, pin_self};
use super::surroundings::program;

/// The tracepoint that every system call passes.
const EVENT: &str = "raw_syscalls:sys_enter";

/// perf, where it can count.
#[derive(Debug)]
pub(crate) struct Counter {
    perf: PathBuf,
}

/// A count that is under way.
#[derive(Debug)]
pub(crate) struct Counting {
    child: Child,
}

impl Counter {
    /// Looks whether perf is there and may count.
    ///
    /// # Errors
    /// Says why not.
    pub(crate) fn find() -> Result<Self> {
        let perf = program("perf").context("perf is not installed")?;
        let counter = Self { perf };
        let output = counter.command().arg("true").output().context("perf cannot be started")?;
        parse_count(&String::from_utf8_lossy(&output.stderr))
            .context("perf cannot count system calls here")?;
        Ok(counter)
    }

    /// Counts the calls of a process tree from about now on, for as many seconds.
    pub(crate) fn start(&self, pid: u32, seconds: f64) -> Result<Counting> {
        let mut pids = vec![pid];
        pids.extend(descendants(pid));
        let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
        let mut command = self.command();
        command.args(["-p", &pids.join(","), "--", "sleep", &format!("{seconds:.2}")]);
        pin_self(GENERATOR)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        Ok(Counting { child: child.context("perf cannot be started")? })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.perf);
        command.args(["stat", "-x", ",", "-e", EVENT]).env("LC_ALL", "C");
        command
    }
}

impl Counting {
    pub(crate) fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Calls for each nanosecond that the processes ran while perf counted.
    pub(crate) fn rate(self) -> Result<f64> {
        let output = self.child.wait_with_output().context("perf does not end")?;
        let text = String::from_utf8_lossy(&output.stderr);
        let (count, run) = parse_count(&text).with_context(|| format!("perf says: {}", text.trim()))?;
        if run == 0 {
            bail!("the processes did not run while perf counted");
        }
        Ok(count as f64 / run as f64)
    }
}

/// The count, and the nanoseconds for which it was counted, of a line of `perf stat -x ,`.
pub(super) fn parse_count(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find(|line| line.contains(EVENT))?;
    let fields: Vec<_> = line.split(',').collect();
    Some((fields.first()?.parse().ok()?, fields.get(3)?.parse().ok()?))
}
