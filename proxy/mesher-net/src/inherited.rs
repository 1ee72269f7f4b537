//! Descriptors that the process was started with, as a service manager's socket activation passes them.
//! It must take each only once, and only those that the caller says were passed to this process.

use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::FdFlags;

/// The first descriptor that is passed; those before it are input, output and errors.
const FIRST: RawFd = 3;

/// Takes the descriptors 3 to `3 + count`, so that programs started by this one do not get them. Descriptors that are
/// not open are `None`. A second call takes nothing.
#[must_use]
pub fn take(count: usize) -> Vec<Option<OwnedFd>> {
    static ARE_TAKEN: AtomicBool = AtomicBool::new(false);
    if ARE_TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    (FIRST..).take(count).map(take_one).collect()
}

fn take_one(number: RawFd) -> Option<OwnedFd> {
    let is_open = std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok();
    if !is_open {
        return None;
    }
    // SAFETY: the descriptor is open. Whoever started this process says that it passed it, so nothing in this process
    // opened it, and it is taken once.
    #[expect(unsafe_code, reason = "the number is all that the starting process leaves us")]
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    // The one that fails here is passed on to nobody either: this process starts no other with it.
    let _ = rustix::io::fcntl_setfd(&descriptor, FdFlags::CLOEXEC);
    Some(descriptor)
}
