//! Child processes that do not outlive their parent, and signals to them.
//! It must signal only processes that the caller started.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};

/// Asks the kernel to end the child with SIGTERM when the thread that starts it ends, whatever ends it.
///
/// The caller must start the child from a thread that lives as long as the process: the main one.
pub fn end_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let tie = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        // The parent may have ended before the request reached the kernel.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::Error::other("the parent ended"))
        }
    };
    // SAFETY: between fork and exec the closure makes two system calls and allocates nothing unless it fails, and
    // touches no lock and no memory of another thread.
    #[expect(unsafe_code, reason = "the standard library offers no other way to set this before exec")]
    unsafe {
        command.pre_exec(tie);
    }
}

/// Leaves the process group that a terminal's Ctrl-C reaches. Who started this process ends it.
///
/// # Errors
/// The system's.
pub fn leave_terminal_group() -> io::Result<()> {
    Ok(rustix::process::setpgid(None, None)?)
}

/// Whether this process may do everything.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Asks the child with this id to end (SIGTERM).
///
/// # Errors
/// The system's, when there is no such process any more.
pub fn terminate(pid: u32) -> io::Result<()> {
    signal(pid, Signal::TERM)
}

/// Ends the child with this id at once (SIGKILL).
///
/// # Errors
/// The system's, when there is no such process any more.
pub fn kill(pid: u32) -> io::Result<()> {
    signal(pid, Signal::KILL)
}

fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(pid, signal)?)
}

/// Whether this process has a child that has not ended. It takes the status of those that have.
#[must_use]
pub fn has_children() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// The name of this machine.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What this process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_descriptors: u64,
    /// Processor time, in the kernel and outside.
    pub processor_time: Duration,
}

/// What this process uses now; zeros where the system does not tell.
#[must_use]
pub fn usage() -> Usage {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(clock.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(clock.tv_nsec).unwrap_or(0);
    Usage {
        resident_bytes: pages * rustix::param::page_size() as u64,
        open_descriptors: open as u64,
        processor_time: Duration::new(seconds, nanoseconds),
    }
}
