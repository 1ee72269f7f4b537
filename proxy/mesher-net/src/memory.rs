//! Gives memory that is free inside the process back to the system.
//! It must be called off a request's path only: the allocator holds its locks meanwhile.

/// Returns to the system what the allocator keeps for later. After a burst of connections that is most of what they used.
///
/// Without effect where the allocator has no such function.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes no pointer and may be called by any thread at any time (malloc_trim(3)).
    #[expect(unsafe_code, reason = "the standard library has no word for this")]
    unsafe {
        libc::malloc_trim(0);
    }
}
