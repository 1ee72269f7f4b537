//! Gives memory that is free inside the process back to the system, and pages of the program that it no longer uses.
//! It must be called off a request's path only: the allocator holds its locks meanwhile, and pages come back at a cost.

/// Free memory at the end of a heap beyond this many bytes is given back at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FREE_END_MAX: libc::c_int = 1024 * 1024;
/// Blocks of so many bytes have pages of their own, which go back with them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES_MIN: libc::c_int = 256 * 1024;

/// Holds the allocator to bounds that do not grow. By itself it keeps, after each large block that it freed, twice as much
/// at the end of each heap: what a burst used stays there for good. To be called before there are threads.
///
/// Without effect where the allocator has no such function.
pub fn bound_free() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes no pointer (mallopt(3)).
    #[expect(unsafe_code, reason = "the standard library has no word for this")]
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_END_MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES_MIN);
    }
}

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

/// Takes the program's code and constants out of this process's memory. What is used again comes back at its next use from
/// the system's cache, sixteen pages at a time; what only the start needed, which is most of it, does not.
///
/// Without effect where the system has no such function.
pub fn forget_code() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    // SAFETY: the function calls `forget_segments` for each loaded object, with what that is made for, and keeps nothing of
    // it (dl_iterate_phdr(3)).
    #[expect(unsafe_code, reason = "the standard library has no word for this")]
    unsafe {
        libc::dl_iterate_phdr(Some(forget_segments), std::ptr::null_mut());
    }
}

/// Forgets those segments of an object that nobody can have written to. Ends with the first object: the program itself.
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
#[expect(unsafe_code, reason = "the system's function calls back with pointers")]
unsafe extern "C" fn forget_segments(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the function takes no pointer (sysconf(3)).
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(usize::MAX);
    // SAFETY: the caller passes an object that lives as long as this call, with its table of segments.
    let (base, segments) = unsafe {
        let object = &*object;
        (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)))
    };
    let is_constant =
        |segment: &&libc::Elf64_Phdr| segment.p_type == libc::PT_LOAD && segment.p_flags & libc::PF_W == 0;
    for segment in segments.iter().filter(is_constant) {
        let (begin, bytes) = (base.wrapping_add(segment.p_vaddr) as usize, segment.p_memsz as usize);
        let start = begin - begin % page;
        let length = begin + bytes - start;
        // SAFETY: the pages are mapped from the program's file and cannot be written to: whoever looks at them next finds
        // what stood there before (madvise(2), MADV_DONTNEED). Relocated constants are in a segment that is writable
        // until they are, and so is not among these.
        unsafe {
            libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED);
        }
    }
    1
}
